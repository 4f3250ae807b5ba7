"""Background work: a queue a lane, progress, cancel, and one job for the same work asked twice. Knows no browser.

A job lives as long as somebody wants it. A watcher is whoever asked (one browser session's slider, say): a new
request by the same watcher withdraws its interest from its earlier unfinished job, and a job nobody wants any more is
cancelled, so the latest request wins and one person's slider never cancels another's.
"""

import itertools
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, get_args

from analysis.errors import Cancelled, PalimpsestError
from analysis.records import Pace, Work
from cache.memory import set_aside_the_living

State = Literal["queued", "running", "done", "failed", "cancelled"]
Lane = Literal["quick", "long", "report"]
ACTIVE: tuple[State, ...] = ("queued", "running")
KEEP_FINISHED = 200


@dataclass(frozen=True)
class JobView:
    """A job as it stood at one moment; safe to hand to any thread."""

    id: str
    title: str
    page: str
    lane: Lane
    state: State
    done: float
    total: float
    note: str
    partial: object
    started: float | None  # seconds since the epoch
    seconds: float  # of running, so far
    eta_seconds: float | None
    error: str | None
    owners: frozenset[str] = frozenset()  # who wants it, without their purposes

    @property
    def active(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in ACTIVE

    @property
    def fraction(self) -> float:
        """Share done, 0-1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass
class _Job:
    """The moving side of a job; also the Progress its work reports to."""

    id: str
    key: str
    title: str
    page: str
    lane: Lane
    work: Work
    watchers: set[str] = field(default_factory=set)
    state: State = "queued"
    done: float = 0.0
    total: float = 0.0
    note: str = ""
    partial: object = None
    started: float | None = None
    ended: float | None = None
    error: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    pace: Pace = field(default_factory=Pace)

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Say how far the work is; fields are replaced one by one, readers see a moment's mixture at worst."""
        self.pace.hear(time.time(), done)
        self.done, self.total = done, total
        self.note = note or self.note
        self.partial = partial if partial is not None else self.partial

    def cancelled(self) -> bool:
        """Whether nobody wants this any more."""
        return self.stop.is_set()

    def view(self) -> JobView:
        """This moment, frozen."""
        seconds = (self.ended or time.time()) - self.started if self.started else 0.0
        left = self.pace.seconds_left(time.time(), self.done, self.total) if self.state == "running" else None
        return JobView(
            id=self.id,
            title=self.title,
            page=self.page,
            lane=self.lane,
            state=self.state,
            done=self.done,
            total=self.total,
            note=self.note,
            partial=self.partial,
            started=self.started,
            seconds=seconds,
            eta_seconds=left,
            error=self.error,
            owners=frozenset(watcher.partition(":")[0] for watcher in tuple(self.watchers)),
        )


class JobManager:
    """One worker thread a lane: `quick` answers a person who waits, `long` works through sweeps meanwhile.

    `report` lays out what is stored, and waits for no model.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[str, _Job] = {}
        self._queues: dict[Lane, deque[_Job]] = {lane: deque() for lane in get_args(Lane)}
        self._workers: dict[Lane, threading.Thread] = {}
        self._numbers = itertools.count(1)
        self._closed = False

    def submit(
        self, title: str, key: str, work: Work, *, watcher: str, page: str = "jobs", lane: Lane = "quick"
    ) -> str:
        """Ask for work; returns the job's id, which is an unfinished or finished equal job's where there is one."""
        with self._changed:
            if self._closed:
                raise RuntimeError("this job manager is closed")
            same = next((job for job in self._jobs.values() if job.key == key and job.state in ACTIVE), None)
            for job in list(self._jobs.values()):
                if job is not same and watcher in job.watchers and job.state in ACTIVE:
                    self._withdraw(job, watcher)
            if same is not None and not same.stop.is_set():
                same.watchers.add(watcher)
                return same.id
            job = _Job(id=f"job-{next(self._numbers)}", key=key, title=title, page=page, lane=lane, work=work)
            job.watchers.add(watcher)
            self._jobs[job.id] = job
            self._queues[lane].append(job)
            self._forget_old()
            self._ensure_worker(lane)
            self._changed.notify_all()
            return job.id

    def withdraw(self, watcher: str) -> None:
        """This watcher wants none of its unfinished jobs any more."""
        with self._changed:
            for job in list(self._jobs.values()):
                if watcher in job.watchers and job.state in ACTIVE:
                    self._withdraw(job, watcher)
            self._changed.notify_all()

    def leave(self, job_id: str, owner: str) -> None:
        """Every watcher of this owner (`owner` or `owner:purpose`) wants it no more; others may go on wanting it."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is not None and job.state in ACTIVE:
                for watcher in [name for name in job.watchers if name == owner or name.startswith(f"{owner}:")]:
                    self._withdraw(job, watcher)
            self._changed.notify_all()

    def cancel(self, job_id: str) -> None:
        """Stop a job for everybody; its work ends at its next look at `cancelled`."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is not None and job.state in ACTIVE:
                job.watchers.clear()
                self._stop(job)
            self._changed.notify_all()

    def view(self, job_id: str) -> JobView | None:
        """One job, or None when it is not (any more) known."""
        job = self._jobs.get(job_id)
        return job.view() if job else None

    def all(self) -> tuple[JobView, ...]:
        """Every job known, newest first."""
        with self._changed:
            return tuple(job.view() for job in reversed(self._jobs.values()))

    def wait(self, job_id: str, timeout_seconds: float | None = None) -> JobView | None:
        """Block until a job has ended (or the time is over); for the command line and tests."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs[job_id].state not in ACTIVE, timeout_seconds)
        return self.view(job_id)

    def close(self) -> None:
        """Cancel everything and let the workers end."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                if job.state in ACTIVE:
                    self._stop(job)
            self._changed.notify_all()

    def _withdraw(self, job: _Job, watcher: str) -> None:
        job.watchers.discard(watcher)
        if not job.watchers:
            self._stop(job)

    def _stop(self, job: _Job) -> None:
        job.stop.set()
        if job.state == "queued":
            job.state, job.ended = "cancelled", time.time()
            self._queues[job.lane].remove(job)

    def _forget_old(self) -> None:
        finished = [job.id for job in self._jobs.values() if job.state not in ACTIVE]
        for job_id in finished[: max(0, len(finished) - KEEP_FINISHED)]:
            del self._jobs[job_id]

    def _ensure_worker(self, lane: Lane) -> None:
        if lane not in self._workers:
            worker = threading.Thread(target=self._run, args=(lane,), name=f"palimpsest-{lane}", daemon=True)
            self._workers[lane] = worker
            worker.start()

    def _run(self, lane: Lane) -> None:
        queue = self._queues[lane]
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or queue)
                if self._closed:
                    return
                job = queue.popleft()
                job.state, job.started = "running", time.time()
            state, error = _outcome(job)
            set_aside_the_living()
            with self._changed:
                job.state, job.error, job.ended = state, error, time.time()
                self._changed.notify_all()


def _outcome(job: _Job) -> tuple[State, str | None]:
    """Run a job's work (its result goes to the store, not here); the worker outlives any error of it."""
    try:
        job.work(job)
    except Cancelled:
        return "cancelled", None
    except PalimpsestError as error:
        return "failed", str(error)
    except Exception:  # noqa: BLE001 - the boundary of a worker thread: a defect must reach the page, not kill the queue
        return "failed", "This is a defect of Palimpsest, not of your data:\n" + traceback.format_exc()
    return "done", None
