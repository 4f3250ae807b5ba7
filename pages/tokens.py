"""Tokens: where did the models stop agreeing? From one prompt to a whole test set, token by token."""

import streamlit as st

from analysis.figures import token_tables
from cache.memo import workspace
from cache.work import Comparison
from pages.components import (
    address,
    notices,
    token_generation,
    token_grid,
    token_paper,
    token_ranked,
    token_reading,
    token_reports,
    token_sources,
    token_spread,
)
from pages.components.token_opening import TAB

TABS = {
    "reading": ":material/menu_book: Reading",
    "grid": ":material/grid_on: Grid",
    "ranked": ":material/format_list_numbered: Ranked",
    "spread": ":material/bar_chart: Distribution",
    "told": ":material/forum: Generation",
    "paper": ":material/article: Paper's measure",
}


def compared_texts(pair: Comparison, tab: str) -> None:
    """The views of texts both models read: which texts, which states, then the view."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width="content"):
            source = token_sources.chooser()
        with st.container(width="stretch"):
            state, against = token_reports.chosen_states(pair, sides=tab != "told")
    chosen = token_sources.chosen(pair, source)
    if not chosen.texts:
        st.info(
            "Choose questions, type a prompt, paste many or upload a file to see them token by token.",
            icon=":material/text_fields:",
        )
        return
    if tab == "told":
        token_generation.tab(pair, chosen.texts, chosen.titles, state)
        return
    st.caption(token_tables.ALIGNMENT)
    found = token_reports.compared(pair, chosen.texts, state, against)
    if found is None:
        return
    if tab == "reading":
        token_reading.tab(found, chosen.titles)
    elif tab == "grid":
        token_grid.tab(found, chosen.titles)
    elif tab == "ranked":
        token_ranked.tab(found, chosen.titles)
    else:
        token_spread.tab(found, chosen.questions)


st.title("Tokens")
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    tab = address.view(TAB, "View", TABS, "reading")  # only that one is computed
    if tab == "paper":
        token_paper.tab(pair)
    else:
        compared_texts(pair, tab)
