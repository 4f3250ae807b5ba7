"""The hidden default page: `/` sends on to the last view, so that every named page has a path of its own."""

import streamlit as st

from cache.memo import workspace
from pages.components import selection

seen = selection.comparison() or st.session_state.get("last_page")
found = None if seen else workspace().first_view()
if found is not None:  # somebody's first look: at a finished finding
    selection.choose(*found)
last = st.session_state.get("last_page") or ("overview" if selection.comparison() else "compare")
st.switch_page(f"{last}.py", query_params=st.query_params.to_dict())
