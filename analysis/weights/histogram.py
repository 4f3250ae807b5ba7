"""What the one pass keeps of each tensor: a sparse histogram of its rank keys with sums per bin, and its null's.

Of bfloat16 pairs it also keeps the distinct values of r themselves with their counts, so that a threshold is exact
without another look. Knows counts and sums, no files. Bins are those of kernels.py: ordered as keys are, bin 0 the
unchanged values.
"""

from collections.abc import Iterable, Sequence
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
class Distinct:
    """Keys, float64, and how many values have each; in no order, and a key may stand more than once.

    Of keys from `below` on not all are here.
    """

    keys: Array
    counts: Array
    below: float = np.inf

    def tells(self, bin_: int) -> bool:
        """Whether all keys of the bin are here."""
        return self.below == np.inf or bin_ < int(bin_of(np.array([self.below]))[0])

    @cached_property
    def _bins(self) -> Array:
        return bin_of(self.keys).astype(np.uint16)

    def inside(self, bin_: int) -> "Distinct":
        """Those of one bin, each once, ascending."""
        held = np.flatnonzero(self._bins == bin_)
        return add_counts([Distinct(self.keys[held], self.counts[held])])


@dataclass(frozen=True)
class KeyCounts:
    """How many of a tensor's changed values have keys of some measure in each bin (`bins` sorted).

    `distinct` are the keys themselves, None where only a look at the values can tell them.
    """

    name: str
    elements: int
    changed: int
    bins: Array
    counts: Array
    distinct: Distinct | None = None

    @property
    def unchanged(self) -> int:
        """Values with s = p."""
        return self.elements - self.changed

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
    """One tensor's update. `table` columns: count, sum r, sum |d|, sum d^2; `null` columns: count, sum r.

    `distinct`: the values of r of the changed weights, where the pass counted them.
    """

    name: str
    elements: int
    table: Sparse
    null: Sparse
    distinct: Distinct | None = None

    @cached_property
    def place(self) -> Place:
        """Layer, module kind and regions."""
        return place(self.name)

    @cached_property
    def relative(self) -> KeyCounts:
        """The counts of r by bin, of the changed values."""
        held = self.table.bins != 0
        counts = self.table.rows[held, 0].astype(np.int64)
        return KeyCounts(self.name, self.elements, self.changed, self.table.bins[held], counts, self.distinct)

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


def take_sparse(table: Array, room: tuple[Array, Array], first: int = 1) -> Sparse:
    """The filled rows of a dense table, which is left zero for its next use; but for row 0 none lies below `first`.

    room: int64 and float64, as long as the table and as wide, for the kernel's use.
    """
    from analysis.weights import kernels

    numbers, rows = room
    found = kernels.take_rows(table, first, numbers, rows)
    return Sparse(numbers[:found].copy(), rows[:found].copy())


def merge(parts: Iterable[Sparse], columns: int) -> Sparse:
    """The sum of sparse tables, added in the order given."""
    held = list(parts)
    if len(held) == 1:
        return held[0]
    dense = to_dense(held, columns)
    bins = np.flatnonzero(dense[:, 0])
    return Sparse(bins, dense[bins])


def add_counts(parts: Sequence[Distinct]) -> Distinct:
    """One from several: each key once, ascending."""
    if not parts:
        return Distinct(np.zeros(0), np.zeros(0, np.int64))
    keys, owner = np.unique(np.concatenate([part.keys for part in parts]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, owner, np.concatenate([part.counts for part in parts]))
    return Distinct(keys, counts)


def to_dense(parts: Iterable[Sparse], columns: int) -> Array:
    """The sum as a dense (BINS, columns) table."""
    dense = np.zeros((BINS, columns))
    for part in parts:
        dense[part.bins] += part.rows
    return dense
