"""The hidden default page: `/` sends on to the last view, so that every named page has a path of its own."""

import streamlit as st

from pages.components import selection

last = st.session_state.get("last_page") or ("overview" if selection.comparison() else "compare")
st.switch_page(f"{last}.py", query_params=st.query_params.to_dict())
