"""Experiments: does it hold for my model? A plan's results beside the paper's own numbers, down to single runs."""

import streamlit as st

from pages.components import (
    address,
    fine_tuning,
    notices,
    open_questions,
    plan_bar,
    plan_cell,
    plan_shown,
    plan_start,
)
from pages.components.plan_drawn import DRAWN, OF_ONE_VARIANT, SECTIONS
from pages.components.words import PAPER_LINK

DOING = {"plans": "Plans: many models", "one": "Fine-tune one model", "questions": "Open questions"}


def plans() -> None:
    """The plan looked at and the section of its results; without any plan, the ways to begin one."""
    name = plan_bar.choose()
    if name is None:
        plan_start.ways_to_begin()
        return
    plan_bar.state(name)
    plan_bar.watched()
    with st.expander("Run another plan", icon=":material/add:"):
        plan_start.begin()
    plan_cell.hold()
    section = address.view("section", "Show", SECTIONS, "paper")
    shown = plan_shown.of(name)
    if section in OF_ONE_VARIANT:
        plan_shown.choose(shown)
    DRAWN[section](shown)


st.title("Experiments")
st.markdown(
    "A plan fine-tunes one base on facts of each mastery level, in several sizes and seeds, restores every model and "
    f"measures it. Here are its results for your model, each beside the numbers of {PAPER_LINK} (LLaMA-3-8B)."
)
doing = address.view("doing", "What to do", DOING, "plans")
if doing == "one":
    fine_tuning.section()
elif doing == "questions":
    open_questions.section()
else:
    with notices.shown_errors():
        plans()
