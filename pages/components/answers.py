"""Getting answers: base and tuned asked the questions, from any page that lacks them."""

from collections.abc import Callable

import streamlit as st

from analysis.records import Evaluation
from cache.memo import workspace
from cache.models import State
from cache.work import Asking, Comparison
from pages.components import progress, selection

JOBS = "answer_jobs"
NO_STOP = (
    "This link shows a restored model, and no stop of this pair has been asked these questions here: base and tuned "
    "alone are shown. Evaluate the stop on Restore, or open the link where it was made."
)


def needs_answers(
    pair: Comparison, asking: Asking, *, before: Callable[[], None] | None = None
) -> dict[str, Evaluation]:
    """What base and tuned answered; while that is missing, draw `before`, offer to ask them, and end the page."""
    states: tuple[State, ...] = ("base", "tuned")
    found = {str(state): workspace().known_evaluation(pair, state, asking) for state in states}
    known = {state: evaluation for state, evaluation in found.items() if evaluation is not None}
    if len(known) < len(found):
        _ask(pair, asking)
        if before is not None:
            before()
        st.stop()
    return known


def _ask(pair: Comparison, asking: Asking) -> None:
    jobs: dict[str, str] = st.session_state.get(JOBS, {})
    busy = [progress.watch(job, key=f"answers-{state}") for state, job in jobs.items()]  # each is to be drawn
    if not any(busy):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("Base and tuned have not both been asked these questions yet.")
            st.button("Ask base and tuned", type="primary", on_click=ask_both, args=(pair, asking))


def ask_both(pair: Comparison, asking: Asking) -> None:
    """Queue base and tuned, and tell both endings; a callback."""
    for job in queue_both(pair, asking).values():
        selection.announced(job)


def queue_both(pair: Comparison, asking: Asking) -> dict[str, str]:
    """Queue base and tuned, and let every page that waits for their answers show how far they are; the jobs."""
    states: tuple[State, ...] = ("tuned", "base")
    jobs = {str(state): selection.start_evaluation(pair, state, asking, page="samples") for state in states}
    st.session_state[JOBS] = jobs
    return jobs


def learn(pair: Comparison, asking: Asking | None) -> None:
    """Make a pair the active one and learn it in the background: its profile, then what both models answer."""
    selection.choose(pair, asking)
    selection.start_profile(pair)
    asked = selection.asking()
    if asked is not None:
        queue_both(pair, asked)
