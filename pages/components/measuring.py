"""Measuring mastery from a page: what it will cost, the button, progress with what is known so far, cancel, resume."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from analysis.figures import mastery, numbers
from analysis.knowledge.forms import DRAWINGS
from analysis.knowledge.mastery import PartialMastery, Protocol
from analysis.knowledge.templates import PAPER_TEMPLATES
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import charts, notices, progress, selection

JOB = "mastery_job"
POPOVER = "measure-popover"
NO_TABLE = (
    "This link shows a measurement of what the base knows, and none of this base is here: measure it on Mastery, or "
    "open the link where it was made."
)
POLL_SECONDS = 1.0
METHODS = {
    "auto": "statements, as in the paper; the question form where no fact has any",
    "statements": "statements, as in the paper",
    "question form": "the question form",
}
METHOD_HELP = (
    f"{PAPER_TEMPLATES} statements of each fact are completed, as in the paper. Questions without them (PopQA, "
    f"TriviaQA, your own) are asked behind worked examples instead, {DRAWINGS} drawings of them: the question form. "
    "The two measure different things and are never mixed; each table names its own."
)
PREVIEW_HELP = "Gives every level with its probability and its counts with an interval, in about a tenth of the time."
UNTIL = {"length": "at the full length (paper)", "sentence": "at the end of the sentence"}


def button(pair: Comparison, asking: Asking | None) -> None:
    """The form that starts another measurement, behind a button."""
    with st.popover("Measure", icon=":material/science:", key=POPOVER, on_change="rerun"):
        _form(pair, asking)


def panel(pair: Comparison, asking: Asking | None, *, first: bool) -> None:
    """The measurement under way; else, where nothing was measured yet (`first`), what to do about it."""
    if not running() and first:
        with st.container(border=True):
            st.markdown("#### Nothing is measured yet for this base")
            _form(pair, asking)


def running() -> bool:
    """Show this session's measurement while it goes on, or how it ended; returns whether it still goes on."""
    job = workspace().jobs.view(st.session_state.get(JOB) or "")
    busy = progress.watch(st.session_state.get(JOB), key="mastery")
    if job is not None and (busy or job.state == "cancelled"):
        st.fragment(_so_far, run_every=POLL_SECONDS if busy else None)(job.id)
    if job is not None and job.state == "cancelled":
        st.caption("What was measured is kept: measure the same again, and it goes on from there.")
    return busy


def just_done() -> bool:
    """Whether this session's measurement has ended well since the last look."""
    job = workspace().jobs.view(st.session_state.get(JOB) or "")
    if job is None or job.state != "done":
        return False
    del st.session_state[JOB]
    return True


def _so_far(job_id: str) -> None:
    job = workspace().jobs.view(job_id)
    partial = job.partial if job is not None else None
    if isinstance(partial, PartialMastery):
        words = ", ".join(f"{numbers.count(count)} at level {level}" for level, count in partial.levels.items())
        with st.container(key="so-far"):
            charts.show(
                mastery.progress_bar(partial.levels), key="mastery_so_far", alt=f"So far: {words}.", exports=False
            )


def _form(pair: Comparison, asking: Asking | None) -> None:
    if asking is None:
        st.caption("Choose questions first: their facts are what is measured.")
        return
    facts = len(workspace().question_set(asking).questions)
    st.markdown(f"The facts behind the session's {numbers.count(facts)} questions, asked of the base.")
    with st.form("measure", border=False):
        method = st.selectbox("Method", list(METHODS), format_func=METHODS.get, help=METHOD_HELP)
        left, right = st.columns(2)
        samples = left.number_input("Samples of each statement", min_value=1, max_value=100, value=10)
        heat = right.number_input("Temperature", min_value=0.0, max_value=5.0, value=0.7, step=0.1)
        longest = left.number_input("Longest completion, tokens", min_value=1, max_value=256, value=32)
        until = right.selectbox("A completion ends", list(UNTIL), format_func=UNTIL.get)
        preview = st.checkbox("Preview: one sample of each, with how sure that is", help=PREVIEW_HELP)
        st.caption(
            f"In full, with 10 samples, {numbers.count(facts * PAPER_TEMPLATES * 10)} completions by statements or "
            f"{numbers.count(facts * DRAWINGS * 10)} by the question form; a preview takes a tenth. It goes on in the "
            "background; cancelling loses nothing."
        )
        if st.form_submit_button("Measure the base", type="primary", icon=":material/science:", on_click=_close):
            with notices.shown_errors():
                taken = {"samples": 1, "preview_of": int(samples)} if preview else {"samples": int(samples)}
                asked = Protocol(**taken, temperature=float(heat), max_new_tokens=int(longest), until=until)
                start(pair, asking, asked, method)
                st.rerun()


def _close() -> None:
    """Let the form go, so that the progress is seen; a callback."""
    st.session_state[POPOVER] = False


def start(pair: Comparison, asking: Asking, protocol: Protocol, method: str = "auto") -> None:
    """Queue the measurement of the base's facts behind these questions."""
    facts = replace(asking, mastery=None, prompt="paper", shots=0)
    job = workspace().start(
        f"Measure mastery: {Path(pair.base).name}",
        "mastery",
        pair.base,
        facts,
        protocol,
        method=method,
        watcher=selection.watcher("mastery"),
        page="mastery",
    )
    st.session_state[JOB] = selection.announced(job)
