"""The header of one safetensors file, read and checked without touching a weight.

File: u64 little-endian length, a JSON object of that length, then the data, contiguous and without holes
(safetensors 0.8). Knows nothing of models, shards or names. Problems are returned as sentences, never raised, so that
a checkpoint with five bad shards is reported once, with five lines.
"""

import stat
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import xxhash

from analysis.weights.json_files import parse, why_unreadable

ITEM_BYTES = {
    **{"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1},
    **{"U16": 2, "U32": 4, "U64": 8, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1},
}
_LARGEST_HEADER_BYTES = 100_000_000  # the format's own limit
_MOST_DIMENSIONS = 64
_PROBLEMS_TOLD = 20  # of one file


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies: file, byte offset in the file, bytes, dtype as safetensors spells it, shape."""

    stored_name: str
    file: Path
    offset: int
    nbytes: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of values; 1 for a scalar."""
        return prod(self.shape)


@dataclass(frozen=True)
class ShardFile:
    """One file's header: its tensors in file order, where the data begins, and what identifies the file unread."""

    path: Path
    data_start: int
    size: int
    fingerprint: str  # device-inode-size-mtime_ns-header hash
    tensors: tuple[TensorEntry, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def read_header(path: Path) -> tuple[ShardFile | None, list[str]]:
    """The header of `path`, or None, and every problem found with it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            return None, [f"{path.name}: is not a regular file"]
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if status.st_size < 8 or length > min(_LARGEST_HEADER_BYTES, status.st_size - 8):
                return None, [_not_a_header(path, length, status.st_size)]
            raw = file.read(length)
    except OSError as error:
        return None, [f"{path.name}: {why_unreadable(path, error)}"]
    header, problem = _parse(path, raw)
    if problem:
        return None, [problem]
    metadata = header.pop("__metadata__", {})
    tensors, problems = _entries(path, header, 8 + length, status.st_size)
    identity = f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
    fingerprint = f"{identity}-{xxhash.xxh3_128_hexdigest(raw)}"
    shard = ShardFile(path, 8 + length, status.st_size, fingerprint, tuple(tensors), metadata)
    return shard, _shortened(path, problems)


def _shortened(path: Path, problems: list[str]) -> list[str]:
    further = len(problems) - _PROBLEMS_TOLD
    return problems if further <= 0 else [*problems[:_PROBLEMS_TOLD], f"{path.name}: and {further:,} further problems"]


def _not_a_header(path: Path, length: int, size: int) -> str:
    if size == 0:
        return f"{path.name}: is empty"
    if size < 8 or length <= _LARGEST_HEADER_BYTES:
        return f"{path.name}: is cut off inside its header ({size:,} bytes); copy or download it again"
    return f"{path.name}: is not a safetensors file (its first bytes are no header length)"


def _parse(path: Path, raw: bytes) -> tuple[dict[str, Any], str | None]:
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for name, value in pairs:
            if name in seen:
                repeated.append(name)
            seen[name] = value
        return seen

    try:
        header = parse(raw, unique)
    except ValueError as reason:
        return {}, f"{path.name}: its header {reason}"
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return {}, f"{path.name}: its header is not a table of tensors"
    if repeated:
        return {}, f"{path.name}: names a tensor twice: {', '.join(sorted(set(repeated))[:_PROBLEMS_TOLD])}"
    return header, None


def _entries(path: Path, header: dict[str, Any], start: int, size: int) -> tuple[list[TensorEntry], list[str]]:
    entries, problems = [], []
    for name, info in header.items():
        entry = _entry(path, name, info, start)
        if isinstance(entry, str):
            problems.append(entry)
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: (entry.offset, entry.nbytes))
    expected = start
    for entry in entries:
        if entry.offset != expected:
            word = "overlap" if entry.offset < expected else "leave a hole"
            problems.append(f"{path.name}: the data of {entry.stored_name} and of the tensor before it {word}")
        expected = entry.offset + entry.nbytes
    if not problems and expected > size:
        problems.append(f"{path.name}: is truncated, {expected - size:,} of {expected:,} bytes are missing")
    if not problems and expected < size:
        problems.append(f"{path.name}: has {size - expected:,} bytes after its last tensor; the file is damaged")
    return entries, problems


def _entry(path: Path, name: str, info: Any, start: int) -> TensorEntry | str:
    try:
        dtype, shape, (first, last) = info["dtype"], tuple(info["shape"]), info["data_offsets"]
        numbers = (*shape, first, last)
        if any(type(number) is not int or not 0 <= number < 1 << 63 for number in numbers) or last < first:
            raise ValueError
        if not isinstance(dtype, str) or len(shape) > _MOST_DIMENSIONS:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        return f"{path.name}: the header entry of {name} is damaged"
    if dtype not in ITEM_BYTES:
        return f"{path.name}: {name} has the unknown dtype {dtype}"
    if last - first != prod(shape) * ITEM_BYTES[dtype]:
        return f"{path.name}: {name} says shape {list(shape)} {dtype} but holds {last - first:,} bytes"
    if prod(shape) == 0:
        return f"{path.name}: {name} has no elements (shape {list(shape)})"
    return TensorEntry(name, path, start + first, last - first, dtype, shape)
