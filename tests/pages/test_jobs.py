"""Endings are told once, on whatever page, and counted until Jobs is opened; a job is left, or stopped for all."""

import time
from pathlib import Path
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from analysis.errors import StoreError
from analysis.records import Progress
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import progress, selection
from tests.pages.conftest import WAIT_SECONDS, Open, settle, words_of


class Held:
    """Work that goes on until the test lets it end; real work of the real queue."""

    def __init__(self, error: str = "") -> None:
        self.may_end = Event()
        self.error = error

    def __call__(self, job: Progress) -> None:
        while not (job.cancelled() or self.may_end.wait(0.02)):
            pass
        if self.error:
            raise StoreError(self.error)


def awaiting(app: AppTest, job: str, *, quiet: bool = False, asked: float | None = None) -> None:
    """The session asked for this job."""
    app.session_state[selection.ANNOUNCED] = {job: selection.Awaited(time.time() if asked is None else asked, quiet)}


def ends(shared: Workspace, job: str, work: Held) -> None:
    work.may_end.set()
    shared.jobs.wait(job, WAIT_SECONDS)


def test_a_job_that_ends_between_two_runs_is_told_exactly_once_on_another_page(
    shared: Workspace, open_page: Open
) -> None:
    work, app = Held(), open_page("compare")
    job = shared.jobs.submit("Count stars", "stars", work, watcher="me:stars", page="restore")
    awaiting(app, job)
    assert not app.run().toast
    ends(shared, job, work)
    told = app.run()
    assert [toast.value for toast in told.toast] == ["Count stars: done. See Restore."]
    assert not app.run().toast


def test_an_ending_told_on_the_page_it_is_of_does_not_send_one_there(shared: Workspace, open_page: Open) -> None:
    work, app = Held(), open_page("compare")
    job = shared.jobs.submit("Count stars", "stars", work, watcher="me:stars", page="compare")
    awaiting(app, job)
    ends(shared, job, work)
    assert [toast.value for toast in app.run().toast] == ["Count stars: done."]


def test_what_a_failed_job_lacks_is_told_item_by_item_without_unfolding(shared: Workspace, open_page: Open) -> None:
    def refuse(job: Progress) -> None:
        raise StoreError("The sky cannot be counted.", items=["stars: it is day", "moon: it is *new*"])

    shared.jobs.wait(shared.jobs.submit("Count stars", "stars", refuse, watcher="me:stars"), WAIT_SECONDS)
    app = open_page("jobs")
    first, *items = app.error[0].value.splitlines()
    assert first.startswith("**Count stars** failed. The sky cannot be counted")
    assert items == [r"- stars\: it is day", r"- moon\: it is \*new\*"]
    assert not app.expander


def test_of_very_many_items_the_first_are_told_and_the_others_stand_folded(shared: Workspace, open_page: Open) -> None:
    def refuse(job: Progress) -> None:
        raise StoreError("The sky cannot be counted.", items=[f"star {number}" for number in range(100)])

    shared.jobs.wait(shared.jobs.submit("Count stars", "stars", refuse, watcher="me:stars"), WAIT_SECONDS)
    app = open_page("jobs")
    assert len(app.error[0].value.splitlines()) == 1 + progress.ITEMS_SHOWN
    (more,) = app.expander
    assert more.label == f"{100 - progress.ITEMS_SHOWN} more" and "star 99" in more.code[0].value


def test_a_job_that_fails_between_two_runs_is_told_as_failed(shared: Workspace, open_page: Open) -> None:
    work, app = Held(error="No stars."), open_page("compare")
    job = shared.jobs.submit("Count stars", "stars", work, watcher="me:stars", page="restore")
    awaiting(app, job)
    ends(shared, job, work)
    assert [toast.value for toast in app.run().toast] == ["Count stars: failed."]


def test_what_another_session_asked_for_is_not_told(shared: Workspace, open_page: Open) -> None:
    work, app = Held(), open_page("compare")
    job = shared.jobs.submit("Count stars", "stars", work, watcher="another:stars")
    app.run()
    ends(shared, job, work)
    assert not app.run().toast


@pytest.mark.parametrize(("page", "told"), [("restore", 0), ("compare", 1)])
def test_a_quiet_job_is_told_only_to_who_has_left_its_page(
    shared: Workspace, open_page: Open, page: str, told: int
) -> None:
    work, app = Held(), open_page(page)
    job = shared.jobs.submit("A stop", "stop", work, watcher="me:stop", page="restore")
    awaiting(app, job, quiet=True, asked=time.time() - 5)
    ends(shared, job, work)
    assert len(app.run().toast) == told
    assert not app.run().toast


def test_a_quiet_job_that_ended_well_at_once_is_not_told(shared: Workspace, open_page: Open) -> None:
    app = open_page("compare")
    job = shared.jobs.submit("A stop", "stop", lambda job: None, watcher="me:stop", page="restore")
    awaiting(app, job, quiet=True)
    shared.jobs.wait(job, WAIT_SECONDS)
    assert not app.run().toast


def test_endings_are_counted_beside_the_jobs_until_the_jobs_page_is_opened(shared: Workspace, open_page: Open) -> None:
    app = open_page("compare")
    for title, work in (("One", Held()), ("Two", Held(error="No."))):
        job = shared.jobs.submit(title, title, work, watcher=f"me:{title}", page="restore")
        awaiting(app, job)
        ends(shared, job, work)
        app.run()
    assert unread(app) == ["2 jobs have ended, 1 failed"]
    assert not unread(app.switch_page("jobs.py").run())
    assert not unread(app.switch_page("compare.py").run())


def unread(app: AppTest) -> list[str]:
    links = (link.proto.label for link in app.sidebar.get("page_link"))
    return [label for label in links if "ended" in label]


def test_every_way_to_begin_work_promises_its_ending(
    shared: Workspace, open_page: Open, pair: Comparison, asking: Asking
) -> None:
    shared.profile(pair)
    app = open_page("restore", pair, asking)
    titles = {shared.jobs.view(job).title for job in app.session_state[selection.ANNOUNCED]}  # type: ignore[union-attr]
    assert {"Ask base", "Ask tuned"} < titles
    assert any(title.startswith("Ask: ") for title in titles)  # the stop
    settle(shared)


def test_no_page_starts_work_without_promising_its_ending() -> None:
    pages = Path(progress.__file__).resolve().parents[1]
    silent = [
        f"{path.name}: {line.strip()}"
        for path in pages.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if "workspace().start(" in line and path.name != "selection.py"
        if "selection.announced(" not in path.read_text("utf-8")
    ]
    assert not silent


def test_cancelling_on_the_jobs_page_leaves_the_job_to_who_else_wants_it(shared: Workspace, open_page: Open) -> None:
    work, app = Held(), open_page("compare")
    app.session_state["session_id"] = "me"
    job = shared.jobs.submit("Count stars", "stars", work, watcher="me:stars")
    assert shared.jobs.submit("Count stars", "stars", work, watcher="another:stars") == job
    awaiting(app, job)
    app.switch_page("jobs.py").run()
    assert "1 other session wants it too: cancelled here, it goes on for them." in words_of(app)
    app.button(key=f"leave-{job}").click().run()
    assert owners(shared, job) == {"another"}
    assert "1 other session wants it, this one does not." in words_of(app)
    ends(shared, job, work)
    view = shared.jobs.view(job)
    assert view is not None and view.state == "done"
    assert not app.run().toast  # who left is told nothing more


def test_a_job_can_be_cancelled_for_all_sessions_in_so_many_words(shared: Workspace, open_page: Open) -> None:
    work, app = Held(), open_page("compare")
    job = shared.jobs.submit("Count stars", "stars", Held(), watcher="another:first")
    waiting = shared.jobs.submit("Count moons", "moons", work, watcher="another:moons")
    app.switch_page("jobs.py").run()
    assert not [button for button in app.button if button.key == f"leave-{waiting}"]
    next(button for button in app.button if button.key == f"stop-{waiting}").click().run()
    view = shared.jobs.view(waiting)
    assert view is not None and view.state == "cancelled"
    first = shared.jobs.view(job)
    assert first is not None and first.active


def test_a_job_only_this_session_wants_ends_when_it_is_cancelled(shared: Workspace, open_page: Open) -> None:
    app = open_page("compare")
    app.session_state["session_id"] = "me"
    shared.jobs.submit("Count stars", "stars", Held(), watcher="me:first")
    waiting = shared.jobs.submit("Count moons", "moons", Held(), watcher="me:moons")
    app.switch_page("jobs.py").run()
    app.button(key=f"leave-{waiting}").click().run()
    view = shared.jobs.view(waiting)
    assert view is not None and view.state == "cancelled"


def owners(shared: Workspace, job: str) -> frozenset[str]:
    view = shared.jobs.view(job)
    assert view is not None
    return view.owners
