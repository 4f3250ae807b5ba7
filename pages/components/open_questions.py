"""The questions the paper leaves open, each with its figure, its n and its caveat: one shown at a time.

`section()` is what a page places; it needs no plan. Each question has a file of its own beside this one.
"""

import streamlit as st

from pages.components import address, notices, open_domain, open_gradients, open_planted, open_skill, open_task
from pages.components.words import PAPER_LINK

QUESTIONS = {
    "gradients": "Why low mastery harms",
    "skill": "A new skill",
    "task": "Other tasks",
    "planted": "A base that is wrong",
    "domain": "Another domain",
}
DRAWN = {
    "gradients": open_gradients.show,
    "skill": open_skill.show,
    "task": open_task.show,
    "planted": open_planted.show,
    "domain": open_domain.show,
}


def section() -> None:
    """The chosen question, with the way to answer it where it is not answered yet."""
    st.markdown(
        f"What {PAPER_LINK} leaves open, asked here of your pair or of the demo world. Each answer says what it was "
        "measured on; none of them is the paper's."
    )
    chosen = address.view("open_question", "Open question", QUESTIONS, "gradients")
    with notices.shown_errors():
        DRAWN[chosen]()
