"""The reading view in the browser: a component whose data is what analysis.figures.reading makes.

Token text crosses as data and is written with textContent, never as HTML. The pinned token is the component's state,
so it outlives a change of stop; everything else a pointer or key does stays in the browser.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from cache.keys import digest

VIEW = "token_view"
_HERE = Path(__file__).parent
_HTML = """
<section class="view">
  <header class="legend"></header>
  <div class="texts"></div>
  <div class="card hover" popover="manual" aria-hidden="true"></div>
  <div class="card pin" popover="manual" role="dialog" aria-label="Pinned token"></div>
  <div class="live" aria-live="polite"></div>
</section>
"""


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


_COMPONENT = st.components.v2.component(
    "palimpsest_token_view", html=_HTML, css=_read("token_view.css"), js=_read("token_view.js")
)


def token_view(data: dict[str, Any], *, key: str = VIEW) -> tuple[str, int] | None:
    """Draw a reading; returns the pinned token as (text id, position), or None."""
    pinned = pinned_token(key)
    result = _COMPONENT(
        key=key,
        data={**data, "key": digest(data), "pinned": pinned},
        on_pinned_change=lambda: None,
    )
    return tuple(result.pinned) if result.pinned else None


def pinned_token(key: str = VIEW) -> list[Any] | None:
    """What is pinned in this session, before the view is drawn."""
    return st.session_state.get(key, {}).get("pinned")
