"""What identifies a checkpoint: a digest over one 128-bit content hash per tensor.

A tensor's hash is xxh3-128 of its stored bytes; beyond one segment (stream.SEGMENT values) it is xxh3-128 of the
segments' digests, so that threads can share a large tensor. Hashes already computed are found again through a `Memory`
under each file's fingerprint (device, inode, size, mtime, header hash), without reading a weight.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import xxhash

from analysis.errors import CheckpointError
from analysis.records import Progress, Silent
from analysis.weights import stream
from analysis.weights.checkpoint import Checkpoint
from analysis.weights.headers import ITEM_BYTES, TensorEntry
from analysis.weights.names import canonical
from analysis.weights.opening import open_base, open_tuned
from analysis.weights.stream import Buffers, FileReader, run_units


class Memory(Protocol):
    """Remembers the tensor hashes of a file (stored name -> 32 hexadecimal digits) under its fingerprint."""

    def get(self, fingerprint: str) -> dict[str, Any] | None: ...
    def put(self, fingerprint: str, known: dict[str, Any]) -> None: ...


class Forgetful:
    """A Memory that keeps nothing."""

    def get(self, fingerprint: str) -> dict[str, Any] | None:
        """Nothing is known."""
        del fingerprint
        return None

    def put(self, fingerprint: str, known: dict[str, Any]) -> None:
        """Nothing is kept."""
        del fingerprint, known


def join_digests(digests: Sequence[bytes]) -> str:
    """A tensor's hash from its segments' xxh3-128 digests, in order."""
    return digests[0].hex() if len(digests) == 1 else str(xxhash.xxh3_128_hexdigest(b"".join(digests)))


def tensor_hash(reader: FileReader, buffers: Buffers, entry: TensorEntry) -> str:
    """Read one tensor and hash it."""
    item = ITEM_BYTES[entry.dtype]
    digests = []
    for start in range(0, entry.nbytes, stream.SEGMENT * item):
        running = xxhash.xxh3_128()
        end = min(start + stream.SEGMENT * item, entry.nbytes)
        for first in range(start, end, stream.CHUNK * item):
            buffer = buffers.get("hash", min(stream.CHUNK * item, end - first))
            reader.read(entry, first, buffer)
            running.update(buffer.data)
        digests.append(running.digest())
    return join_digests(digests)


def known_hashes(checkpoint: Checkpoint, memory: Memory) -> dict[str, str]:
    """Stored tensor name -> hash, as far as the memory knows the checkpoint's files."""
    known: dict[str, str] = {}
    for shard in checkpoint.files:
        known.update(memory.get(shard.fingerprint) or {})
    return known


def remember_hashes(checkpoint: Checkpoint, hashes: Mapping[str, str], memory: Memory) -> None:
    """Keep the hashes of every file under its fingerprint."""
    for shard in checkpoint.files:
        memory.put(shard.fingerprint, {entry.stored_name: hashes[entry.stored_name] for entry in shard.tensors})


def hash_tensors(
    checkpoint: Checkpoint, known: Mapping[str, str], *, threads: int | None = None, progress: Progress | None = None
) -> dict[str, str]:
    """Every tensor's hash by stored name; only what is not `known` is read."""
    missing = [entry for entry in _entries(checkpoint) if entry.stored_name not in known]
    missing.sort(key=lambda entry: -entry.nbytes)  # the largest first: none is left to one thread at the end
    buffers = Buffers()
    with FileReader() as reader:
        found = run_units(
            missing,
            lambda entry: tensor_hash(reader, buffers, entry),
            threads=threads,
            progress=progress or Silent(),
            weight=lambda entry: entry.nbytes,
            note="reading the weights' identity",
        )
    return dict(known) | {entry.stored_name: value for entry, value in zip(missing, found, strict=True)}


def content_id(checkpoint: Checkpoint, memory: Memory | None = None, progress: Progress | None = None) -> str:
    """The checkpoint's id: 32 hexadecimal digits over (canonical name, dtype, shape, hash) of every tensor."""
    memory = memory if memory is not None else Forgetful()
    hashes = hash_tensors(checkpoint, known_hashes(checkpoint, memory), progress=progress)
    remember_hashes(checkpoint, hashes, memory)
    return id_of(checkpoint, hashes)


def id_of(checkpoint: Checkpoint, hashes: Mapping[str, str]) -> str:
    """The id from hashes by stored name."""
    rows = sorted(
        (canonical(entry.stored_name), entry.dtype, list(entry.shape), hashes[entry.stored_name])
        for entry in _entries(checkpoint)
    )
    return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest()


def known_pair_ids(base: str | Path, tuned: str | Path, memory: Memory) -> tuple[str, str] | None:
    """Both ids where every hash is remembered; None where a side cannot be opened or was never read."""
    try:
        opened = open_base(base)
        sides = opened, open_tuned(tuned, opened)
    except CheckpointError:
        return None
    ids = []
    for checkpoint in sides:
        hashes = known_hashes(checkpoint, memory)
        if any(entry.stored_name not in hashes for entry in _entries(checkpoint)):
            return None
        ids.append(id_of(checkpoint, hashes))
    return ids[0], ids[1]


def _entries(checkpoint: Checkpoint) -> Iterable[TensorEntry]:
    return [entry for shard in checkpoint.files for entry in shard.tensors]
