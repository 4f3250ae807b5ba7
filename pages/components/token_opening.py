"""Going from a table or the grid to one token in the text."""

import streamlit as st

from pages.components.token_view import pin

TAB = "token_tab"
_OPENED = "token_opened"


def open_token(text_id: str, position: int) -> None:
    """Show the reading tab with this token pinned; a callback, also of a fragment."""
    st.session_state[TAB] = "reading"
    st.session_state[_OPENED] = True
    pin([text_id, int(position)])


def follow() -> None:
    """Go to the token just opened: a fragment's callback alone would leave the rest of the page as it was."""
    if st.session_state.pop(_OPENED, False):
        st.rerun(scope="app")
