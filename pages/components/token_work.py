"""Work that a tab of the Tokens page waits for: queued once by itself, then again only on request."""

from typing import Any

import streamlit as st

from pages.components import progress, selection


def awaited(slot: str, wanted: str, title: str, method: str, *args: Any, **kwargs: Any) -> None:
    """Queue this work for the tab `slot`, unless `wanted` (what tells it from others) was tried before; show how far
    it is, or how it failed with a button to try again. A newer one of this session takes an older one's place."""
    if st.session_state.get(f"{slot}_tried") != wanted:
        queue(slot, wanted, title, method, *args, **kwargs)
    if not progress.watch(st.session_state.get(f"{slot}_job"), key=slot):
        again = {"args": (slot, wanted, title, method, *args), "kwargs": kwargs}
        st.button("Try again", on_click=queue, icon=":material/refresh:", key=f"{slot}_again", **again)


def queue(slot: str, wanted: str, title: str, method: str, *args: Any, **kwargs: Any) -> None:
    """Queue it now; a callback."""
    st.session_state[f"{slot}_tried"] = wanted
    st.session_state[f"{slot}_job"] = selection.start(
        title, method, *args, **kwargs, purpose=slot, page="tokens", quiet=True
    )
