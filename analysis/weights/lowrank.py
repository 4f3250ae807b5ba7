"""Tensors that no file holds as they are: a base tensor plus a low-rank update, or one that another file replaces.

Made piece by piece in float32 in a fixed order, then rounded once to the base's dtype, so that every reading gives the
same bytes whatever the threads. Knows arrays and entries, no adapter formats.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.weights.headers import ITEM_BYTES, TensorEntry

_CODES = {"BF16": 0, "F16": 1, "F32": 2}

Array = np.ndarray[Any, np.dtype[Any]]
Read = Callable[[TensorEntry, int, Array], None]  # fills bytes of a stored tensor from a byte on
Matrix = Callable[[TensorEntry, bool], Array]  # a whole stored matrix in float32, transposed where asked


@dataclass(frozen=True)
class LowRank:
    """The update scale * b @ a: `b` is (rows, rank), `a` (rank, columns), both transposed first if `transposed`."""

    a: TensorEntry
    b: TensorEntry
    transposed: bool
    scale: float


@dataclass(frozen=True)
class AdaptedEntry(TensorEntry):
    """A tensor at the base's place in the base's dtype, with a low-rank update or replaced by another stored tensor."""

    update: LowRank | None = None
    whole: TensorEntry | None = None


def fill(entry: AdaptedEntry, first_byte: int, out: Array, read: Read, matrix: Matrix) -> None:
    """Fill `out` with the tensor's bytes from `first_byte` on."""
    from analysis.weights import kernels

    item = ITEM_BYTES[entry.dtype]
    first, count = first_byte // item, out.nbytes // item
    stored = entry.whole or entry
    raw = np.empty(count * ITEM_BYTES[stored.dtype], np.uint8)
    read(stored, first * ITEM_BYTES[stored.dtype], raw)
    values = np.empty(count, np.float32)
    kernels.to_single(raw, _CODES[stored.dtype], count, values)
    if entry.update is not None:
        update = entry.update
        a, b = matrix(update.a, update.transposed), matrix(update.b, update.transposed)
        kernels.add_low_rank(values, count, a, b, np.float32(update.scale), first)
    encode(values, entry.dtype, out)


def decode(raw: Array, dtype: str) -> Array:
    """Stored bytes as float32."""
    from analysis.weights import kernels

    values = np.empty(raw.nbytes // ITEM_BYTES[dtype], np.float32)
    kernels.to_single(raw, _CODES[dtype], len(values), values)
    return values


def encode(values: Array, dtype: str, out: Array) -> None:
    """float32 values (overwritten) as stored bytes, rounded to nearest even."""
    from analysis.weights import kernels

    if dtype == "BF16":
        kernels.to_bf16(values, len(values), out.view(np.uint16))
    else:
        out.view(np.float16 if dtype == "F16" else np.float32)[:] = values
