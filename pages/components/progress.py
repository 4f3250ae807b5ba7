"""Background work as a person sees it: a bar that moves, the time left, a button that stops it. Polls while it runs."""

import streamlit as st

from analysis.figures import numbers
from analysis.records import PartialEvaluation
from cache.jobs import JobView
from cache.memo import workspace
from pages.components import kept_dialog, selection
from pages.components.words import plain

POLL_SECONDS = 0.2
SIDEBAR_SECONDS = 1.0
AT_ONCE_SECONDS = 1.0
ITEMS_SHOWN = 12
ITEM = "  - "  # before each item of an error, where it is a text
UNREAD = "jobs_unread"  # in the session: the endings told since the Jobs page was looked at, each with its state


def watch(job_id: str | None, *, key: str) -> bool:
    """Show a job until it ends, then run the page again once; returns whether it is still under way.

    A failed job shows its error, a cancelled one says so; None and forgotten jobs show nothing.
    """
    job = workspace().jobs.view(job_id) if job_id else None
    if job is None:
        return False
    if not job.active:
        show_ending(job)
        return False
    st.fragment(_poll, run_every=POLL_SECONDS)(job.id, key)
    return True


def show_ending(job: JobView) -> None:
    """What is left to say of a job that has ended: its error, or that it was cancelled; nothing when it went well."""
    if job.state == "failed":
        first, *rest = (job.error or "It gave no reason.").splitlines()
        listed = all(line.startswith(ITEM) for line in rest)  # an error of ours: its items are what there is to mend
        shown = rest[:ITEMS_SHOWN] if listed else []
        items = [f"- {plain(line.removeprefix(ITEM))}" for line in shown]
        st.error("\n".join([f"**{plain(job.title)}** failed. {plain(first)}", *items]), icon=":material/error:")
        if more := rest[len(shown) :]:
            with st.expander(f"{numbers.count(len(more))} more" if listed else "Details"):
                st.code("\n".join(more), language=None, wrap_lines=True)
    elif job.state == "cancelled":
        st.caption(f"{plain(job.title)}: cancelled.")


def _poll(job_id: str, key: str) -> None:
    job = workspace().jobs.view(job_id)
    if job is None or not job.active:
        kept_dialog.rerun_page()
    if job is None:
        return
    with st.container(border=True, key=f"progress-{key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(job.fraction, text=f"{plain(job.title)} · {plain(state_words(job))}")
            st.button("Cancel", key=f"cancel-{key}", on_click=selection.leave, args=(job.id,))
        if isinstance(job.partial, PartialEvaluation):
            st.markdown(_partial_words(job.partial))


def _partial_words(partial: PartialEvaluation) -> str:
    bounds = numbers.interval(partial.interval95)
    return (
        f"So far **{numbers.share(partial.accuracy)}** right (between {bounds} in the end,"
        f" 95%, valid at any time) · {numbers.count(partial.done)} of {numbers.count(partial.total)} questions"
    )


def state_words(job: JobView) -> str:
    """Where a job stands, in a few words: 'waiting', 'loading the model · 12 s left'."""
    if job.state != "running":
        return {"queued": "waiting", "done": f"done in {numbers.duration(job.seconds)}"}.get(job.state, job.state)
    left = f"{numbers.duration(job.eta_seconds)} left" if job.eta_seconds else f"{numbers.duration(job.seconds)} so far"
    return " · ".join(part for part in (job.note, left) if part)


def sidebar_indicator(page: str) -> None:
    """The running jobs, small, on every page; polls only while there are some. Says which have ended since the last run
    of this session, each once, and counts them until the Jobs page is looked at. `page` is the one drawn."""
    _tell_endings(page)
    active = [job for job in workspace().jobs.all() if job.active]
    st.fragment(_indicator, run_every=SIDEBAR_SECONDS if active else None)(frozenset(job.id for job in active))
    _unread_line()


def _indicator(drawn: frozenset[str]) -> None:
    active = [job for job in workspace().jobs.all() if job.active]
    if {job.id for job in active} != drawn:
        kept_dialog.rerun_page()  # that run tells what has ended
    for job in active[:2]:
        left = f" · {numbers.duration(job.eta_seconds)} left" if job.eta_seconds else ""
        st.progress(job.fraction, text=f"{plain(job.title)}{left}")
    if len(active) > 2:
        st.caption(f"and {len(active) - 2} more")


def _tell_endings(page: str) -> None:
    """Toast every ending this session was promised and has not been told; told on any run, whatever caused it."""
    awaited: dict[str, selection.Awaited] = st.session_state.get(selection.ANNOUNCED, {})
    for job_id in list(awaited):
        job = workspace().jobs.view(job_id)
        if job is not None and job.active:
            continue
        asked = awaited.pop(job_id)
        if job is not None and not _seen(job, asked, page):
            _toast(job, page)
            if job.state != "cancelled":  # whoever cancels knows
                st.session_state.setdefault(UNREAD, {})[job.id] = job.state
    if page == "jobs":
        st.session_state.pop(UNREAD, None)


def _seen(job: JobView, asked: selection.Awaited, page: str) -> bool:
    """Whether a quiet job's ending needs no words: its own page is looked at, a newer request took its place, or it
    was over (known, say) before anybody could look away."""
    if not asked.quiet:
        return False
    ended = (job.started or asked.asked) + job.seconds
    at_once = job.state == "done" and ended - asked.asked < AT_ONCE_SECONDS
    return job.page == page or job.state == "cancelled" or at_once


def _toast(job: JobView, page: str) -> None:
    icons = {"done": ":material/check:", "failed": ":material/error:", "cancelled": ":material/block:"}
    where = f" See {job.page.capitalize()}." if job.state == "done" and job.page not in ("jobs", page) else ""
    st.toast(f"{plain(job.title)}: {job.state}.{where}", icon=icons[job.state], duration="long")


def _unread_line() -> None:
    """How many jobs ended since the Jobs page was last looked at, as a link to it."""
    states = list(st.session_state.get(UNREAD, {}).values())
    if states:
        failed = states.count("failed")
        words = f"{numbers.count(len(states))} {'job has' if len(states) == 1 else 'jobs have'} ended"
        words += f", {numbers.count(failed)} failed" if failed else ""
        with st.container(key="jobs-unread"):
            st.page_link("jobs.py", label=words, icon=":material/notifications_unread:")
