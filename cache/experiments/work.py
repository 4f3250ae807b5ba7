"""Work on plans: running them cell by cell, and what pages read of their results."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from analysis.errors import StoreError
from analysis.experiments.results import plan_table
from analysis.experiments.state import PlanState, RunReport
from analysis.records import Progress, ResultKey, Silent
from cache.asked import Comparison
from cache.experiments.claims import packed_of
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder, RunNote
from cache.housekeeping import bytes_under
from cache.pairs import PairWork

if TYPE_CHECKING:
    import pandas as pd

    from analysis.experiments.estimate import Estimate, Rates
    from analysis.experiments.plan import Plan
    from analysis.experiments.survey import Survey
    from cache.experiments.engine import Engine
    from cache.work import Workspace


EngineName = Literal["local", "ray"]


class ExperimentWork(PairWork):
    """Plans over one store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._plans = PlanFolder(home)
        self._plan_tables: dict[str, tuple[Any, pd.DataFrame]] = {}

    def plan_names(self) -> tuple[str, ...]:
        """Plans run (or begun) here, the latest first."""
        return self._plans.names()

    def plan(self, name: str) -> KeptPlan:
        """A plan as it was last run, with its cells; StoreError for an unknown name."""
        return self._plans.read(name)

    def plan_results(self, name: str) -> pd.DataFrame:
        """The long table of what is measured so far (analysis.experiments.results.COLUMNS), one row a number."""
        kept = self._plans.read(name)
        done = tuple(cell for cell in kept.cells if self._is_done(cell))
        tuned = {cell.digest: self.tuned_of(cell) for cell in done}
        mark = [self._plans.changed(name), tuned]
        held = self._plan_tables.get(name)
        if held is None or held[0] != mark:
            parts = [part for cell in done if (part := self._cell_table(name, cell, tuned[cell.digest])) is not None]
            self._plan_tables[name] = held = (mark, plan_table(parts))
        return held[1]

    def plan_state(self, name: str) -> PlanState:
        """How far this plan is, and what is left of a run under way."""
        kept, note = self._plans.read(name), self._plans.last_note(name)
        names = {cell.digest: cell.cell.name for cell in kept.cells}
        done = {cell.digest for cell in kept.cells if self._is_done(cell)}
        failed = {names[key]: reason for key, reason in note.failed.items() if key in names and key not in done}
        running = [key for key in note.running if key not in done] if note.alive else []
        return PlanState(
            name=name,
            cells=len(names),
            done=len(done),
            failed=len(failed),
            running=len(running),
            eta_seconds=note.eta_seconds if note.alive else None,
            failures=tuple(failed.items()),
        )

    def plan_cells(self, name: str) -> pd.DataFrame:
        """One row a cell: its settings, state ("waiting", "running", "done", "failed"), seconds, and how it was made.

        `seconds` are one worker's (NaN before it is done), `tuned_id` is the tuned checkpoint's content id, `command`
        makes the tuned model again, `reason` says why a cell failed.
        """
        import pandas as pd

        kept, note = self._plans.read(name), self._plans.last_note(name)
        return pd.DataFrame([self._cell_row(kept, keyed, note) for keyed in kept.cells])

    def tuned_of(self, keyed: KeyedCell) -> str:
        """The folder of a cell's tuned checkpoint; "" where it is not there (any more), and for the base's cell."""
        folder = self.home / "tuned" / keyed.tuned
        return str(folder) if keyed.tuned and folder.is_dir() else ""

    def bring_tuned_back(self, name: str, cell: str, progress: Progress | None = None) -> Comparison:
        """The pair of a plan's cell (its digest) with the tuned checkpoint on disk, unpacked or trained again."""
        from cache.experiments.tuned import bring_back

        found = next((keyed for keyed in self._plans.read(name).cells if keyed.digest == cell and keyed.tuned), None)
        if found is None:
            raise StoreError(f"The plan {name} has no tuned model in a cell {cell}.")
        return bring_back(cast("Workspace", self), found, progress or Silent())

    def estimate_plan(
        self,
        plan: Plan,
        *,
        engine: EngineName = "local",
        address: str | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> Estimate:
        """Cells, time and disk with this engine, before anything runs.

        Measures shortly where no earlier cell tells the time, and this machine has the device. Raises SpecError with
        everything that keeps the plan from running.
        """
        with closing(self._engine(engine, address, workers)) as where:
            return self._estimated(plan, where, progress)

    def _estimated(self, plan: Plan, where: Engine, progress: Progress | None) -> Estimate:
        from analysis.experiments.estimate import GUESSED, Estimate, wall_seconds, work_of
        from cache.experiments.keys import keyed_plan
        from cache.experiments.local import LocalEngine, accelerators_here
        from cache.experiments.probe import probe
        from cache.experiments.settling import would_free

        found, at_once = self._surveyed(plan, where, progress)
        device = where.device(plan.run)
        kept = keyed_plan(plan, found, device)
        missing = [keyed for keyed in kept.cells if self.store.document(keyed.key) is None]
        rates = self._known_rates(found, plan, device) or GUESSED
        if rates is GUESSED and missing and not LocalEngine(self.home).check(plan):
            rates = probe(plan, progress or Silent())
        seconds = wall_seconds([rates.of(work_of(keyed.cell, found)) for keyed in missing], at_once)
        idle = len(accelerators_here().names) if where.name == "local" and device == "cpu" else 0
        sizes = found.kept_bytes, found.free_bytes
        frees = would_free(cast("Workspace", self), kept)
        return Estimate(len(kept.cells), len(missing), seconds, at_once, *sizes, rates.source, device, idle, frees)

    def run_plan(
        self,
        plan: Plan,
        *,
        engine: EngineName = "local",
        address: str | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
        replace_other: bool = False,
    ) -> RunReport:
        """Measure the plan's cells that are missing, each stored when it is done; a failed cell ends itself only.

        Models of cells measured before are first put away as the plan says now (cache.experiments.settling).
        A plan of the same name with another base or other questions is another plan, and is replaced only where
        `replace_other` says so (what its cells measured stays). Raises SpecError with everything that keeps the plan
        from running, before anything runs; Cancelled.
        """
        self.store.require_room()
        with closing(self._engine(engine, address, workers)) as where:
            return self._run(plan, where, progress or Silent(), replace_other)

    def _run(self, plan: Plan, where: Engine, progress: Progress, replace_other: bool) -> RunReport:
        from analysis.experiments.estimate import GUESSED, work_of
        from cache.experiments.keys import keyed_plan
        from cache.experiments.running import run_missing
        from cache.experiments.settling import settle

        found, _ = self._surveyed(plan, where, progress)
        device = where.device(plan.run)
        kept = keyed_plan(plan, found, device)
        if replace_other:
            self._plans.forget(plan.name)
        self._plans.require_same(kept)
        self._plans.keep(kept)
        settled = settle(cast("Workspace", self), kept, progress)
        missing = [keyed for keyed in kept.cells if self.store.document(keyed.key) is None]
        rates = self._known_rates(found, plan, device) or GUESSED
        cost = {keyed.digest: rates.of(work_of(keyed.cell, found)) for keyed in missing}
        report = run_missing(kept, missing, cost, where, self._plans, progress)
        report = replace(report, put_away=settled.models, freed_bytes=settled.bytes, stayed=settled.stayed)
        progress.report(1, 1, "done", partial=report)
        return report

    def _surveyed(self, plan: Plan, engine: Engine, progress: Progress | None) -> tuple[Survey, int]:
        """What the plan is made of, and how many cells run at once; SpecError with all that plan and engine lack."""
        from analysis.experiments.survey import survey

        problems = engine.check(plan)
        at_once = 1 if problems else engine.places(plan.run)
        held = self._held_bytes(plan.name)
        found = survey(plan, self.home, self._identity, progress, problems, at_once=at_once, held_bytes=held)
        return found, at_once

    def _held_bytes(self, name: str) -> int:
        """What the tuned models of an earlier run of this plan hold on the disk, and the passes over them."""
        if name not in self._plans.names():
            return 0
        cells = [keyed for keyed in self._plans.read(name).cells if keyed.tuned]
        models = [self.home / "tuned" / keyed.tuned for keyed in cells]
        done = [document for keyed in cells if (document := self.store.document(keyed.key)) is not None]
        passes = sum(self.profile_bytes(document["base_id"], document["tuned_id"]) for document in done)
        return passes + sum(bytes_under(folder) for folder in (*models, *map(packed_of, models)) if folder.is_dir())

    def _engine(self, engine: str, address: str | None, workers: int | None) -> Engine:
        if engine == "local":
            from cache.experiments.local import LocalEngine

            return LocalEngine(self.home, workers)
        from cache.experiments.ray_engine import RayEngine

        return RayEngine(self.home, address)

    def _known_rates(self, found: Survey, plan: Plan, device: str) -> Rates | None:
        """Rates of earlier cells of this base on such a device with as many threads."""
        from analysis.experiments.estimate import rates_from

        spent = []
        for entry in self.store.entries("cell"):
            ran = [entry.parts.get(name) for name in ("base", "threads", "device")]
            if ran == [found.base_id, plan.run.threads, device]:
                document = self.store.document(ResultKey(entry.kind, entry.version, entry.parts)) or {}
                spent.append((document.get("seconds", {}), document.get("units", {})))
        return rates_from(spent, f"{len(spent)} cells measured before")

    def _is_done(self, keyed: KeyedCell) -> bool:
        return self.store.holds(keyed.key)

    def _cell_row(self, kept: KeptPlan, keyed: KeyedCell, note: RunNote) -> dict[str, Any]:
        from analysis.experiments.command import command_of

        document = self.store.document(keyed.key) if self._is_done(keyed) else None
        running = note.alive and keyed.digest in note.running
        waiting = "failed" if keyed.digest in note.failed else "running" if running else "waiting"
        return {
            **cell_columns(kept.plan.name, keyed, self.tuned_of(keyed)),
            "state": "done" if document is not None else waiting,
            "seconds": sum(document["seconds"].values()) if document is not None else math.nan,
            "tuned_id": (document or {}).get("tuned_id", ""),
            "command": command_of(keyed.cell),
            "reason": "" if document is not None else note.failed.get(keyed.digest, ""),
        }

    def _cell_table(self, plan: str, keyed: KeyedCell, tuned: str) -> pd.DataFrame | None:
        stored = self.store.get(keyed.key)
        return stored.tables["numbers"].assign(**cell_columns(plan, keyed, tuned)) if stored else None


def cell_columns(plan: str, keyed: KeyedCell, tuned: str) -> dict[str, Any]:
    """A cell as the result table names it (analysis.experiments.results.CELL_COLUMNS)."""
    cell = keyed.cell
    return {
        "plan": plan,
        "cell": keyed.digest,
        "base": cell.base,
        "tuned": tuned,
        "level": cell.level,
        "size": cell.size,
        "seed": cell.seed,
        "variant": cell.variant_name,
    }
