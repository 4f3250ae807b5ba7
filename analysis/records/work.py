"""The two protocols: whatever remembers results, and whatever takes long. Knows no result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from analysis.errors import Cancelled

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class ResultKey:
    """What identifies a result: a kind, the version of the algorithm behind it, and everything that changes it."""

    kind: str
    version: int
    parts: Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """A result as it lies in the store: one JSON document, named tables (parquet), named arrays (safetensors)."""

    document: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


class ResultStore(Protocol):
    """Results by key; a `put` is seen whole or not at all, by this process and by others."""

    def get(self, key: ResultKey) -> Stored | None: ...
    def put(self, key: ResultKey, result: Stored) -> None: ...
    def lock(self, key: ResultKey) -> AbstractContextManager[None]: ...


class Progress(Protocol):
    """Where long work says how far it is, and learns that nobody wants it any more."""

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None: ...
    def cancelled(self) -> bool: ...


class Silent:
    """A Progress that nobody watches."""

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Say nothing."""

    def cancelled(self) -> bool:
        """Nobody cancels."""
        return False


@dataclass(frozen=True)
class PartOf:
    """A piece of longer work as a Progress of its own: it takes the whole from `start` to `start + size` of `total`.

    `note` stands in place of what the piece says of itself; `before` in front of it.
    """

    whole: Progress
    start: float
    size: float
    total: float
    note: str = ""
    before: str = ""

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Pass on, scaled to this part."""
        share = min(1.0, done / total) if total else 0.0
        words = self.note or f"{self.before}{note}"
        self.whole.report(self.start + share * self.size, self.total, words, partial)

    def cancelled(self) -> bool:
        """Whether the whole is cancelled."""
        return self.whole.cancelled()


PACE_SHARE, PACE_SECONDS = 0.02, 20.0  # of the work, or of time, before a pace tells what is left


@dataclass
class Pace:
    """How fast work goes on since something of it was first done: what was loaded or known before tells no pace."""

    began: tuple[float, float] | None = None  # when (seconds of some clock), and how much was done then

    def hear(self, now: float, done: float) -> None:
        """Take in how much is done; less than before is the work of another phase."""
        if self.began is None or done < self.began[1]:
            self.began = (now, done) if done > 0 else None

    def seconds_left(self, now: float, done: float, total: float) -> float | None:
        """What is left at this pace; None as long as too little is done to have one."""
        began = self.began  # once: another thread may hear meanwhile
        if began is None:
            return None
        seconds, known = now - began[0], began[1]
        spent, whole = done - known, total - known
        if spent <= 0 or (spent < PACE_SHARE * whole and seconds < PACE_SECONDS):
            return None
        return seconds * max(0.0, whole - spent) / spent


def check_cancelled(progress: Progress) -> None:
    """Raise `Cancelled` when the work is no longer wanted; called between batches, chunks and tensors."""
    if progress.cancelled():
        raise Cancelled("Cancelled.")


Work = Callable[[Progress], Any]
