"""What an engine is: it is given cells and tells what becomes of them. Local processes and Ray are two of them.

An engine runs `run_cell` for every cell, in whatever order and place, over the same store. A worker or node that dies
costs its cell a retry; an error of the cell's own is told and ends that cell only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from analysis.experiments.plan import Plan, Running
from cache.experiments.folder import KeyedCell

EventKind = Literal["started", "progress", "done", "failed", "lost", "idle"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to the cell of this digest; "idle" is about none and only lets time pass.

    `fraction` (0-1) is how far it is, `note` what it does, or why it failed. A "lost" cell is begun again by itself.
    """

    kind: EventKind
    digest: str = ""
    fraction: float = 0.0
    note: str = ""


class Engine(Protocol):
    """Where cells run."""

    name: str

    def check(self, plan: Plan) -> list[str]:
        """What keeps the plan's cells from running here, each with its way out; quick, before anything is begun."""
        ...

    def device(self, running: Running) -> str:
        """The kind of device that cells run on here ("cpu", "cuda", "mps"): part of their keys."""
        ...

    def places(self, running: Running) -> int:
        """How many cells run at once, as far as that is known now; asked after a `check` without problems."""
        ...

    def run(
        self, cells: Sequence[KeyedCell], running: Running, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, None]:
        """Run the cells, telling what happens at least every second; stop what runs once `cancelled`."""
        ...

    def close(self) -> None:
        """Let go of what a check or a run opened, whatever came of them; nothing where nothing was opened."""
        ...
