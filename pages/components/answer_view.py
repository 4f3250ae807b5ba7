"""One question in full: gold, each state's answer, raw output and scores, what changed word by word, and where next."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures import mastery_tables, samples
from analysis.figures.differences import diff_html
from analysis.figures.visible import legible
from analysis.report import drawn, tables
from cache.work import Asking, Comparison
from pages.components import pinning, prompt_view, selection
from pages.components.words import plain

DOTS = {"base": ":blue[●]", "tuned": ":orange[●]", "restored": ":green[●]"}
DIFF_STYLE = """<style>
.answer-diff { line-height: 1.7; overflow-wrap: anywhere; unicode-bidi: isolate; }
.answer-diff del { background: rgba(213, 94, 0, 0.22); text-decoration: line-through; border-radius: 3px; }
.answer-diff ins { background: rgba(0, 158, 115, 0.25); text-decoration: none; border-radius: 3px; }
</style>"""


def detail(
    table: pd.DataFrame,
    found: pd.DataFrame,
    before: samples.State,
    after: samples.State,
    pair: Comparison,
    asking: Asking,
) -> None:
    """The chosen question, whether or not the filters show it; without one, how to choose it."""
    rows = table[table["id"] == selection.question()]
    if rows.empty:
        st.caption("Choose a row to see that question in full.")
        return
    row: dict[str, Any] = {str(name): value for name, value in rows.iloc[0].items()}
    with st.container(border=True, key="question"):
        _head(row, [str(name) for name in found["id"]])
        states = samples.states_of(table)
        for column, state in zip(st.columns(len(states)), states, strict=True):
            with column:
                _answer(row, state)
        st.markdown(f"**What changed, {before} → {after}**")
        st.html(f'<div class="answer-diff">{diff_html(row[f"{before} raw"], row[f"{after} raw"])}</div>{DIFF_STYLE}')
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Open in Tokens", icon=":material/text_fields:", key="open-tokens"):
                st.session_state["token_source"] = "questions"
                st.switch_page("tokens.py")
            prompt_view.popover(pair, asking, row["question"], key="question-prompt")
            words, answers = samples.sample_words(row, states), samples.sample_table(row, states)
            pinning.button(
                lambda: drawn.of_table(answers, tables.every_column(answers), words, "sample"),
                key="sample",
                finding=words,
                made={"question": row["id"]},
            )


def _head(row: dict[str, Any], order: list[str]) -> None:
    left, right = st.columns([5, 2], vertical_alignment="center")
    with left:
        st.markdown(f"**{plain(legible(row['question']))}**")
        facts = [row["side"], mastery_tables.relation_name(row["relation"])]
        facts += [] if pd.isna(row["level"]) else [f"mastery {row['level']}"]
        st.caption(f"gold: {plain(legible(row['gold']))}  \n{plain(' · '.join(facts))}")
    place = order.index(row["id"]) if row["id"] in order else None
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        last = len(order) - 1
        _step("Previous", order[place - 1] if place else None)
        _step("Next", order[place + 1] if place is not None and place < last else None)


def _step(label: str, to: str | None) -> None:
    go = {"on_click": selection.choose_question, "args": (to,), "disabled": to is None}
    st.button(label, key=f"question-{label}", type="tertiary", **go)


def _answer(row: dict[str, Any], state: samples.State) -> None:
    mark = samples.MARKS[bool(row[f"{state} contains"])]
    st.markdown(f"{DOTS[state]} {state} {mark}  \n**{plain(legible(row[state])) or '∅'}**")
    st.caption("raw output")
    st.code(legible(row[f"{state} raw"]) or "∅", language=None, wrap_lines=True)
    st.caption(plain(samples.score_words(row, state)))
    doubt = samples.doubt_words(row, state)
    if doubt:
        st.caption(f":material/help: {plain(doubt)}")
