"""Getting answers: base and tuned asked the questions, and the paper's sweep, from any page that lacks them."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from analysis.records import Evaluation, RestoreSpec
from cache.memo import workspace
from cache.models import State
from cache.work import Asking, Comparison
from pages.components import progress, selection

SWEEP_SEEDS = (0, 1, 2)
JOBS = "answer_jobs"


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
    """Queue base and tuned; a callback."""
    states: tuple[State, ...] = ("tuned", "base")
    st.session_state[JOBS] = {
        str(state): selection.start_evaluation(pair, state, asking, page="samples") for state in states
    }


def offer_sweep(pair: Comparison, asking: Asking, *, key: str, spec: RestoreSpec | None = None) -> None:
    """The paper's seven percentages at once, with the random control; what is known is not asked again."""
    if progress.watch(st.session_state.get("sweep_job"), key=f"sweep-{key}"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run the paper's sweep",
            key=f"sweep-{key}",
            icon=":material/linear_scale:",
            on_click=start_sweep,
            args=(pair, asking, spec or RestoreSpec(0)),
            help="0, 1, 3, 5, 10, 20, 40, 60 and 100%, by relative change and three draws of the random control.",
        )
        st.caption("It goes on in the background while you look elsewhere; every finished stop appears on the curve.")


def start_sweep(pair: Comparison, asking: Asking, spec: RestoreSpec) -> None:
    """Queue the sweep over the region of `spec`; a callback."""
    template = replace(spec, percent=0, strategy="relative-top", seed=0)
    job = workspace().start(
        "The paper's sweep",
        "sweep",
        pair,
        asking,
        seeds=SWEEP_SEEDS,
        template=template,
        watcher=selection.watcher("sweep"),
        page="restore",
    )
    st.session_state["sweep_job"] = selection.announced(job)
