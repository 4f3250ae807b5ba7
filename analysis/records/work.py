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


PACE_SHARE, PACE_SECONDS = 0.05, 120.0  # of work, or of time, after which a pace tells more than the loading before it


def seconds_left(elapsed: float, done: float, total: float) -> float | None:
    """What is left at the pace so far (seconds); None as long as too little is done to have one."""
    if done <= 0 or (done < PACE_SHARE * total and elapsed < PACE_SECONDS):
        return None
    return elapsed * max(0.0, total - done) / done


def check_cancelled(progress: Progress) -> None:
    """Raise `Cancelled` when the work is no longer wanted; called between batches, chunks and tensors."""
    if progress.cancelled():
        raise Cancelled("Cancelled.")


Work = Callable[[Progress], Any]
