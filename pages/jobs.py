"""Jobs: what is waiting, running and done, how far it is, and how to stop it."""

import streamlit as st

from analysis.figures import numbers
from cache.jobs import JobView
from cache.memo import workspace
from pages.components import notices, progress, selection
from pages.components.words import plain

POLL_SECONDS = 0.5
SHOWN_FINISHED = 40
ICONS = {
    "queued": ":material/hourglass_empty:",
    "running": ":material/sync:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/block:",
}


def running(job: JobView) -> None:
    """One unfinished job: its bar, the time left, who wants it, and a way out for this session or for all."""
    mine, others = selection.session() in job.owners, len(job.owners - {selection.session()})
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            text = f"{ICONS[job.state]} **{plain(job.title)}** · {plain(progress.state_words(job))}"
            st.progress(job.fraction, text=text)
            if mine:
                st.button("Cancel", key=f"leave-{job.id}", on_click=selection.leave, args=(job.id,))
            if others:
                st.button(
                    "Cancel for all sessions",
                    key=f"stop-{job.id}",
                    on_click=workspace().jobs.cancel,
                    args=(job.id,),
                    help="Whoever else asked for it does not get it either.",
                )
        words = wanted_words(mine, others)
        if words:
            st.caption(words)


def wanted_words(mine: bool, others: int) -> str:
    """Who wants an unfinished job, and what cancelling it here does."""
    if not others:
        return "" if mine else "Nobody wants it any more; it ends at its next step."
    told = f"{numbers.count(others)} other {'session wants' if others == 1 else 'sessions want'} it"
    return f"{told} too: cancelled here, it goes on for them." if mine else f"{told}, this one does not."


def finished(job: JobView) -> None:
    """One finished job: how it ended and the page its result is on."""
    words, link = st.columns([6, 1], vertical_alignment="center")
    ending = progress.state_words(job)
    words.markdown(f"{ICONS[job.state]} {plain(job.title)} &nbsp; :gray[{plain(ending)}]")
    if job.state == "done" and job.page != "jobs":
        link.page_link(f"{job.page}.py", label=job.page.capitalize(), icon=":material/arrow_forward:")
    if job.state == "failed":
        progress.show_ending(job)


def lists(drawn_active: frozenset[str]) -> None:
    """Both lists; polls while something runs and runs the page again when that has changed."""
    jobs = workspace().jobs.all()
    active = [job for job in jobs if job.active]
    if frozenset(job.id for job in active) != drawn_active:
        st.rerun()
    st.subheader("Under way")
    if not active:
        st.caption("Nothing is running.")
    for job in reversed(active):
        running(job)
    done = [job for job in jobs if not job.active]
    if done:
        st.subheader("Finished")
        st.caption(f"{numbers.count(len(done))} in all, newest first, at most {SHOWN_FINISHED} shown.")
    for job in done[:SHOWN_FINISHED]:
        finished(job)


st.title("Jobs")
st.markdown(
    "Long work runs in the background, one piece at a time beside lanes for sliders and reports. Results are kept: the "
    "same question is never computed twice, and a cancelled job keeps what it finished."
)
present = workspace().jobs.all()
if not present:
    notices.empty(
        "No job has run since the server started",
        "Load a pair, or run a sweep, and follow it here.",
        page="compare.py",
        label="Choose a pair",
    )
else:
    now_active = frozenset(job.id for job in present if job.active)
    st.fragment(lists, run_every=POLL_SECONDS if now_active else None)(now_active)
