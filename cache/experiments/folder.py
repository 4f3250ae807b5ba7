"""A plan as it lies under the home folder: `plans/<name>/plan.json` (the plan, its cells and their keys) and what the
run under way says of itself in `run.json`. Knows no cell's work.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from analysis.errors import SpecError, StoreError
from analysis.experiments.grid import Cell
from analysis.experiments.plan import Plan
from analysis.folders import whole_file
from analysis.records import ResultKey
from cache.keys import key_digest

SILENT_SECONDS = 60.0  # a run that has said nothing for so long has ended, however that was


@dataclass(frozen=True)
class KeyedCell:
    """A cell, the key its result is stored under, and its tuned checkpoint's folder by name ("" for the base)."""

    cell: Cell
    version: int
    parts: dict[str, Any]
    tuned: str = ""

    @property
    def key(self) -> ResultKey:
        """Where its result lies."""
        return ResultKey("cell", self.version, self.parts)

    @property
    def digest(self) -> str:
        """The key's digest: the cell's name in tables."""
        return key_digest(self.key)


@dataclass(frozen=True)
class KeptPlan:
    """A plan with its cells, as it was last run."""

    plan: Plan
    cells: tuple[KeyedCell, ...]


@dataclass
class RunNote:
    """What a run says of itself: cells by digest; `beat` (seconds since the epoch) tells that it lives."""

    beat: float = 0.0
    running: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    eta_seconds: float | None = None
    ended: bool = False

    @property
    def alive(self) -> bool:
        """Whether the run goes on, as far as its last word tells."""
        return not self.ended and time.time() - self.beat < SILENT_SECONDS


class PlanFolder:
    """The plans under one home folder."""

    def __init__(self, home: Path) -> None:
        self._home = home / "plans"

    def names(self) -> tuple[str, ...]:
        """Plans run here, the latest first."""
        found = list(self._home.glob("*/plan.json"))
        return tuple(path.parent.name for path in sorted(found, key=lambda path: (-path.stat().st_mtime, path)))

    def keep(self, kept: KeptPlan) -> None:
        """Put a plan under its name; an earlier one of that name is replaced, its cells' results stay."""
        self._write(kept.plan.name, "plan.json", msgspec.to_builtins(kept))

    def require_same(self, kept: KeptPlan) -> None:
        """SpecError where this plan's name stands for another one: with another base, or other questions.

        The same plan may have grown (more levels, sizes, seeds); its files may have been edited where they are, or
        moved as they are.
        """
        try:
            before = self.read(kept.plan.name)
        except StoreError:  # none of this name, or one that nobody can read any more
            return
        others = [
            f"{name} was {was}, is {now}"
            for name, part in (("base", "base"), ("questions", "data"))
            if (was := getattr(before.plan, name)) != (now := getattr(kept.plan, name))
            and before.cells[0].parts.get(part) != kept.cells[0].parts.get(part)
        ]
        if others:
            raise SpecError(
                f"Another plan was run here under the name {kept.plan.name}: give this one a name of its own (name = "
                '"..." at the head of its file), or let it take the other\'s place (--replace).',
                code="other-plan",
                items=others,
            )

    def read(self, name: str) -> KeptPlan:
        """The plan of this name; StoreError where there is none, or one that cannot be read."""
        file = self._home / name / "plan.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=KeptPlan)
        except FileNotFoundError:
            known = ", ".join(self.names()) or "none yet"
            raise StoreError(f"No plan called {name} has been run here (there are: {known}).") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"{file} cannot be read: {error}. Run the plan again; what it measured is kept."
            ) from error

    def changed(self, name: str) -> float:
        """When the plan was last written, seconds since the epoch; 0 where it is not there."""
        try:
            return (self._home / name / "plan.json").stat().st_mtime
        except OSError:
            return 0.0

    def note(self, name: str, note: RunNote) -> None:
        """Keep what the run under way says; a disk that takes nothing is told where results are stored."""
        with suppress(StoreError):
            self._write(name, "run.json", msgspec.to_builtins(note))

    def last_note(self, name: str) -> RunNote:
        """What the last run said; an empty note where there was none."""
        try:
            return msgspec.json.decode((self._home / name / "run.json").read_bytes(), type=RunNote)
        except (OSError, msgspec.MsgspecError):
            return RunNote(ended=True)

    def forget(self, name: str) -> None:
        """Remove a plan from the list; what its cells measured stays in the store."""
        for file in ("plan.json", "run.json"):
            with suppress(OSError):
                (self._home / name / file).unlink()

    def _write(self, name: str, file: str, content: Any) -> None:
        try:
            with whole_file(self._home / name / file) as partial:
                partial.write_bytes(msgspec.json.encode(content))
        except OSError as error:
            raise StoreError(f"{self._home / name} cannot be written: {error.strerror or error}.") from error
