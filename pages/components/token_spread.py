"""The distribution tab: along the text, prompt against answer, by relation and level, from state to state."""

import streamlit as st

from analysis.figures import token_facts, token_tables, tokens
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_mass import PARTS, Part
from analysis.figures.token_measures import WORDS, Measure
from analysis.records import Question
from cache.making import About
from pages.components import address, charts, token_scale
from pages.components.token_reports import Compared

FIELDS = (address.one_of("token_part", PARTS, "first"),)
PERCENT = st.column_config.NumberColumn(format="percent")


@st.fragment
def tab(found: Compared, questions: dict[str, Question]) -> None:
    """Means, then where along the text, then by what was asked."""
    token_scale.hold()
    address.hold(*FIELDS)
    columns = found.columns
    with st.container(width=230):
        measure = token_scale.chosen_measure(columns)
    token_scale.explained(columns, measure)
    about = found.measured(measure)
    means(columns, measure, about)
    words = tokens.spread_words(columns, measure)
    left, right = st.columns(2)
    with left:
        charts.show(tokens.by_position(columns, measure), key="token_position", alt=words, about=about)
    with right:
        charts.show(tokens.spread(columns, measure), key="token_spread", alt=words, about=about)
    part = st.segmented_control("Mean over", list(PARTS), required=True, format_func=PARTS.get, key="token_part")
    facts(found, measure, questions, part or "first")
    states(found, measure, part or "first")


def means(columns: TokenColumns, measure: Measure, about: About) -> None:
    """The averages, each with its count and interval."""
    number = st.column_config.NumberColumn(format="%.3g")
    unit = WORDS[measure].unit
    held = {
        "part": st.column_config.TextColumn("tokens"),
        "mean": number | {"label": f"mean ({unit})"},
        "low": number | {"label": "95% from"},
        "high": number | {"label": "to"},
        "first_choice_differs": PERCENT | {"label": "first choice differs"},
    }
    table, words = token_tables.means_table(columns, measure), token_tables.report_words(columns, measure)
    charts.table(table, key="token_means", columns=held, finding=words, about=about, width="stretch")


def facts(found: Compared, measure: Measure, questions: dict[str, Question], part: Part) -> None:
    """By relation and by mastery level, where the questions have them."""
    columns, about = found.columns, found.measured(measure, over=PARTS[part])
    tables = {fact: token_facts.fact_table(columns, measure, questions, fact, part) for fact in token_facts.FACT_NAMES}
    if all(table.empty for table in tables.values()):
        st.caption("By relation and mastery level: with test questions that have them, and answers among the tokens.")
        return
    for column, (fact, table) in zip(st.columns(2), tables.items(), strict=True):
        with column:
            if table.empty:
                st.caption(token_facts.fact_words(table, fact))
                continue
            figure = token_facts.fact_figure(table, columns, measure, fact, part)
            charts.show(figure, key=f"token_{fact}", alt=token_facts.fact_words(table, fact), about=about)


def states(found: Compared, measure: Measure, part: Part) -> None:
    """Base to tuned to restored, where a restored state is looked at."""
    if not found.beside:
        st.caption("Choose a restored state above to see base, tuned and restored compared on these texts.")
        return
    table = token_facts.state_table(found.beside, measure, part)
    about, words = found.measured(measure, over=PARTS[part]), token_facts.state_words(table, measure, part)
    st.caption(words)
    charts.show(token_facts.state_figure(table, measure, part), key="token_states", alt=words, about=about)
