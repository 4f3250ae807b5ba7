"""What the one pass keeps of each tensor: a sparse histogram of its rank keys with sums per bin, and its null's.

Knows counts and sums, no files. Bins are those of kernels.py: ordered as keys are, bin 0 the unchanged values.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.weights.names import Place, place

BINS = 65536
INFINITE_BIN = 0x7F800000 >> 15
ONE_BIN = 0x3F800000 >> 15

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Sparse:
    """Rows of a table by bin: `bins` sorted, int64; `rows` (bins, columns) float64."""

    bins: Array
    rows: Array


@dataclass(frozen=True)
class KeyCounts:
    """How many of a tensor's keys of some measure lie in each bin (`bins` sorted); `changed` have s != p."""

    name: str
    elements: int
    changed: int
    bins: Array
    counts: Array

    def inside(self, bin_: int) -> int:
        """Keys in the bin."""
        position = int(np.searchsorted(self.bins, bin_))
        found = position < len(self.bins) and self.bins[position] == bin_
        return int(self.counts[position]) if found else 0

    def over(self, bin_: int) -> int:
        """Keys in the bins above."""
        return int(self.counts[self.bins > bin_].sum())

    def under(self, bin_: int) -> int:
        """Keys in the bins below."""
        return int(self.counts[self.bins < bin_].sum())


@dataclass(frozen=True)
class TensorUpdate:
    """One tensor's update. `table` columns: count, sum r, sum |d|, sum d^2; `null` columns: count, sum r."""

    name: str
    elements: int
    table: Sparse
    null: Sparse

    @cached_property
    def place(self) -> Place:
        """Layer, module kind and regions."""
        return place(self.name)

    @cached_property
    def relative(self) -> KeyCounts:
        """The counts of r by bin."""
        counts = self.table.rows[:, 0].astype(np.int64)
        return KeyCounts(self.name, self.elements, self.changed, self.table.bins, counts)

    @cached_property
    def changed(self) -> int:
        """Values with s != p."""
        return int(self.table.rows[self.table.bins != 0, 0].sum())

    @cached_property
    def infinite(self) -> int:
        """Values whose relative change has no number: p = 0 != s."""
        return int(self.table.rows[self.table.bins == INFINITE_BIN, 0].sum())

    @cached_property
    def beyond_one(self) -> int:
        """Values that changed by at least their own size (r >= 1)."""
        return int(self.table.rows[self.table.bins >= ONE_BIN, 0].sum())


def bin_of(keys: Array) -> Array:
    """The bin of each key: the top 16 bits of its float32 rounding, the sign left out."""
    with np.errstate(over="ignore"):
        single = keys.astype(np.float32)
    return np.asarray((single.view(np.uint32) & np.uint32(0x7FFFFFFF)) >> np.uint32(15)).astype(np.int64)


def take_sparse(table: Array) -> Sparse:
    """The filled rows of a dense table, which is left zero for its next use."""
    from analysis.weights import kernels

    numbers = np.empty(len(table) + 1, np.int64)
    bins = numbers[: kernels.filled_rows(table, numbers)].copy()
    rows = table[bins]
    table[bins] = 0.0
    return Sparse(bins, rows)


def merge(parts: Iterable[Sparse], columns: int) -> Sparse:
    """The sum of sparse tables, added in the order given."""
    held = list(parts)
    if len(held) == 1:
        return held[0]
    dense = to_dense(held, columns)
    bins = np.flatnonzero(dense[:, 0])
    return Sparse(bins, dense[bins])


def to_dense(parts: Iterable[Sparse], columns: int) -> Array:
    """The sum as a dense (BINS, columns) table."""
    dense = np.zeros((BINS, columns))
    for part in parts:
        dense[part.bins] += part.rows
    return dense
