"""Spectral restoration: the weakest singular directions of each matrix's update go back to the base.

d = s - p = U S V^T for a tensor of two dimensions; the floor(r k / 100) smallest of its r singular values are set to 0
and out = p + U S' V^T (arXiv 2605.20296). Tensors of any other number of dimensions stay tuned below 100%, and are the
base at 100%. A weight that fine-tuning left alone may move here: a sum of some directions is dense.

The hard threshold that best separates signal from noise of unknown size keeps S > omega(b) median(S), with b the ratio
of the sides, omega(b) = lambda(b) / sqrt(mu_b) and mu_b the median of the Marchenko-Pastur law (Gavish and Donoho,
IEEE Transactions on Information Theory 2014).

Directions are the eigenvectors of d d^T (or d^T d, whichever is smaller): as exact in float64 as a float32
decomposition of d, far cheaper, and one side's are enough. Everything is float64, a stripe of columns at a time, so
that the number of threads hardly ever shows in a stored value. torch is imported inside the functions that use it.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.records import Progress, check_cancelled
from analysis.weights.headers import ITEM_BYTES, TensorEntry
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.sources import DTYPE_CODES
from analysis.weights.stream import Bytes, FileReader

if TYPE_CHECKING:
    import torch

_FINISHED = 2  # tensors whose blended values are kept until all of their segments were taken
_COLUMNS = 4096  # of the longer side, multiplied at once in float64

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Spectral:
    """Gives whole blended tensors, one at a time; remembers a few while one state is applied."""

    percent: float
    names: set[str]
    progress: Progress = field(compare=False)
    _finished: OrderedDict[str, Bytes] = field(default_factory=OrderedDict, repr=False, compare=False)
    _done: set[str] = field(default_factory=set, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def whole(self, tensor: PairedTensor, reader: FileReader) -> Bytes:
        """The tensor's blended values as stored in the tuned dtype."""
        with self._lock:
            if tensor.name not in self._finished:
                check_cancelled(self.progress)
                self._finished[tensor.name] = blend_whole(tensor, reader, self.percent)
                self._done.add(tensor.name)
                self.progress.report(len(self._done), len(self.names), "singular directions")
                while len(self._finished) > _FINISHED:
                    self._finished.popitem(last=False)
            return self._finished[tensor.name]


def blend_whole(tensor: PairedTensor, reader: FileReader, percent: float) -> Bytes:
    """One tensor without its weakest directions, as stored in the tuned dtype."""
    tuned = _read(tensor.tuned, reader)
    if percent < 100 and dropped_directions(tensor.tuned.shape, percent) == 0:
        return tuned
    base = _values(_read(tensor.base, reader), tensor.base)
    if percent == 100:
        return _stored(base, tensor.tuned.dtype)
    return _stored(without_weakest(base, _values(tuned, tensor.tuned), percent), tensor.tuned.dtype)


def dropped_directions(shape: tuple[int, ...], percent: float) -> int:
    """How many singular directions of a tensor go back at this percentage; 0 where it is no matrix."""
    return math.floor(min(shape) * percent / 100) if len(shape) == 2 else 0


def without_weakest(base: Array, tuned: Array, percent: float) -> torch.Tensor:
    """p + U S' V^T of float32 matrices, rounded to float32 once; the smaller of the two products is computed."""
    import torch

    p, s = _wide(base), _wide(tuned)
    vectors = directions(p, s)[1]
    dropped = dropped_directions(base.shape, percent)
    few = dropped <= vectors.shape[1] // 2
    basis = vectors[:, :dropped] if few else vectors[:, dropped:]
    out = torch.empty_like(p)
    for first in range(0, p.shape[1], _COLUMNS):
        before, after = (side[:, first : first + _COLUMNS].double() for side in (p, s))
        part = basis @ (basis.T @ (after - before))
        out[:, first : first + _COLUMNS] = after - part if few else before + part
    return out if base.shape[0] <= base.shape[1] else out.T


def directions(p: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Singular values of s - p, smallest first, and as columns its directions on the rows' side, both float64."""
    import torch

    gram = torch.zeros(p.shape[0], p.shape[0], dtype=torch.float64)
    for first in range(0, p.shape[1], _COLUMNS):
        before, after = (side[:, first : first + _COLUMNS].double() for side in (p, s))
        block = after - before
        gram += block @ block.T
    squares, vectors = torch.linalg.eigh(gram)
    return squares.clamp_min(0).sqrt(), vectors


def _wide(values: Array) -> torch.Tensor:
    """A matrix with its smaller side as rows."""
    import torch

    matrix = torch.from_numpy(values)
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


# --- the hard threshold ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spectrum:
    """Of one matrix: its number of directions, and how many of them the hard threshold takes for noise."""

    name: str
    parameters: int
    directions: int
    noise: int


def spectra(pair: CheckpointPair, progress: Progress) -> tuple[Spectrum, ...]:
    """The hard threshold's answer for every matrix of a pair that changed, one at a time."""
    found, matrices = [], [tensor for tensor in pair.tensors if len(tensor.tuned.shape) == 2]
    with FileReader() as reader:
        for number, tensor in enumerate(matrices):
            check_cancelled(progress)
            progress.report(number, len(matrices), f"singular values of {tensor.name}")
            found.append(_spectrum(tensor, reader))
    return tuple(spectrum for spectrum in found if spectrum is not None)


def noise_percent(spectra: Sequence[Spectrum]) -> float | None:
    """The share of directions the threshold takes for noise, 0-100, matrices weighted by size; None without any."""
    parameters = sum(spectrum.parameters for spectrum in spectra)
    noise = sum(spectrum.parameters * spectrum.noise / spectrum.directions for spectrum in spectra)
    return 100 * noise / parameters if parameters else None


def _spectrum(tensor: PairedTensor, reader: FileReader) -> Spectrum | None:
    """One matrix's answer; None where it did not change."""
    sides = ((entry, _read(entry, reader)) for entry in (tensor.base, tensor.tuned))
    sizes, _ = directions(*(_wide(_values(raw, entry)) for entry, raw in sides))
    if not sizes[-1]:
        return None
    return Spectrum(tensor.name, tensor.elements, len(sizes), noise_directions(sizes.numpy(), tensor.tuned.shape))


def noise_directions(sizes: Array, shape: tuple[int, ...]) -> int:
    """How many singular values are at most omega(b) median(S)."""
    return int((sizes <= omega(min(shape) / max(shape)) * np.median(sizes)).sum())


@lru_cache(maxsize=256)
def omega(beta: float) -> float:
    """The factor of the median: lambda(b) / sqrt(mu_b). Worked: omega(1) = (4 / sqrt 3) / sqrt 0.6528 = 2.858."""
    one = beta + 1
    threshold = math.sqrt(2 * one + 8 * beta / (one + math.sqrt(beta * beta + 14 * beta + 1)))
    return threshold / math.sqrt(marchenko_pastur_median(beta))


def marchenko_pastur_median(beta: float) -> float:
    """The median of the Marchenko-Pastur law of ratio 0 < b <= 1, by integration in x = low + width sin^2 t."""
    from scipy.integrate import quad
    from scipy.optimize import brentq

    low, width = (1 - math.sqrt(beta)) ** 2, 4 * math.sqrt(beta)

    def at(angle: float) -> float:
        return low + width * math.sin(angle) ** 2

    def density(angle: float) -> float:
        if beta == 1:
            return 4 / math.pi * math.cos(angle) ** 2  # the same, without its 0/0 at 0
        return (width * math.sin(angle) * math.cos(angle)) ** 2 / (math.pi * beta * at(angle))

    return at(float(brentq(lambda angle: quad(density, 0, angle)[0] - 0.5, 0, math.pi / 2, xtol=1e-14)))


# --- whole tensors ---------------------------------------------------------------------------------------------


def _read(entry: TensorEntry, reader: FileReader) -> Bytes:
    raw = np.empty(entry.nbytes, np.uint8)
    reader.read(entry, 0, raw)
    return raw


def _values(raw: Bytes, entry: TensorEntry) -> Array:
    """Stored values as a float32 array of the tensor's shape."""
    from analysis.weights import kernels

    single = np.empty(entry.elements, np.float32)
    kernels.to_single(raw, DTYPE_CODES[entry.dtype], entry.elements, single)
    return single.reshape(entry.shape)


def _stored(values: torch.Tensor | Array, dtype: str) -> Bytes:
    import torch

    kinds = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    tensor = torch.as_tensor(values).to(kinds[dtype]).contiguous().reshape(-1)
    stored: Bytes = tensor.view(torch.uint8).numpy()
    assert len(stored) == tensor.numel() * ITEM_BYTES[dtype]
    return stored
