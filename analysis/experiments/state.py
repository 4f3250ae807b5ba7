"""How far a plan is, as pages and the command line tell it. Pure records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CellState = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True)
class PlanState:
    """Numbers of cells: `cells` in all, of which done, failed (in the last run) and running now.

    `eta_seconds` is what is left of a run under way; None where nothing runs. `failures` tells each failed cell's name
    and reason.
    """

    name: str
    cells: int
    done: int
    failed: int
    running: int
    eta_seconds: float | None = None
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every cell is measured."""
        return self.done == self.cells


@dataclass(frozen=True)
class RunReport:
    """What one run of a plan did. `seconds` is wall time; `measured` cells were computed now, `known` before.

    Of models of the known: `put_away` were packed or dropped, which freed so many bytes; `stayed` tells which the plan
    asks to be put away and were not, and why.
    """

    name: str
    cells: int
    known: int
    measured: int
    failed: int
    retried: int
    seconds: float
    engine: str
    failures: tuple[tuple[str, str], ...] = ()
    put_away: int = 0
    freed_bytes: int = 0
    stayed: tuple[tuple[str, str], ...] = ()
