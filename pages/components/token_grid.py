"""The grid tab: prompts down, positions across; a click opens the token in the text."""

import streamlit as st

from analysis.figures import token_cells, token_measures
from analysis.figures.token_grid import ALIGNS, ORDERS, grid
from pages.components import address, charts, token_opening, token_scale
from pages.components.token_grid_view import token_grid
from pages.components.token_reports import Compared

FIELDS = (
    address.one_of("token_order", ORDERS, "given"),
    address.one_of("token_align", ALIGNS, "start"),
)


@st.fragment
def tab(found: Compared, titles: dict[str, str]) -> None:
    """All the texts at once; runs alone when order or scale change."""
    token_opening.follow()
    address.hold(*FIELDS)
    columns = found.columns
    shown = token_scale.controls(columns)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        order = st.selectbox("Order", list(ORDERS), format_func=ORDERS.get, key="token_order", width=260)
        align = st.selectbox("Positions from", list(ALIGNS), format_func=ALIGNS.get, key="token_align", width=220)
    data = grid(columns, shown, order=order or "given", align=align or "start", titles=titles)
    token_grid(data, token_opening.open_token)
    table = token_cells.text_table(columns, shown, order or "given", titles)
    words, unit = token_cells.grid_words(table, columns, shown.measure), token_measures.WORDS[shown.measure].unit
    about = found.measured(shown.measure, order=order, positions=align)
    charts.foot_of(
        lambda: token_cells.cell_figure(columns, shown, order or "given", align or "start", titles),
        key="token_cells",
        alt=words,
        about=about,
        labels=("Pin the grid", "Save the grid"),
    )
    with st.expander("Text by text, as a table"):
        number = st.column_config.NumberColumn(format="%.3g")
        held = {"n": "tokens", "mean": number | {"label": f"mean ({unit})"}, "largest": number, "at": "at the token"}
        charts.table(table, key="token_texts", columns=held, finding=words, about=about, width="stretch")
