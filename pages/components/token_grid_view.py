"""The grid in the browser: a component whose data is what analysis.figures.token_grid makes.

Token text crosses as data and is written with textContent, never as HTML.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.browser_parts import fingerprint, joined

VIEW = "token_grid"
_HTML = """
<section class="grid-view">
  <header class="legend"></header>
  <div class="said"></div>
  <div class="grid-frame" tabindex="0" role="application"
    aria-label="Grid of prompts and positions: arrow keys move, Enter opens the token in the text">
    <div class="head"></div>
    <div class="sheet"></div>
  </div>
  <div class="live" aria-live="polite"></div>
</section>
"""

_COMPONENT = st.components.v2.component(
    "palimpsest_token_grid",
    html=_HTML,
    css=joined("token_legend.css", "token_grid.css"),
    js=joined("token_format.js", "token_grid.js"),
)


def token_grid(data: dict[str, Any], on_open: Callable[[str, int], None], *, key: str = VIEW) -> None:
    """Draw a grid; `on_open` gets the text's id and the position of a cell that was clicked."""
    _COMPONENT(
        key=key,
        data={**data, "key": fingerprint(data)},
        on_open_change=lambda: _opened(on_open, st.session_state[key].open),
    )


def _opened(on_open: Callable[[str, int], None], place: list[Any] | None) -> None:
    if place:
        on_open(str(place[0]), int(place[1]))
