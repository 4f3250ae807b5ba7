"""Which weights of a pair a cut restores, chunk by chunk: the compiled choice, and the ties that wait for each other.

A tie whose hash lies in its tensor's window is decided when the whole tensor was seen; it is then the caller's to put
in its place. What was decided is remembered with the cut, so that the next time nothing waits. Knows stored values,
neither files nor live models.
"""

import threading
from collections import Counter
from collections.abc import Iterable

import numpy as np

from analysis.records import RestoreSpec
from analysis.weights import kernels_select as kernels
from analysis.weights import ties
from analysis.weights.cuts import Cut
from analysis.weights.histogram import Array
from analysis.weights.pairing import PairedTensor
from analysis.weights.sources import DTYPE_CODES, arithmetic_code
from analysis.weights.strategies import MEASURES, RANKINGS
from analysis.weights.stream import Buffers, Chunk, Segment
from analysis.weights.ties import Handed, Window

_WORDS = {"BF16": np.uint16, "F16": np.uint16, "F32": np.uint32}


class Chooser:
    """The restored weights of a cut, for all segments of a pair (in any order, from any thread)."""

    def __init__(self, spec: RestoreSpec, cut: Cut, segments: Iterable[Segment], *, wide: bool = False) -> None:
        self._spec, self._cut, self._wide = spec, cut, wide
        self._ranking = RANKINGS[spec.strategy]
        self._open = Counter(segment.tensor.name for segment in segments)
        self._handed: dict[str, list[Handed]] = {}
        self._below: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.missed: set[str] = set()  # tensors whose window did not hold the last tie: look again, wider

    def mask(self, chunk: Chunk, tensor: PairedTensor, buffers: Buffers) -> Array:
        """1 where the chunk's weight is restored, uint8, in a buffer; ties that must wait are 0 and kept."""
        cut = self._cut.tensors[tensor.name]
        codes = DTYPE_CODES[tensor.base.dtype], DTYPE_CODES[tensor.tuned.dtype]
        mode = arithmetic_code(self._spec.arithmetic, tensor.tuned.dtype)
        rule = mode, MEASURES[self._ranking.measure], self._ranking.direction, cut.threshold
        window, key = self.window(tensor.name), np.uint64(ties.tensor_key(self._spec.seed, tensor.name))
        mask = buffers.get("mask", chunk.count).view(np.bool_)
        hashes = buffers.get("hashes", chunk.count * 8).view(np.uint64)
        places = buffers.get("places", chunk.count * 8).view(np.int64)
        handed, below = kernels.select(
            *(chunk.base, chunk.tuned, *codes, *rule, chunk.count, chunk.first, key),
            *(np.uint64(window.low), np.uint64(window.high), mask, hashes, places),
        )
        self.keep(chunk, tensor, below, Handed(hashes[:handed], places[:handed], np.zeros(0)))
        return mask

    def keep(self, chunk: Chunk, tensor: PairedTensor, below: int, handed: Handed) -> None:
        """Remember ties of a chunk: how many lie below the window, and those inside (their words are read here)."""
        if not below and not len(handed.hashes):
            return
        words = chunk.base.view(_WORDS[tensor.base.dtype])[handed.places - chunk.first]
        with self._lock:
            self._below[tensor.name] += below
            kept = Handed(handed.hashes.copy(), handed.places.copy(), words)
            self._handed.setdefault(tensor.name, []).append(kept)

    def finish(self, segment: Segment) -> Handed | None:
        """Say that a segment is done; after a tensor's last one, the ties that are restored after all."""
        name = segment.tensor.name
        with self._lock:
            self._open[name] -= 1
            if self._open[name] or name not in self._handed:
                return None
            handed, below = ties.join(self._handed.pop(name)), self._below[name]
        picked = ties.choose(handed, self._cut.tensors[name].quota - below)
        if picked is None:
            self.missed.add(name)
            return None
        chosen = Handed(handed.hashes[picked], handed.places[picked], handed.words[picked])
        if len(chosen.hashes):
            self._cut.lasts[name] = int(chosen.hashes.max())
        return chosen

    def window(self, name: str) -> Window:
        """The hashes among which the tensor's last restored tie is looked for."""
        cut, last = self._cut.tensors[name], self._cut.lasts.get(name)
        if last is not None:
            return Window(min(last + 1, ties.HASHES - 1), last)  # nothing waits
        return Window(0, ties.HASHES - 1) if self._wide else ties.window(cut.quota, cut.ties)
