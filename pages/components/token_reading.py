"""The reading tab: the texts coloured token by token."""

import streamlit as st

from analysis.figures import token_tables
from analysis.figures.reading import reading, texts_within
from pages.components import token_scale
from pages.components.token_reports import Compared
from pages.components.token_view import pinned, token_view

SHOWN_TOKENS = 20_000  # sent at once; more come on request


@st.fragment
def tab(found: Compared, titles: dict[str, str]) -> None:
    """The texts; runs alone when a token is pinned or the scale changes."""
    columns = found.columns
    shown = token_scale.controls(columns)
    st.markdown(token_tables.report_words(columns, shown.measure))
    needed = (pinned() or [None])[0]
    limit = texts_within(columns, st.session_state.get("token_shown", SHOWN_TOKENS), needed)
    token_view(reading(columns, shown, titles=titles, limit=limit, beside=found.beside))
    total = len(columns.report.prompts)
    if limit < total:
        more = f"Show more: {limit:,} of {total:,} texts are on screen"
        st.button(
            more, on_click=show_more, args=(int(columns.starts[limit]) + SHOWN_TOKENS,), icon=":material/expand_more:"
        )


def show_more(tokens: int) -> None:
    """Let at least so many tokens be on screen; a callback."""
    st.session_state["token_shown"] = max(tokens, st.session_state.get("token_shown", SHOWN_TOKENS))
