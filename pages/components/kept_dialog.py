"""A dialog that stays open, with what is typed in it, while work goes on behind it.

Streamlit takes a dialog away as soon as the page runs again, and a job that ends has the page run again. So what is
open is remembered: polls leave the page alone while a dialog stands over it and run it once that is gone; and where the
page does run, the dialog is called again.
"""

from typing import Any

import streamlit as st

_OPEN = "open_dialog"  # in the session: page, name, and what the dialog is called with
_DRAWN = "open_dialog_drawn"  # whether this page has called it


def begin(page: str) -> None:
    """A run of this whole page begins; a dialog of another one is gone with it. By the shell."""
    st.session_state.pop(_DRAWN, None)
    if st.session_state.get(_OPEN, (page,))[0] != page:
        close()


def open_with(name: str, *held: Any) -> None:
    """From now on the dialog of this name is open on this page."""
    st.session_state[_OPEN] = (_page(), name, held)


def held(name: str) -> tuple[Any, ...] | None:
    """What the dialog is to be called with, where it is the one that is open; None otherwise."""
    page, which, found = st.session_state.get(_OPEN, ("", "", ()))
    if (page, which) != (_page(), name):
        return None
    st.session_state[_DRAWN] = True
    return found


def close() -> None:
    """It was dismissed, or has done its work."""
    st.session_state.pop(_OPEN, None)


def rerun_page() -> None:
    """Run the page again because something has changed; not now where a dialog is open: the next poll asks again."""
    if not (_OPEN in st.session_state and _DRAWN in st.session_state):
        st.rerun()


def _page() -> str:
    return str(st.session_state.get("last_page") or "")
