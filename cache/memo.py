"""The one room of cache/ that knows streamlit: the workspace a server process shares between its sessions."""

import streamlit as st

from cache.memory import collect_seldom
from cache.work import Workspace


@st.cache_resource(on_release=Workspace.close, show_spinner=False)
def workspace() -> Workspace:
    """The process's workspace: one store, one job queue, one resident model."""
    collect_seldom()
    return Workspace()
