"""Reads tensors from safetensors files in pieces, with threads and reused buffers, so that memory stays flat.

A segment is the unit of work of one thread (2^22 values), a chunk what is read at once (2^18 values, so that it stays
in cache). Sums are made per segment and added in order, so results do not depend on the number of threads. `os.preadv`
and not mmap: the resident memory stays what the buffers take, and a file that shrinks gives an error, not a crash.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from analysis.errors import Cancelled, CheckpointError
from analysis.records import Progress, check_cancelled
from analysis.weights.headers import ITEM_BYTES, TensorEntry
from analysis.weights.lowrank import AdaptedEntry, decode, fill
from analysis.weights.pairing import PairedTensor

SEGMENT = 1 << 22
CHUNK = 1 << 18

_MATRICES = 64  # of adapters, kept in memory

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Matrix = np.ndarray[Any, np.dtype[Any]]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Segment:
    """`count` values of a tensor from the `first` on."""

    tensor: PairedTensor
    first: int
    count: int


@dataclass(frozen=True)
class Chunk:
    """A piece of both sides as stored bytes; the arrays are buffers that the next chunk overwrites."""

    first: int
    count: int
    base: Bytes
    tuned: Bytes


class FileReader:
    """Open files, shared by threads; closed with the block."""

    def __init__(self) -> None:
        self._descriptors: dict[Path, int] = {}
        self._lock = threading.Lock()
        self._matrices: dict[TensorEntry, Matrix] = {}
        self.bytes_read = 0

    def __enter__(self) -> "FileReader":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def read(self, entry: TensorEntry, first_byte: int, out: Bytes) -> None:
        """Fill `out` from the tensor's bytes; raises CheckpointError where the file has become shorter."""
        if isinstance(entry, AdaptedEntry):
            fill(entry, first_byte, out, self._read_stored, self._matrix)
        else:
            self._read_stored(entry, first_byte, out)

    def _matrix(self, entry: TensorEntry, transposed: bool) -> Matrix:
        """A small matrix of an adapter in float32; the last few are kept."""
        with self._lock:
            held = self._matrices.get(entry)
        if held is None:
            raw = np.empty(entry.nbytes, np.uint8)
            self._read_stored(entry, 0, raw)
            matrix = decode(raw, entry.dtype).reshape(entry.shape)
            held = np.ascontiguousarray(matrix.T if transposed else matrix)
            with self._lock:
                self._matrices[entry] = held
                while len(self._matrices) > _MATRICES:
                    self._matrices.pop(next(iter(self._matrices)))
        return held

    def _read_stored(self, entry: TensorEntry, first_byte: int, out: Bytes) -> None:
        descriptor = self._descriptor(entry.file)
        view, position = out.data, entry.offset + first_byte
        while view:
            got = os.preadv(descriptor, [view], position)
            if got == 0:
                raise CheckpointError(f"{entry.file} ends inside {entry.stored_name}: it changed while being read.")
            view, position = view[got:], position + got
        with self._lock:
            self.bytes_read += out.nbytes

    def _descriptor(self, path: Path) -> int:
        with self._lock:
            if path not in self._descriptors:
                try:
                    self._descriptors[path] = os.open(path, os.O_RDONLY)
                except OSError as error:
                    raise CheckpointError(f"{path} cannot be opened ({error.strerror}).") from error
            return self._descriptors[path]


class Buffers(threading.local):
    """Each thread's own byte buffers, made once and grown as needed."""

    def __init__(self) -> None:
        self._held: dict[str, Bytes] = {}
        self._tables: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}

    def get(self, name: str, nbytes: int) -> Bytes:
        """A buffer of this size under a name; its contents are whatever was left there."""
        held = self._held.get(name)
        if held is None or held.nbytes < nbytes:
            held = np.empty(nbytes, np.uint8)
            self._held[name] = held
        return held[:nbytes]

    def zeros(self, name: str, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """A float64 table, zero the first time; whoever fills it leaves it zero again."""
        held = self._tables.get(name)
        if held is None:
            held = self._tables[name] = np.zeros(shape)
        return held


def segments(tensors: Iterable[PairedTensor]) -> list[Segment]:
    """All work units of these tensors, in order."""
    return [
        Segment(tensor, first, min(SEGMENT, tensor.elements - first))
        for tensor in tensors
        for first in range(0, tensor.elements, SEGMENT)
    ]


def chunks(reader: FileReader, buffers: Buffers, segment: Segment) -> Iterator[Chunk]:
    """The pieces of a segment, both sides read."""
    tensor = segment.tensor
    base_item, tuned_item = ITEM_BYTES[tensor.base.dtype], ITEM_BYTES[tensor.tuned.dtype]
    for first in range(segment.first, segment.first + segment.count, CHUNK):
        count = min(CHUNK, segment.first + segment.count - first)
        base = buffers.get("base", count * base_item)
        tuned = buffers.get("tuned", count * tuned_item)
        reader.read(tensor.base, first * base_item, base)
        reader.read(tensor.tuned, first * tuned_item, tuned)
        yield Chunk(first, count, base, tuned)


def thread_count(threads: int | None) -> int:
    """The threads to use: as asked, else what this process may run on, at most 16."""
    if threads is not None:
        return max(1, threads)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS
    return min(16, allowed)


def run_units(
    units: Sequence[T],
    work: Callable[[T], R],
    *,
    threads: int | None,
    progress: Progress,
    weight: Callable[[T], float],
    note: str = "",
) -> list[R]:
    """`work` over all units on threads, begun and answered in their order. Raises the first error."""
    total, done = sum(map(weight, units)), 0.0
    workers = min(thread_count(threads), max(1, len(units)))
    if workers == 1:
        return _run_serially(units, work, progress, weight, note)
    results: dict[int, R] = {}
    stop = threading.Event()

    def guarded(unit: T) -> R:
        if stop.is_set():
            raise Cancelled("Cancelled.")
        return work(unit)

    with ThreadPoolExecutor(workers, thread_name_prefix="weights") as pool:
        futures = {pool.submit(guarded, unit): number for number, unit in enumerate(units)}
        try:
            for future in as_completed(futures):
                results[futures[future]] = future.result()
                done += weight(units[futures[future]])
                progress.report(done, total, note)
                check_cancelled(progress)
        finally:
            stop.set()
    return [results[number] for number in range(len(units))]


def _run_serially(
    units: Sequence[T], work: Callable[[T], R], progress: Progress, weight: Callable[[T], float], note: str
) -> list[R]:
    total, done, results = sum(map(weight, units)), 0.0, []
    for unit in units:
        results.append(work(unit))
        done += weight(unit)
        progress.report(done, total, note)
        check_cancelled(progress)
    return results
