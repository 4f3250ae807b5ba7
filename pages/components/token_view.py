"""The reading view in the browser: a component whose data is what analysis.figures.reading makes.

Token text crosses as data and is written with textContent, never as HTML. The pinned token is this session's and part
of a link, so it outlives a change of stop; everything else a pointer or key does stays in the browser.
"""

from typing import Any

import streamlit as st

from pages.components import address
from pages.components.browser_parts import fingerprint, joined
from pages.components.selection import LONGEST_ID

VIEW, PINNED = "token_view", "token"  # the component; the pinned token, in the session and in the address
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


def token_view(data: dict[str, Any]) -> None:
    """Draw a reading, with this session's pinned token; `pinned` tells which that is."""
    _COMPONENT(
        key=VIEW,
        data={**data, "key": fingerprint(data), "pinned": pinned()},
        on_pin_change=lambda: pin(st.session_state[VIEW].pin),
    )


def hold() -> None:
    """Take the pinned token from the address, and write it there."""
    address.hold(address.Field(PINNED, _place, [], _text))


def pinned() -> list[Any] | None:
    """The pinned token as [text id, position], or None; kept apart from the component, which goes while work runs."""
    return st.session_state.get(PINNED) or None


def pin(place: list[Any] | None) -> None:
    """Pin the token at this place, [text id, position]; None or an empty place unpins."""
    st.session_state[PINNED] = list(place or [])


def _text(place: list[Any]) -> str:
    return f"{int(place[1])}:{place[0]}" if place else ""


def _place(text: str) -> list[Any] | None:
    position, _, text_id = text.partition(":")
    if not text:
        return []
    known = position.isdecimal() and len(position) < 10 and 0 < len(text_id) <= LONGEST_ID
    return [text_id, int(position)] if known else None
