"""Work on plans: running them cell by cell, and what pages read of their results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.experiments.results import plan_table
from analysis.experiments.state import PlanState
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.pairs import PairWork

if TYPE_CHECKING:
    import pandas as pd


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

    def tuned_of(self, keyed: KeyedCell) -> str:
        """The folder of a cell's tuned checkpoint; "" where it is not there (any more), and for the base's cell."""
        folder = self.home / "tuned" / keyed.tuned
        return str(folder) if keyed.tuned and folder.is_dir() else ""

    def _is_done(self, keyed: KeyedCell) -> bool:
        return (self.store.folder(keyed.key) / "manifest.json").is_file()

    def _cell_table(self, plan: str, keyed: KeyedCell, tuned: str) -> pd.DataFrame | None:
        stored = self.store.get(keyed.key)
        if stored is None:
            return None
        cell = keyed.cell
        named: dict[str, Any] = {
            "plan": plan,
            "cell": keyed.digest,
            "base": cell.base,
            "tuned": tuned,
            "level": cell.level,
            "size": cell.size,
            "seed": cell.seed,
            "variant": cell.variant_name,
        }
        return stored.tables["numbers"].assign(**named)
