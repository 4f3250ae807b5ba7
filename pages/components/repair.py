"""What a stop repaired, which stop to take, and what it did to the questions the person looks at."""

import streamlit as st

from analysis.figures import repairs
from analysis.records import Evaluation, RestoreSpec, Stop
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import selection
from pages.components.stop_preview import number
from pages.components.words import plain


def metrics(stop: Stop) -> None:
    """Healed, kept and newly broken, where the base was asked too."""
    if stop.three_way is None:
        return
    with st.container(horizontal=True, key="repair"):
        for told in repairs.repair_metrics(stop.three_way):
            number(told.label, told.value, told.note, help=told.help)


def choice(comparison: Comparison, asking: Asking, spec: RestoreSpec) -> None:
    """The best of the stops of this kind, where it was chosen and what it is worth where it was not."""
    made = workspace().known_choice(comparison, asking, spec)
    if made is not None:
        with st.container(border=True, key="choice"):
            st.markdown(plain(repairs.choice_words(made)))


def looked_at(asking: Asking, states: dict[str, Evaluation | None]) -> None:
    """The chosen question and the chosen slice in every state that is known."""
    known = {state: evaluation for state, evaluation in states.items() if evaluation is not None}
    slice_, chosen = selection.chosen_slice(), selection.question()
    if not known or (slice_ is None and chosen is None):
        return
    with st.container(border=True, key="looked-at"):
        if slice_ is not None:
            st.markdown(f":material/bookmark: {plain(repairs.slice_words(slice_.name, slice_.ids, known))}")
        question = next((each for each in workspace().question_set(asking).questions if each.id == chosen), None)
        if question is not None:
            st.markdown(f":material/help: {plain(repairs.question_words(question, known))}")
