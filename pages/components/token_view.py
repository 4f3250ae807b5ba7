"""The reading view in the browser: a component whose data is what analysis.figures.reading makes.

Token text crosses as data and is written with textContent, never as HTML. The pinned token is this session's, so it
outlives a change of stop; everything else a pointer or key does stays in the browser.
"""

from typing import Any

import streamlit as st

from pages.components.browser_parts import fingerprint, joined

VIEW = "token_view"
_HTML = """
<section class="view">
  <header class="legend"></header>
  <div class="texts"></div>
  <div class="card hover" popover="manual" aria-hidden="true"></div>
  <div class="card pin" popover="manual" role="dialog" aria-label="Pinned token"></div>
  <div class="live" aria-live="polite"></div>
</section>
"""


_COMPONENT = st.components.v2.component(
    "palimpsest_token_view",
    html=_HTML,
    css=joined("token_legend.css", "token_view.css"),
    js=joined("token_format.js", "token_card.js", "token_view.js"),
)


def token_view(data: dict[str, Any], *, key: str = VIEW) -> None:
    """Draw a reading, with this session's pinned token; `pinned` tells which that is."""
    _COMPONENT(
        key=key,
        data={**data, "key": fingerprint(data), "pinned": pinned(key)},
        on_pin_change=lambda: pin(st.session_state[key].pin, key),
    )


def pinned(key: str = VIEW) -> list[Any] | None:
    """The pinned token as [text id, position], or None; kept apart from the component, which goes while work runs."""
    return st.session_state.get(f"{key}-pinned")


def pin(place: list[Any] | None, key: str = VIEW) -> None:
    """Pin the token at this place, [text id, position]; None or an empty place unpins."""
    st.session_state[f"{key}-pinned"] = list(place) if place else None
