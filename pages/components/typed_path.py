"""A path that a person types: in the address by its digest alone, so that a refresh finds it and a link tells none."""

import streamlit as st

from cache.memo import workspace
from pages.components import address


def ask(label: str, *, key: str, name: str, placeholder: str, elsewhere: str) -> str:
    """The path typed, "" for none; `name` is the address's word for it.

    `elsewhere` is said of a link whose path was typed on another store.
    """
    anew = address.names_anew(name)
    address.from_address(name, lambda text: _known(text, elsewhere))
    typed = workspace().typed.find(st.session_state.get(name, ""))
    if typed is not None and (anew or key not in st.session_state):
        st.session_state[key] = typed[0]
    given = st.text_input(label, key=key, placeholder=placeholder)
    if given:
        address.put(name, workspace().typed.keep((given,)))
    return given.strip()


def _known(name: str, elsewhere: str) -> str | None:
    """The name of a path that was typed on this store; of another, that it is not here is said."""
    texts = workspace().typed.find(name)
    if name and (texts is None or len(texts) != 1):
        address.notice(elsewhere)
        return None
    return name or None
