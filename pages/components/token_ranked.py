"""The ranked tab: the largest disagreements with their context, and whether they lie on facts or on format."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from analysis.figures import numbers, token_mass, token_tables
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_measures import WORDS, Measure
from analysis.figures.token_types import KINDS
from pages.components import address, charts, token_opening, token_scale
from pages.components.token_reports import Compared

RANKED_ROWS = 500
ROWS = "ranked_tokens"
KIND_HELP = (
    "By a token's look: an entity is a word that begins with a capital or a digit and is no English function word; "
    "format is special and template tokens and white space. Names at a sentence's start count as entities, and so do "
    "other words there."
)
PERCENT = st.column_config.NumberColumn(format="percent")
FIELDS = (
    address.one_of("token_kind", ("all", *KINDS), "all"),
    address.one_of("token_mass_part", token_mass.PARTS, "first"),
)


@st.fragment
def tab(found: Compared, titles: dict[str, str]) -> None:
    """Ranking above, the two tables by kind beneath."""
    token_opening.follow()
    token_scale.hold()
    address.hold(*FIELDS)
    columns = found.columns
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=230):
            measure = token_scale.chosen_measure(columns)
        kind = st.segmented_control("Tokens", ["all", *KINDS], required=True, key="token_kind", help=KIND_HELP)
    token_scale.explained(columns, measure)
    ranking(found, measure, titles, None if kind in (None, "all") else kind)
    by_kind(found, measure)
    mass(found)


def ranking(found: Compared, measure: Measure, titles: dict[str, str], kind: str | None) -> None:
    """The largest disagreements; a chosen row opens its token in the text."""
    columns = found.columns
    st.subheader("Largest disagreements")
    table = token_tables.ranked_tokens(columns, measure, titles, RANKED_ROWS, kind)
    if table.empty:
        st.info("No counted token of this kind is in these texts.", icon=":material/filter_alt_off:")
        return
    counted = numbers.count(columns.report.tokens_counted)
    st.caption(f"{len(table):,} of {counted} counted tokens. Select a row to open its token in the text.")
    places = list(zip(table["text_id"], table["position"], strict=True))
    charts.table(
        table,
        key=ROWS,
        columns=_ranked_columns(columns, measure),
        finding=token_tables.ranked_words(table, columns, measure, kind),
        about=found.measured(measure, kind=kind or "all"),
        width="stretch",
        on_select=lambda: _follow(places),
        selection_mode="single-row",
        height=360,
    )
    charts.csv(lambda: token_tables.token_table(columns, titles), "tokens", label="CSV of every token")


def _ranked_columns(columns: TokenColumns, measure: Measure) -> dict[str, object]:
    base, state = columns.report.against, columns.report.state
    return {
        "value": st.column_config.NumberColumn(WORDS[measure].unit, format="%.3g"),
        "token": st.column_config.TextColumn("token", width=120),
        "base_expected": st.column_config.TextColumn(f"{base} expected"),
        "tuned_expected": st.column_config.TextColumn(f"{state} expected"),
        "base_probability": PERCENT | {"label": f"{base} gave it"},
        "tuned_probability": PERCENT | {"label": f"{state} gave it"},
        "text_id": None,
    }


def _follow(places: list[tuple[str, int]]) -> None:
    rows = st.session_state[ROWS]["selection"]["rows"]
    if rows:
        token_opening.open_token(*places[rows[0]])


def by_kind(found: Compared, measure: Measure) -> None:
    """On which kinds of tokens the disagreement lies."""
    columns = found.columns
    st.subheader("Where the disagreement lies")
    st.caption("Every predicted token, template and special tokens included: they are the format. Intervals: 95%.")
    table = token_mass.kind_table(columns, measure)
    labels = {"tokens": "share of tokens", "share": "share of all disagreement", "low": "from", "high": "to"}
    shares = {name: PERCENT | {"label": label} for name, label in labels.items()}
    mean = st.column_config.NumberColumn(f"mean ({WORDS[measure].unit})", format="%.3g")
    held, words = {**shares, "mean": mean}, token_tables.kind_words(table, measure)
    about = found.measured(measure)
    charts.table(table, key="token_kinds", columns=held, finding=words, about=about, width="stretch")


def mass(found: Compared) -> None:
    """How much probability each model gives to each kind."""
    columns = found.columns
    st.subheader("From facts to format?")
    part = st.segmented_control(
        "Probability at",
        list(token_mass.PARTS),
        required=True,
        format_func=token_mass.PARTS.get,
        key="token_mass_part",
        label_visibility="collapsed",
    )
    table = token_mass.mass_table(columns, part or "first")
    words = token_mass.mass_words(table, part or "first", columns.report.against, columns.report.state)
    st.markdown(words)
    about = replace(found.about, further={"probability at": token_mass.PARTS[part or "first"]})
    names = {
        "base": columns.report.against,
        "tuned": columns.report.state,
        "change": "change",
        "low": "from",
        "high": "to",
    }
    shares = {name: PERCENT | {"label": label} for name, label in names.items()}
    shown = _without_dust(table)
    charts.table(shown, key="token_mass", columns=shares, finding=words, about=about, width="stretch")


def _without_dust(table: pd.DataFrame) -> pd.DataFrame:
    return table.round(dict.fromkeys(("base", "tuned", "change", "low", "high"), 6))
