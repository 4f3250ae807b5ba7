"""Beginning a plan: a shipped one or one's own, its cells, time and disk first, then the run; and how on a cluster."""

from pathlib import Path

import streamlit as st

from analysis.experiments.estimate import Estimate
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from analysis.figures import numbers
from analysis.records import Progress
from cache.keys import digest
from cache.memo import workspace
from cache.work import Workspace
from pages.components import address, notices, plan_bar, progress, selection, typed_path
from pages.components.words import plain

DEMO = Path(__file__).resolve().parents[2] / "demo"
OWN = "own"
SHIPPED = {
    "small": "The small one: 2 levels × 2 sizes, 4 models",
    "plan": "The paper's grid on the demo: 5 levels × 4 sizes × 3 seeds, 60 models",
    "variants": "Preventing the harm: ten ways of fine-tuning beside restoring, 40 models",
    OWN: "A plan file of my own",
}
OWN_FILE = "plan_file"  # in the address: the digest of the path that was typed
NO_FILE = "This link shows a plan file that was typed elsewhere: name it below, or open the link where it was made."
COUNT_JOB, COUNTED = "plan_count_job", "plan_counted"


def ways_to_begin() -> None:
    """What an empty page offers: three ways to begin, the first one right here."""
    if progress.watch(plan_bar.running_job(), key="first-plan"):
        st.fragment(_until_begun, run_every=plan_bar.POLL_SECONDS)()
        return
    plan_bar.watched()
    with st.container(border=True, key="no-plan"):
        st.markdown("#### No plan has been run here yet")
        st.markdown(
            "A plan is a small text file (TOML): a base, questions, levels × sizes × seeds, and what to measure. "
            "Three ways to begin:"
        )
        first, second, third = st.columns([5, 3, 3], gap="large")
        with first:
            st.markdown("**1 · Here, on this machine**")
            begin()
        with second:
            st.markdown("**2 · On the command line**")
            st.markdown("Copy a shipped plan, name your own base and questions. It can be stopped and gone on with.")
            st.code("palimpsest experiments my-plan.toml", language="bash", wrap_lines=True)
        with third:
            st.markdown("**3 · On a cluster**")
            st.markdown("The same plan as Ray tasks on many machines; results appear here cell by cell.")
            cluster = "palimpsest experiments my-plan.toml --engine ray --address HOST:6379"
            st.code(cluster, language="bash", wrap_lines=True)


def _until_begun() -> None:
    """Draws the plan as soon as it is laid out: everything it needs is looked at before."""
    if workspace().plan_names():
        st.rerun()
    st.caption("Everything the plan needs is looked at first; then its cells appear here, one by one.")


def begin() -> None:
    """Choose a plan, see what it takes, run it."""
    address.hold(address.one_of("plan_choice", SHIPPED, next(iter(SHIPPED))))
    choice = st.selectbox("Plan file", list(SHIPPED), format_func=SHIPPED.get, key="plan_choice")
    source = own_file() if choice == OWN else str(DEMO / f"{choice}.toml")
    if not source:
        st.caption("A TOML file on the machine this dashboard runs on; demo/plan.toml explains every key.")
        return
    with notices.shown_errors():
        plan = read_plan(source)
        with st.expander("Read it"):
            st.code(Path(source).read_text("utf-8"), language="toml", wrap_lines=True)
        offer(plan)


def own_file() -> str:
    """The path typed, in the address by its digest."""
    return typed_path.ask(
        "Its path", key="plan_path", name=OWN_FILE, placeholder="/plans/my-plan.toml", elsewhere=NO_FILE
    )


def offer(plan: Plan) -> None:
    """Cells, time and disk, and the button that runs it."""
    if progress.watch(st.session_state.get(COUNT_JOB), key="plan-count"):
        return
    counted = found_for(plan)
    if counted is None:
        st.button(
            "Count cells, time and disk",
            key="plan-count",
            type="primary",
            icon=":material/calculate:",
            on_click=count,
            args=(plan,),
            help="Looks at everything the plan needs and runs nothing. Where no earlier cell tells how long one takes, "
            "a short training is timed.",
        )
        return
    with st.container(horizontal=True, key="plan-counted"):
        st.metric("Cells to run", numbers.count(counted.missing), help=f"Of {counted.cells}; the others are known.")
        st.metric("Time", numbers.duration(counted.seconds), help=f"{counted.at_once} at once; from {counted.source}.")
        st.metric("Disk", numbers.storage(counted.kept_bytes), help="Kept at its end, estimated.")
        st.metric("Free", numbers.storage(counted.free_bytes))
    if counted.idle:
        st.caption(f"This machine's accelerators ({counted.idle}) are not asked for: gpus = 1 under [run] uses them.")
    if counted.frees_bytes:
        freed = numbers.storage(counted.frees_bytes)
        st.caption(f"Models of finished cells are put away as the plan says now: about {freed} is freed.")
    replaces = _replaces(plan)
    st.button(
        "Run it" if counted.missing or counted.frees_bytes else "Show its results",
        key="plan-run",
        type="primary",
        icon=":material/play_arrow:",
        on_click=plan_bar.run,
        args=(plan, replaces),
        disabled=plan_bar.running_job() is not None,
    )


def _replaces(plan: Plan) -> bool:
    """Whether this plan may take the place of another that was run under its name; asked where there is one."""
    if plan.name not in workspace().plan_names():
        return False
    before = workspace().plan(plan.name).plan
    if (before.base, before.questions) == (plan.base, plan.questions):
        return False
    return st.checkbox(
        f"Take the place of what was run as {plain(plan.name)}",
        key="plan_replace",
        help="Under one name a plan can be extended: more levels, sizes, seeds or stops. With another base or other "
        "questions it is another plan, and refused unless you say so here. What was measured stays in the store.",
    )


def count(plan: Plan) -> None:
    """Estimate in the background; a callback."""
    space = workspace()
    st.session_state[COUNTED] = digest(plan)
    job_id = space.jobs.submit(
        f"Count the plan {plan.name}",
        digest(["estimate", plan]),
        lambda job: estimated(space, plan, job),
        watcher=selection.watcher("plan-count"),
        page="experiments",
    )
    st.session_state[COUNT_JOB] = selection.announced(job_id, quiet=True)


def estimated(space: Workspace, plan: Plan, job: Progress) -> None:
    """The job's work: the estimate is told as its last report."""
    job.report(1, 1, "counted", partial=space.estimate_plan(plan, progress=job))


def found_for(plan: Plan) -> Estimate | None:
    """What was counted for exactly this plan in this session."""
    job = workspace().jobs.view(st.session_state.get(COUNT_JOB) or "")
    same = st.session_state.get(COUNTED) == digest(plan)
    return job.partial if job is not None and same and isinstance(job.partial, Estimate) else None
