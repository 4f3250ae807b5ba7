"""Jobs: progress, cancel, one job for the same work, and the latest request of a watcher wins."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from analysis.errors import SpecError
from analysis.records import Progress, check_cancelled
from cache.jobs import JobManager


@pytest.fixture
def jobs() -> Iterator[JobManager]:
    manager = JobManager()
    yield manager
    manager.close()


def _until_cancelled(started: threading.Event) -> Callable[[Progress], None]:
    def work(progress: Progress) -> None:
        started.set()
        while True:
            check_cancelled(progress)
            time.sleep(0.005)

    return work


def test_a_job_reports_progress_and_ends_done(jobs: JobManager) -> None:
    def work(progress: Progress) -> None:
        progress.report(1, 4, "a quarter", partial=(0.5, 0.1))

    view = jobs.wait(jobs.submit("count", "k", work, watcher="me"), 5)
    assert view is not None
    assert (view.state, view.done, view.total, view.note, view.partial) == ("done", 1, 4, "a quarter", (0.5, 0.1))
    assert view.fraction == 0.25


def test_an_error_of_ours_is_shown_as_it_is_and_the_queue_lives_on(jobs: JobManager) -> None:
    def refuse(progress: Progress) -> None:
        raise SpecError("k is 101: give 0 to 100")

    def break_down(progress: Progress) -> None:
        raise ZeroDivisionError("ours")

    refused = jobs.wait(jobs.submit("a", "a", refuse, watcher="me"), 5)
    assert refused is not None and refused.state == "failed" and refused.error == "k is 101: give 0 to 100"
    broken = jobs.wait(jobs.submit("b", "b", break_down, watcher="me"), 5)
    assert broken is not None and broken.state == "failed" and "ZeroDivisionError" in str(broken.error)
    after = jobs.wait(jobs.submit("c", "c", lambda progress: None, watcher="me"), 5)
    assert after is not None and after.state == "done"


def test_the_same_work_asked_twice_is_one_job(jobs: JobManager) -> None:
    started = threading.Event()
    first = jobs.submit("long", "same", _until_cancelled(started), watcher="one")
    assert started.wait(5)
    assert jobs.submit("long", "same", _until_cancelled(started), watcher="two") == first
    jobs.withdraw("one")
    time.sleep(0.05)
    view = jobs.view(first)
    assert view is not None and view.state == "running"  # the second watcher still wants it
    jobs.withdraw("two")
    ended = jobs.wait(first, 5)
    assert ended is not None and ended.state == "cancelled"


def test_a_watchers_latest_request_wins_and_leaves_others_alone(jobs: JobManager) -> None:
    started = threading.Event()
    other = jobs.submit("other's", "other", _until_cancelled(started), watcher="other")
    assert started.wait(5)
    first = jobs.submit("10%", "k10", lambda progress: None, watcher="mine")
    second = jobs.submit("20%", "k20", lambda progress: None, watcher="mine")
    first_view, other_view = jobs.view(first), jobs.view(other)
    assert first_view is not None and first_view.state == "cancelled"  # still queued: gone at once
    assert other_view is not None and other_view.state == "running"
    jobs.cancel(other)
    done = jobs.wait(second, 5)
    assert done is not None and done.state == "done"


def test_a_running_job_is_cancelled_within_a_second(jobs: JobManager) -> None:
    started = threading.Event()
    job = jobs.submit("long", "k", _until_cancelled(started), watcher="me")
    assert started.wait(5)
    before = time.monotonic()
    jobs.cancel(job)
    view = jobs.wait(job, 5)
    assert view is not None and view.state == "cancelled"
    assert time.monotonic() - before < 1


def test_the_quick_lane_does_not_wait_for_the_long_one(jobs: JobManager) -> None:
    started = threading.Event()
    jobs.submit("sweep", "sweep", _until_cancelled(started), watcher="a", lane="long")
    assert started.wait(5)
    quick = jobs.wait(jobs.submit("stop", "stop", lambda progress: None, watcher="b"), 5)
    assert quick is not None and quick.state == "done"


def test_work_asked_again_while_its_cancelled_twin_still_ends_is_a_new_job(jobs: JobManager) -> None:
    started, let_go = threading.Event(), threading.Event()

    def stubborn(progress: Progress) -> None:
        started.set()
        let_go.wait(5)
        check_cancelled(progress)

    first = jobs.submit("x", "same", stubborn, watcher="me")
    assert started.wait(5)
    jobs.cancel(first)
    second = jobs.submit("x", "same", lambda progress: None, watcher="me")
    assert second != first
    let_go.set()
    ended = jobs.wait(second, 5)
    assert ended is not None and ended.state == "done"


def test_old_finished_jobs_are_forgotten(jobs: JobManager) -> None:
    for number in range(230):
        last = jobs.submit("x", str(number), lambda progress: None, watcher=str(number))
    jobs.wait(last, 10)
    jobs.submit("x", "one more", lambda progress: None, watcher="me")
    assert len(jobs.all()) <= 202


def test_a_job_tells_who_wants_it_by_session(jobs: JobManager) -> None:
    started = threading.Event()
    job = jobs.submit("long", "same", _until_cancelled(started), watcher="one:stop")
    jobs.submit("long", "same", _until_cancelled(started), watcher="one:sweep")
    jobs.submit("long", "same", _until_cancelled(started), watcher="two:stop")
    assert _owners(jobs, job) == {"one", "two"}
    jobs.leave(job, "one")
    assert _owners(jobs, job) == {"two"}
    jobs.cancel(job)


def _owners(jobs: JobManager, job: str) -> frozenset[str]:
    view = jobs.view(job)
    assert view is not None
    return view.owners


def test_leaving_a_shared_job_leaves_it_to_the_others(jobs: JobManager) -> None:
    started = threading.Event()
    job = jobs.submit("long", "same", _until_cancelled(started), watcher="one:stop")
    assert started.wait(5)
    assert jobs.submit("long", "same", _until_cancelled(started), watcher="two:stop") == job
    jobs.leave(job, "one")
    time.sleep(0.05)
    view = jobs.view(job)
    assert view is not None and view.state == "running"
    jobs.leave(job, "two")
    ended = jobs.wait(job, 5)
    assert ended is not None and ended.state == "cancelled"
