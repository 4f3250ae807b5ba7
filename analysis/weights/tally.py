"""Counting tables of the pass, one set a thread: what is read is added chunk by chunk, and taken a segment at a time.

Bfloat16 pairs go through cells (kernels_bf16.py), all others through keys one by one (kernels.py). Knows stored values,
no files.
"""

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.records import Arithmetic
from analysis.weights.histogram import BINS, INFINITE_BIN, Distinct, Sparse, take_sparse
from analysis.weights.sources import DTYPE_CODES, arithmetic_code
from analysis.weights.stream import Chunk

_FIRST_BIN = (127 - 9) << 8  # of exact bfloat16: no changed weight has r below 2^-8


@dataclass(frozen=True)
class Counted:
    """What a segment's values add: rows by bin (TensorUpdate), its null's, and r's distinct values where counted."""

    table: Sparse
    null: Sparse
    distinct: Distinct | None


class Tally(Protocol):
    """Counts pairs of stored values."""

    def add(self, chunk: Chunk, null_key: np.uint64, null_every: int) -> tuple[int, int]:
        """Add a chunk; returns how many values of base and of tuned are NaN or infinite."""

    def take(self) -> Counted:
        """What was added since the last time."""


class Tallies(threading.local):
    """Each thread's tallies, made when first needed; `device` counts the cells of bfloat16 pairs."""

    def __init__(self, device: str = "cpu") -> None:
        self._held: dict[tuple[Arithmetic, str, str], Tally] = {}
        self._device = device

    def of(self, arithmetic: Arithmetic, base: str, tuned: str) -> Tally:
        """The tally for these stored dtypes."""
        key = arithmetic, base, tuned
        if key not in self._held:
            self._held[key] = self._made(arithmetic, base, tuned)
        return self._held[key]

    def _made(self, arithmetic: Arithmetic, base: str, tuned: str) -> Tally:
        if not base == tuned == "BF16":
            return _KeyTally(arithmetic, base, tuned)
        if self._device == "cpu":
            return CellTally(arithmetic)
        from analysis.weights.tally_device import DeviceTally

        return DeviceTally(arithmetic, self._device)


class _Table:
    """A dense table of rows by bin, taken as its filled rows."""

    def __init__(self, columns: int, first: int) -> None:
        self.rows = np.zeros((BINS, columns))
        self._room = np.zeros(BINS, np.int64), np.zeros((BINS, columns))
        self._first = first

    def take(self) -> Sparse:
        """The filled rows; the table is empty afterwards."""
        self.rows[INFINITE_BIN, 1] = 0.0  # infinite ratios are counted, and add nothing to the sum of r
        return take_sparse(self.rows, self._room, self._first)


class _KeyTally:
    """A key for every value."""

    def __init__(self, arithmetic: Arithmetic, base: str, tuned: str) -> None:
        self._codes = DTYPE_CODES[base], DTYPE_CODES[tuned], arithmetic_code(arithmetic, tuned)
        self.table, self.null = _Table(4, 1), _Table(2, 1)

    def add(self, chunk: Chunk, null_key: np.uint64, null_every: int) -> tuple[int, int]:
        """See Tally."""
        from analysis.weights import kernels

        place = chunk.count, chunk.first, null_key, null_every
        base, tuned = kernels.tabulate(chunk.base, chunk.tuned, *self._codes, *place, self.table.rows, self.null.rows)
        return base, tuned

    def take(self) -> Counted:
        """See Tally."""
        return Counted(self.table.take(), self.null.take(), None)


class CellTally:
    """A cell for every pair of bfloat16 patterns; keys and sums once a cell."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        from analysis.weights import kernels_bf16 as kernels

        self.arithmetic = arithmetic_code(arithmetic, "BF16")
        self._known = kernels.cells_of(self.arithmetic)
        self.table, self.null = _Table(4, _FIRST_BIN if self.arithmetic == 0 else 1), _Table(2, 1)
        self.cells, self.span = np.zeros(kernels.CELLS, np.uint32), np.array([kernels.MAGNITUDES - 1, 0])
        self._core = np.zeros(len(self._known.keys), np.int64)
        self.escaped = np.zeros(kernels.KEPT), np.zeros(kernels.KEPT, np.int64), np.zeros(2, np.int64)
        self._keys = np.zeros(len(self._core) + kernels.KEPT)
        self.room = kernels.working_room()
        self._counts = np.zeros(len(self._keys), np.int64)

    def add(self, chunk: Chunk, null_key: np.uint64, null_every: int) -> tuple[int, int]:
        """See Tally."""
        from analysis.weights import kernels_bf16 as kernels

        words = chunk.base.view(np.uint16), chunk.tuned.view(np.uint16)
        place = self.arithmetic, chunk.count, chunk.first, null_key, null_every
        tables = self.cells, self.span, self.table.rows, self.escaped, self.null.rows
        base, tuned = kernels.count_pairs(*words, *place, self.room, *tables)
        return base, tuned

    def take(self) -> Counted:
        """See Tally."""
        from analysis.weights import kernels_bf16 as kernels

        known = self._known
        tables = known.keys, known.rank, known.bin, known.size, known.first_exponent, self.table.rows, self._core
        kernels.take_cells(self.cells, self.span, self.arithmetic, kernels.VALUES, *tables)
        return Counted(self.table.take(), self.null.take(), self._distinct())

    def _distinct(self) -> Distinct | None:
        """The counted values of r, in exact arithmetic; None where there were too many outside the cells."""
        from analysis.weights import kernels_bf16 as kernels

        used = self.escaped[-1]
        if self.arithmetic != 0 or used[0] < 0:
            self._core[:], used[:] = 0, 0
            return None
        below = kernels.KNOWN_BELOW if used[1] else np.inf
        found = kernels.take_keys(self._core, self._known.keys, self.escaped, self._keys, self._counts)
        used[1] = 0
        return Distinct(self._keys[:found].copy(), self._counts[:found].copy(), below)
