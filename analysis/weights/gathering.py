"""Counts of segments put together by tensor while the pass goes on, so that only unfinished tensors wait in parts.

What is kept of a model has a bound: its tensors share KEYS_KEPT distinct keys, and a tensor with more of them keeps
those below KNOWN_BELOW (the cells of kernels_bf16.py, always few); a cut above then looks into the files.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from analysis.weights.histogram import Distinct, TensorUpdate, add_counts, merge
from analysis.weights.kernels_bf16 import KNOWN_BELOW
from analysis.weights.pairing import PairedTensor
from analysis.weights.stream import Segment
from analysis.weights.tally import Counted

KEYS_KEPT = 16_000_000  # 12 bytes each
KEYS_AT_LEAST = 1 << 14  # of a tensor


class Gathering:
    """The updates of a pair's tensors, from their segments in any order and from any thread."""

    def __init__(self, tensors: Sequence[PairedTensor], segments: Iterable[Segment]) -> None:
        self._open = Counter(segment.tensor.name for segment in segments)
        self._most = max(KEYS_AT_LEAST, KEYS_KEPT // max(1, len(tensors)))
        self._parts: dict[str, dict[int, Counted]] = {}
        self._done: dict[str, TensorUpdate] = {}
        self._tensors = tensors
        self._lock = threading.Lock()

    def add(self, segment: Segment, counted: Counted) -> None:
        """Take a segment's counts; its tensor's last one puts them together."""
        name = segment.tensor.name
        with self._lock:
            self._parts.setdefault(name, {})[segment.first] = counted
            self._open[name] -= 1
            if self._open[name]:
                return
            parts = self._parts.pop(name)
        self._done[name] = self._merged(segment.tensor, [parts[first] for first in sorted(parts)])

    def updates(self) -> tuple[TensorUpdate, ...]:
        """All of them, in the pair's order."""
        return tuple(self._done[tensor.name] for tensor in self._tensors)

    def _merged(self, tensor: PairedTensor, parts: Sequence[Counted]) -> TensorUpdate:
        return TensorUpdate(
            tensor.name,
            tensor.elements,
            table=merge((part.table for part in parts), 4),
            null=merge((part.null for part in parts), 2),
            distinct=self._bounded([part.distinct for part in parts if part.distinct is not None], len(parts)),
        )

    def _bounded(self, counted: Sequence[Distinct], parts: int) -> Distinct | None:
        """All keys where they are not too many, else those below KNOWN_BELOW; None where parts counted none."""
        if len(counted) < parts:
            return None
        whole = add_counts(counted) if len(counted) > 1 else counted[0]
        below = min(part.below for part in counted)
        if len(whole.keys) > self._most:
            below = min(below, KNOWN_BELOW)
        if below < np.inf:
            held = whole.keys < below
            whole = Distinct(whole.keys[held], whole.counts[held], below)
        small = int(whole.counts.max(initial=0)) < 1 << 32
        return Distinct(whole.keys, whole.counts.astype(np.uint32) if small else whole.counts, whole.below)
