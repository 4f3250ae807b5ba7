"""Where rank keys come from: stored values held in memory for small pairs, read again from the files for large ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from analysis.records import Arithmetic
from analysis.weights import stream
from analysis.weights.histogram import Array
from analysis.weights.lookup import KeySegment
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.strategies import MEASURES, UNCHANGED, Measure
from analysis.weights.stream import Buffers, Bytes, Chunk, FileReader, Segment, chunks, segments

DTYPE_CODES = {"BF16": 0, "F16": 1, "F32": 2}


def arithmetic_code(arithmetic: Arithmetic, dtype: str) -> int:
    """The kernels' code; paper arithmetic runs in the stored dtype."""
    return 0 if arithmetic == "exact" else 2 if dtype == "BF16" else 1


class Values(Protocol):
    """Both sides' stored values, by tensor, in pieces of at most stream.CHUNK."""

    def segments(self, names: Sequence[str]) -> list[KeySegment]: ...
    def dtypes(self, name: str) -> tuple[str, str]: ...
    def pieces(self, segment: KeySegment) -> Iterator[Chunk]: ...


class HeldValues:
    """Stored bytes of both sides in memory: (base, tuned) by tensor name."""

    def __init__(
        self, values: Mapping[str, tuple[Bytes, Bytes]], dtypes: Mapping[str, tuple[str, str]], sizes: Mapping[str, int]
    ) -> None:
        self._values, self._dtypes, self._sizes = values, dtypes, sizes

    def segments(self, names: Sequence[str]) -> list[KeySegment]:
        """One segment a tensor."""
        return [KeySegment(name, 0, self._sizes[name]) for name in names]

    def dtypes(self, name: str) -> tuple[str, str]:
        """Stored dtypes of base and tuned."""
        return self._dtypes[name]

    def pieces(self, segment: KeySegment) -> Iterator[Chunk]:
        """Views of the held bytes."""
        base, tuned = self._values[segment.name]
        items = len(base) // self._sizes[segment.name], len(tuned) // self._sizes[segment.name]
        end = segment.first + segment.count
        for first in range(segment.first, end, stream.CHUNK):
            last = min(first + stream.CHUNK, end)
            parts = base[first * items[0] : last * items[0]], tuned[first * items[1] : last * items[1]]
            yield Chunk(first, last - first, *parts)


class FileValues:
    """Stored bytes read from the pair's files each time they are asked for, into reused buffers.

    The pair is opened when it is first asked for: what a histogram tells needs no files.
    """

    def __init__(self, open_pair: Callable[[], CheckpointPair], reader: FileReader) -> None:
        self._open_pair = open_pair
        self._reader = reader
        self._buffers = Buffers()

    @cached_property
    def _tensors(self) -> dict[str, PairedTensor]:
        return {tensor.name: tensor for tensor in self._open_pair().tensors}

    def segments(self, names: Sequence[str]) -> list[KeySegment]:
        """The work units of the named tensors."""
        units = segments(self._tensors[name] for name in names)
        return [KeySegment(unit.tensor.name, unit.first, unit.count) for unit in units]

    def dtypes(self, name: str) -> tuple[str, str]:
        """Stored dtypes of base and tuned."""
        tensor = self._tensors[name]
        return tensor.base.dtype, tensor.tuned.dtype

    def pieces(self, segment: KeySegment) -> Iterator[Chunk]:
        """The segment's chunks."""
        unit = Segment(self._tensors[segment.name], segment.first, segment.count)
        return chunks(self._reader, self._buffers, unit)


class Keys:
    """A KeySource: one measure of the values in one arithmetic."""

    def __init__(self, values: Values, arithmetic: Arithmetic, measure: Measure, *, one_key_per_bin: bool) -> None:
        self._values = values
        self._arithmetic = arithmetic
        self._measure = MEASURES[measure]
        self._buffers = Buffers()
        self.one_key_per_bin = one_key_per_bin
        self.unchanged = UNCHANGED[measure]

    def segments(self, names: Sequence[str]) -> list[KeySegment]:
        """The work units of the named tensors."""
        return self._values.segments(names)

    def pieces(self, segment: KeySegment) -> Iterator[tuple[int, Array]]:
        """The keys, a chunk at a time, in a buffer that the next chunk overwrites."""
        from analysis.weights import kernels

        base, tuned = self._values.dtypes(segment.name)
        codes = DTYPE_CODES[base], DTYPE_CODES[tuned], arithmetic_code(self._arithmetic, tuned), self._measure
        for chunk in self._values.pieces(segment):
            keys = self._buffers.get("keys", chunk.count * 8).view(np.float64)
            kernels.compute_keys(chunk.base, chunk.tuned, *codes, chunk.count, keys)
            yield chunk.first, keys
