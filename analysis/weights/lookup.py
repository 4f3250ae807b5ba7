"""A look at the values themselves, for what a histogram cannot tell: the distinct keys in one bin, or another measure.

Used for pairs whose keys the pass could only count by bin (float32, float16, mixed dtypes). Knows keys by tensor, not
where they come from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from analysis.records import Progress
from analysis.weights.histogram import BINS, Array, Distinct, add_counts
from analysis.weights.stream import run_units

_SERIAL = 1 << 22  # below this many keys threads cost more than they bring
_SLOTS = 1 << 15  # of the table that counts distinct keys

T = TypeVar("T")


@dataclass(frozen=True)
class KeySegment:
    """`count` keys of a tensor from the `first` on."""

    name: str
    first: int
    count: int


class KeySource(Protocol):
    """Gives rank keys (float64) by tensor, in pieces of at most stream.CHUNK; `unchanged` is the key where s = p."""

    one_key_per_bin: bool  # a bin then holds a single value, its left edge
    unchanged: float

    def segments(self, names: Sequence[str]) -> list[KeySegment]: ...
    def pieces(self, segment: KeySegment) -> Iterator[tuple[int, Array]]: ...


def distinct_keys(wanted: Mapping[str, set[int]], source: KeySource, progress: Progress) -> dict[str, Distinct]:
    """The changed values' keys in the wanted bins, by tensor, in one reading."""

    def look(segment: KeySegment) -> Distinct:
        mask = np.zeros(BINS, np.uint8)
        mask[list(wanted[segment.name])] = 1
        table = _DistinctKeys(mask, source.unchanged)
        for _, keys in source.pieces(segment):
            table.add(keys)
        return table.take()

    parts = over_segments(sorted(wanted), source, look, progress)
    return {name: add_counts(found) for name, found in parts.items()}


def count_bins(names: Sequence[str], source: KeySource, progress: Progress) -> dict[str, Array]:
    """How many changed values' keys lie in each bin, by tensor, in one reading."""
    from analysis.weights import kernels

    def look(segment: KeySegment) -> Array:
        table = np.zeros(BINS, np.int64)
        for _, keys in source.pieces(segment):
            kernels.count_bins(keys, len(keys), source.unchanged, table)
        return table

    return {name: np.sum(parts, axis=0) for name, parts in over_segments(names, source, look, progress).items()}


def over_segments(
    names: Sequence[str], source: KeySource, look: Callable[[KeySegment], T], progress: Progress
) -> dict[str, list[T]]:
    """`look` at every segment of the named tensors; the answers by tensor, in the segments' order."""
    units = source.segments(names)
    threads = 1 if sum(unit.count for unit in units) <= _SERIAL else None
    found = run_units(
        units, look, threads=threads, progress=progress, weight=lambda unit: unit.count, note="ranking at the cut"
    )
    by_name: dict[str, list[T]] = {name: [] for name in names}
    for unit, answer in zip(units, found, strict=True):
        by_name[unit.name].append(answer)
    return by_name


class _DistinctKeys:
    """Counts distinct keys of the wanted bins; memory is the table and what was taken out of it when it filled up."""

    def __init__(self, mask: Array, unchanged: float) -> None:
        self._mask, self._unchanged = mask, unchanged
        self._slots, self._counts = np.zeros(_SLOTS), np.zeros(_SLOTS, np.int64)
        self._used = np.zeros(1, np.int64)
        self._full: list[Distinct] = []

    def add(self, keys: Array) -> None:
        """Count these keys."""
        from analysis.weights import kernels

        table = self._mask, self._slots, self._counts, self._used
        while len(keys):
            done = kernels.gather_bins(keys, len(keys), self._unchanged, *table)
            keys = keys[done:]
            if len(keys):
                self._empty()

    def take(self) -> Distinct:
        """What was counted."""
        self._empty()
        return add_counts(self._full)

    def _empty(self) -> None:
        held = np.flatnonzero(self._counts)
        order = np.argsort(self._slots[held])
        self._full.append(Distinct(self._slots[held][order], self._counts[held][order]))
        self._counts[held] = 0
        self._used[0] = 0
