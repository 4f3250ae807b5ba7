"""What a browser has not heard of yet: a message sent before it received the newest address is no link.

Every message of a browser brings its address and the values of its widgets. One sent a moment too early (a poll, a
second press) brings those from before the last change, and taken at its word it would undo that change. Its address
gives it away: it names what this session wrote itself, and has replaced since. The browser's Back names such an address
too, and says that it is Back; a link to another page is known by the page. Streamlit tells both in a run's context.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_EARLIER, _PAGE = "address_earlier", "address_page"  # in the session
_MOST = 8  # texts remembered of one entry: a browser is a change or two behind


def replaced(key: str, text: str | None) -> None:
    """Remember that the session wrote this text into the address, and another one now."""
    if text is not None:
        earlier: dict[str, tuple[str, ...]] = st.session_state.setdefault(_EARLIER, {})
        earlier[key] = (*earlier.get(key, ()), text)[-_MOST:]


def arrived() -> None:
    """Where this run was asked for by Back, or by a link to another page, all that its address names is meant."""
    context = get_script_run_ctx()
    if context is None:
        return
    if context.is_history_navigation or st.session_state.get(_PAGE) != context.page_script_hash:
        st.session_state.pop(_EARLIER, None)
    st.session_state[_PAGE] = context.page_script_hash


def is_behind(key: str) -> bool:
    """Whether the address names here what this session wrote before its newest text: the browser has not heard."""
    arrived()
    named = st.query_params.get(key)
    if named is None or named == st.session_state.get(f"written-{key}"):
        return False
    return named in st.session_state.get(_EARLIER, {}).get(key, ())


def set_by_callback(key: str) -> bool:
    """Whether a callback of this very run put the widget where it is: newer than anything the browser sent."""
    context = get_script_run_ctx()
    return context is not None and context.session_state.is_new_state_value(key)
