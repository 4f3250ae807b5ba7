"""What the person looks at, in the sidebar of every page: the chosen question and slice, each with the way out."""

from collections.abc import Callable

import streamlit as st

from analysis.figures.visible import legible
from pages.components import selection
from pages.components.words import plain


def lines() -> None:
    """The chosen question and the chosen slice, where there are some."""
    question, slice_ = selection.question(), selection.chosen_slice()
    if question is not None:
        _line(":material/help:", "question", _asks(question), selection.choose_question)
    if slice_ is not None:
        _line(":material/bookmark:", "slice", slice_.name, selection.choose_slice)


def _line(icon: str, what: str, words: str, choose: Callable[[str | None], None]) -> None:
    with st.container(key=f"looked-at-{what}"):
        told, out = st.columns([5, 1], vertical_alignment="center", gap="xsmall")
        told.markdown(f"{icon} {what}  \n{plain(legible(words))}")
        out.button("✕", key=f"drop-{what}", help=f"Look at no {what}", type="tertiary", on_click=choose, args=(None,))


def _asks(question_id: str) -> str:
    """The question's text where it is one of the active ones; else its id, and that it is none of them."""
    every = selection.active_questions()
    other = f"{question_id}, {'not among the questions chosen' if every else 'of questions not chosen here'}"
    return next((each.question for each in every if each.id == question_id), other)
