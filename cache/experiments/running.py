"""One run of a plan: the missing cells given to an engine, and what becomes of them told as progress and kept on disk.

Knows no engine's inside. Progress is counted in estimated seconds of work, so that a large cell weighs more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from analysis.errors import Cancelled
from analysis.experiments.state import RunReport
from analysis.records import Pace, Progress
from cache.experiments.engine import Engine, Event
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder, RunNote

NOTE_SECONDS = 2.0
NAMES_SHOWN = 3


@dataclass
class _Run:
    """The moving side of a run. `cost` is every missing cell's estimated seconds, by digest."""

    kept: KeptPlan
    cost: Mapping[str, float]
    known: int
    folder: PlanFolder
    progress: Progress
    began: float = field(default_factory=time.monotonic)
    fractions: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    retried: int = 0
    noted: float = 0.0
    pace: Pace = field(default_factory=Pace)

    def hear(self, event: Event) -> None:
        """Take in what happened, and pass it on."""
        if event.kind == "started":
            self.fractions[event.digest] = 0.0
        elif event.kind == "progress" and event.digest in self.fractions:
            self.fractions[event.digest] = min(1.0, max(event.fraction, self.fractions[event.digest]))
        elif event.kind != "idle":
            self.fractions.pop(event.digest, None)
        if event.kind == "done":
            self.done.add(event.digest)
        elif event.kind == "failed":
            self.failed[event.digest] = event.note
        self.retried += event.kind == "lost"
        self._tell(now=event.kind not in ("idle", "progress"))

    def eta_seconds(self) -> float | None:
        """What is left, from the pace so far; None before there is one."""
        total, spent = self._work()
        return self.pace.seconds_left(time.monotonic(), spent, total)

    def _work(self) -> tuple[float, float]:
        total = sum(self.cost.values())
        ended = sum(self.cost[digest] for digest in (*self.done, *self.failed))
        return total, ended + sum(self.cost[digest] * share for digest, share in self.fractions.items())

    def _tell(self, now: bool) -> None:
        total, spent = self._work()
        self.pace.hear(time.monotonic(), spent)
        names = {cell.digest: cell.cell.name for cell in self.kept.cells}
        running = [names[digest] for digest in self.fractions]
        shown = ", ".join(running[:NAMES_SHOWN]) + (" and more" if len(running) > NAMES_SHOWN else "")
        parts = [f"{self.known + len(self.done)} of {len(names)} cells done"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"running {shown}"] if running else []
        self.progress.report(spent, total, "; ".join(parts))
        if now or time.monotonic() - self.noted >= NOTE_SECONDS:
            self.note(ended=False)

    def note(self, *, ended: bool) -> None:
        """Say on disk how far the run is, for whoever looks from another process."""
        self.noted = time.monotonic()
        running = [] if ended else list(self.fractions)
        eta = None if ended else self.eta_seconds()
        self.folder.note(self.kept.plan.name, RunNote(time.time(), running, dict(self.failed), eta, ended))


def run_missing(
    kept: KeptPlan,
    missing: Sequence[KeyedCell],
    cost: Mapping[str, float],
    engine: Engine,
    folder: PlanFolder,
    progress: Progress,
) -> RunReport:
    """Run these cells of the plan; Cancelled where nobody wants it any more (what was finished is kept)."""
    run = _Run(kept, cost, len(kept.cells) - len(missing), folder, progress)
    run.note(ended=not missing)
    try:
        if missing:
            with closing(engine.run(missing, kept.plan.run, progress.cancelled)) as events:
                for event in events:
                    run.hear(event)
        if progress.cancelled():
            raise Cancelled("Cancelled; every finished cell is kept.")
    finally:
        run.note(ended=True)
    names = {cell.digest: cell.cell.name for cell in kept.cells}
    return RunReport(
        name=kept.plan.name,
        cells=len(kept.cells),
        known=run.known,
        measured=len(run.done),
        failed=len(run.failed),
        retried=run.retried,
        seconds=time.monotonic() - run.began,
        engine=engine.name,
        failures=tuple((names[digest], reason) for digest, reason in run.failed.items()),
    )
