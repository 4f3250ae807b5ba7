"""The reading tab: the texts coloured token by token."""

import streamlit as st

from analysis.figures import token_tables, token_text
from analysis.figures.reading import reading, texts_within
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_measures import Measure
from pages.components import charts, token_scale
from pages.components import token_view as view
from pages.components.token_reports import Compared
from pages.components.words import plain

SHOWN_TOKENS = 20_000  # sent at once; more come on request


@st.fragment
def tab(found: Compared, titles: dict[str, str]) -> None:
    """The texts; runs alone when a token is pinned or the scale changes."""
    columns = found.columns
    view.hold()
    shown = token_scale.controls(columns)
    st.markdown(token_tables.report_words(columns, shown.measure))
    needed = _pinned_text(columns)
    limit = texts_within(columns, st.session_state.get("token_shown", SHOWN_TOKENS), needed)
    view.token_view(reading(columns, shown, titles=titles, limit=limit, beside=found.beside))
    _pin_text(found, shown.measure, titles, needed)
    total = len(columns.report.prompts)
    if limit < total:
        more = f"Show more: {limit:,} of {total:,} texts are on screen"
        st.button(
            more, on_click=show_more, args=(int(columns.starts[limit]) + SHOWN_TOKENS,), icon=":material/expand_more:"
        )


def _pinned_text(columns: TokenColumns) -> str | None:
    """The id of the pinned token's text, or None; a token of other texts than these stays pinned, and that is said."""
    text, position = view.pinned() or (None, 0)
    if text is not None and all(prompt.id != text for prompt in columns.report.prompts):
        st.caption(plain(f"The pinned token (text “{text}”, position {position}) is not in these texts."))
    return text


def _pin_text(found: Compared, measure: Measure, titles: dict[str, str], text: str | None) -> None:
    """Keep one text as a figure, or save it: that of the pinned token, else the first."""
    columns = found.columns
    names = [prompt.id for prompt in columns.report.prompts]
    number = names.index(text) if text in names else 0
    if not names:
        return
    words = token_text.text_words(columns, number, measure)
    title = titles.get(names[number], names[number])
    which = "this text" if text in names else "the first text"
    charts.foot_of(
        lambda: token_text.coloured_text(columns, number, measure, title),
        key="reading",
        alt=words,
        about=found.measured(measure, text=names[number]),
        labels=(f"Pin {which}", f"Save {which}"),
    )


def show_more(tokens: int) -> None:
    """Let at least so many tokens be on screen; a callback."""
    st.session_state["token_shown"] = max(tokens, st.session_state.get("token_shown", SHOWN_TOKENS))
