"""Which plan is looked at, how far it is, and the buttons that go on with it; polls while it runs."""

import streamlit as st

from analysis.experiments.plan import Plan
from analysis.experiments.state import PlanState, RunReport
from analysis.figures import experiments_runs, numbers
from analysis.figures.holdings import settled_lines
from cache.jobs import JobView
from cache.memo import workspace
from pages.components import address, kept_dialog, progress, selection
from pages.components.words import plain

POLL_SECONDS = 2.0
FAILURES_SHOWN = 8
NO_PLAN = (
    "This link shows a plan, and none was run here yet: run the plan it names on Experiments, or open the link where "
    "it was made."
)
OF_OTHERS = (
    "Begun in another session, or here before the page was loaded anew: it is stopped for everybody. What is measured "
    "is kept."
)
ELSEWHERE = " Another process runs it, a command line or another dashboard: it is stopped there."
WANTED = "plan_wanted"  # in the session: the plan to look at once it is begun


def choose() -> str | None:
    """The plan looked at, in the address too; None where no plan was ever run here."""
    names = workspace().plan_names()
    if not names:
        address.named_in_vain("plan", NO_PLAN)
        return None
    wanted = st.session_state.get(WANTED)
    if wanted in names:  # the plan begun just now, once it is there
        st.session_state["plan"] = st.session_state.pop(WANTED)
    address.hold(address.one_of("plan", names, names[0]))
    return str(st.selectbox("Plan", names, key="plan", persist_state="session"))


def state(name: str) -> None:
    """How far the plan is: polls while it runs, and runs the page again when a cell is done."""
    now = workspace().plan_state(name)
    active = bool(now.running) or running_job() is not None or job_of(name) is not None
    st.fragment(_state, run_every=POLL_SECONDS if active else None)(name, now.done)


def title(name: str) -> str:
    """What the job that runs this plan is called."""
    return f"Plan {name}"


def job_of(name: str) -> JobView | None:
    """The job that runs this plan, whichever session began it; None where none of this dashboard's does."""
    return next((job for job in workspace().jobs.all() if job.active and job.title == title(name)), None)


def running_job() -> str | None:
    """The job of this session that runs a plan, where one does."""
    job_id = st.session_state.get("plan_job")
    job = workspace().jobs.view(job_id) if job_id else None
    return job_id if job is not None and job.active else None


def _state(name: str, drawn: int) -> None:
    now = workspace().plan_state(name)
    if now.done != drawn or st.session_state.get(WANTED) in workspace().plan_names():
        kept_dialog.rerun_page()
    with st.container(border=True, key="plan-state"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(now.done / now.cells if now.cells else 0.0, text=plain(state_words(now)))
            _buttons(name, now)
        if not now.complete:
            cells = workspace().plan_cells(name)
            missing, running = experiments_runs.missing_words(cells), experiments_runs.running_words(cells)
            if running:
                st.caption(f"Running now: {plain(running)}.{'' if job_of(name) else ELSEWHERE}")
            st.caption(f"Every figure below shows what is measured. Missing: {plain(missing or 'the base')}.")
        for cell, reason in now.failures[:FAILURES_SHOWN]:
            st.markdown(f":material/error: **{plain(cell)}** failed: {plain(reason)}")


def _buttons(name: str, now: PlanState) -> None:
    job = job_of(name)
    if job is not None and selection.session() in job.owners:
        st.button("Stop", key="plan-stop", icon=":material/stop:", on_click=stop, args=(job.id,))
    elif job is not None:
        cancel = workspace().jobs.cancel
        st.button("Stop", key="plan-stop-all", icon=":material/stop:", on_click=cancel, args=(job.id,), help=OF_OTHERS)
    elif not now.complete and not now.running:
        st.button(
            "Go on",
            key="plan-resume",
            type="primary",
            icon=":material/play_arrow:",
            on_click=resume,
            args=(name,),
            help="Runs what is missing on this machine; what is measured is kept.",
        )


def state_words(now: PlanState) -> str:
    """'37 of 61 cells measured · 2 running · 12 min left'."""
    parts = [f"{numbers.count(now.done)} of {numbers.count(now.cells)} cells measured"]
    parts += [f"{now.running} running"] if now.running else []
    parts += [f"{numbers.duration(now.eta_seconds)} left"] if now.eta_seconds is not None else []
    parts += [f"{now.failed} failed"] if now.failed else []
    return " · ".join(parts)


def resume(name: str) -> None:
    """Run what is missing of a plan, in the background; a callback."""
    run(workspace().plan(name).plan)


def run(plan: Plan, replace_other: bool = False) -> None:
    """Run a plan in the background, if wished in the place of another one of its name; a callback."""
    st.session_state[WANTED] = plan.name
    st.session_state["plan_job"] = selection.start(
        title(plan.name), "run_plan", plan, purpose="plan", page="experiments", replace_other=replace_other
    )


def stop(job_id: str) -> None:
    """This session wants the run no more; finished cells stay. A callback."""
    workspace().jobs.leave(job_id, selection.session())


def watched() -> None:
    """The ending of the last run, where it failed or was stopped, and what it freed."""
    job_id = st.session_state.get("plan_job")
    job = workspace().jobs.view(job_id) if job_id else None
    if job is not None and not job.active:
        progress.show_ending(job)
        if isinstance(job.partial, RunReport) and (told := settled_lines(job.partial)):
            st.caption(plain(" ".join(told)))
