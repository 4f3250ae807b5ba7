"""Where rank keys come from: held in memory for small pairs, computed again from the files for large ones."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analysis.records import Arithmetic
from analysis.weights import stream
from analysis.weights.cuts import KeySegment
from analysis.weights.histogram import Array
from analysis.weights.pair import CheckpointPair
from analysis.weights.stream import Buffers, FileReader, Segment, chunks, segments

DTYPE_CODES = {"BF16": 0, "F16": 1, "F32": 2}
ARITHMETIC_CODES: dict[Arithmetic, int] = {"exact": 0, "paper": 1}


class HeldKeys:
    """Keys of every tensor in memory (8 bytes per parameter)."""

    def __init__(self, keys: Mapping[str, Array], *, one_key_per_bin: bool) -> None:
        self._keys = keys
        self.one_key_per_bin = one_key_per_bin

    def segments(self, names: Sequence[str]) -> list[KeySegment]:
        """One segment a tensor."""
        return [KeySegment(name, 0, len(self._keys[name])) for name in names]

    def pieces(self, segment: KeySegment) -> Iterator[tuple[int, Array]]:
        """The keys, a chunk at a time."""
        keys = self._keys[segment.name]
        for first in range(segment.first, segment.first + segment.count, stream.CHUNK):
            yield first, keys[first : min(first + stream.CHUNK, segment.first + segment.count)]


class FileKeys:
    """Keys computed from the pair's files each time they are asked for."""

    def __init__(self, pair: CheckpointPair, reader: FileReader, arithmetic: Arithmetic, *, one_key_per_bin: bool):
        self._tensors = {tensor.name: tensor for tensor in pair.tensors}
        self._reader = reader
        self._arithmetic = ARITHMETIC_CODES[arithmetic]
        self._buffers = Buffers()
        self.one_key_per_bin = one_key_per_bin

    def segments(self, names: Sequence[str]) -> list[KeySegment]:
        """The work units of the named tensors."""
        units = segments(self._tensors[name] for name in names)
        return [KeySegment(unit.tensor.name, unit.first, unit.count) for unit in units]

    def pieces(self, segment: KeySegment) -> Iterator[tuple[int, Array]]:
        """The keys, a chunk at a time, in a buffer that the next chunk overwrites."""
        from analysis.weights import kernels

        tensor = self._tensors[segment.name]
        codes = DTYPE_CODES[tensor.base.dtype], DTYPE_CODES[tensor.tuned.dtype]
        for chunk in chunks(self._reader, self._buffers, Segment(tensor, segment.first, segment.count)):
            keys = self._buffers.get("keys", chunk.count * 8).view(np.float64)
            kernels.compute_keys(chunk.base, chunk.tuned, *codes, self._arithmetic, chunk.count, keys)
            yield chunk.first, keys
