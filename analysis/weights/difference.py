"""A tuned checkpoint kept as its difference from the base: packed small, and given back bit for bit.

Of a tensor that the base holds too (same dtype and shape) the stored numbers' bit patterns are subtracted as integers,
zigzag-coded so that small steps up and down are small numbers, split into byte planes, and compressed (zstd). Every
other byte of a file is compressed as it is; files beside the weights are kept whole, or named where the base has the
same. A packed folder holds `difference.json` and one `*.packed` a weight file, and is whole or not there: it gets its
name only when its weights were read back from it as they were, and lie on the disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from analysis.errors import CheckpointError
from analysis.folders import whole_folder
from analysis.records import Progress, Silent, check_cancelled
from analysis.weights.checkpoint import Checkpoint, open_checkpoint
from analysis.weights.headers import ITEM_BYTES, ShardFile, TensorEntry
from analysis.weights.names import canonical

INDEX = "difference.json"
CHUNK_VALUES = 1 << 22
ZSTD_LEVEL = 3
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Piece:
    """A stretch of a weight file: `nbytes` of it packed into `packed` bytes.

    `base` names the tensor of the base it is a difference from, from the byte `first` on; "" where it is kept as it is.
    """

    nbytes: int
    packed: int
    base: str = ""
    first: int = 0
    item: int = 1


@dataclass(frozen=True)
class PackedFile:
    """One weight file: its pieces in order, and the xxh3-128 of the whole."""

    name: str
    digest: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Difference:
    """What a packed folder holds. `same`: files that are the base's, by name and xxh3-128; `others` lie beside."""

    base_id: str
    tuned_id: str
    files: tuple[PackedFile, ...]
    same: dict[str, str]
    others: tuple[str, ...]


def pack(base: str | Path, tuned: Path, out: Path, *, ids: tuple[str, str], progress: Progress | None = None) -> None:
    """Write the difference of `tuned` from `base` (their content ids are `ids`) into the new folder `out`.

    Raises CheckpointError, and leaves nothing, where what was written does not give the weights back bit for bit.
    """
    progress = progress or Silent()
    sides = open_checkpoint(base), open_checkpoint(tuned)
    weights = {shard.path.name for shard in sides[1].files}
    with whole_folder(out) as folder:
        files = tuple(_pack_file(sides[0], shard, folder, progress) for shard in sides[1].files)
        _require_back(sides[0], files, tuned, folder, progress)
        same, others = {}, []
        for file in sorted(tuned.iterdir()):
            if file.name in weights or not file.is_file():
                continue
            twin = sides[0].folder / file.name
            if twin.is_file() and twin.read_bytes() == file.read_bytes():
                same[file.name] = xxhash.xxh3_128_hexdigest(file.read_bytes())
            else:
                shutil.copyfile(file, folder / file.name)
                others.append(file.name)
        index = Difference(*ids, files, same, tuple(others))
        (folder / INDEX).write_bytes(msgspec.json.encode(index))
        _sync(folder)


def unpack(base: str | Path, packed: Path, out: Path, progress: Progress | None = None) -> None:
    """Write the tuned checkpoint again into the new folder `out`.

    Raises CheckpointError where the base is another one than it was packed against, or the packed files are damaged.
    """
    progress = progress or Silent()
    index, held = read_index(packed), open_checkpoint(base)
    with whole_folder(out) as folder:
        problems = [problem for file in index.files for problem in _unpack_file(held, file, packed, folder, progress)]
        for name in index.others:
            shutil.copyfile(packed / name, folder / name)
        for name, digest in index.same.items():
            if not _has_digest(held.folder / name, digest):
                problems.append(f"{name} of the base is not what it was")
                continue
            shutil.copyfile(held.folder / name, folder / name)
        if problems:
            raise CheckpointError(
                f"The tuned checkpoint cannot be made again from {packed}: give the base it was packed against, "
                f"or remove {packed} and run the plan again, which trains the model anew.",
                items=problems,
            )


def read_index(packed: Path) -> Difference:
    """What a packed folder holds; CheckpointError where it is none."""
    try:
        return msgspec.json.decode((packed / INDEX).read_bytes(), type=Difference)
    except (OSError, msgspec.MsgspecError) as error:
        raise CheckpointError(f"{packed} holds no difference that can be read: {error}.") from error


def _pack_file(base: Checkpoint, shard: ShardFile, folder: Path, progress: Progress) -> PackedFile:
    running, pieces = xxhash.xxh3_128(), []
    with shard.path.open("rb") as file, (folder / f"{shard.path.name}.packed").open("wb") as out:
        for nbytes, twin, first, item in _stretches(base, shard):
            check_cancelled(progress)
            progress.report(file.tell(), shard.size, "packing the difference from the base")
            data = np.frombuffer(file.read(nbytes), np.uint8)
            running.update(data.data)
            packed = _compress(_subtract(data, _bytes_of(twin, first, nbytes), item) if twin else data)
            out.write(packed)
            pieces.append(Piece(nbytes, len(packed), twin.stored_name if twin else "", first, item))
    return PackedFile(shard.path.name, running.hexdigest(), tuple(pieces))


def _require_back(
    base: Checkpoint, files: tuple[PackedFile, ...], tuned: Path, folder: Path, progress: Progress
) -> None:
    """The packed files, read again, give the weights as they were: whoever packs removes the whole model next."""
    if problems := [problem for file in files for problem in _unpack_file(base, file, folder, None, progress)]:
        raise CheckpointError(
            f"The difference of {tuned} from its base does not give it back, and was not kept: the files may have "
            "changed while they were read, or the disk or the memory is damaged. Try again.",
            items=problems,
        )


def _unpack_file(
    base: Checkpoint, file: PackedFile, packed: Path, folder: Path | None, progress: Progress
) -> Iterator[str]:
    """Write the weight file into `folder` (None: only look), and tell what is wrong with it."""
    running = xxhash.xxh3_128()
    twins = {entry.stored_name: entry for entry in base.tensors.values()}
    if missing := sorted({piece.base for piece in file.pieces} - {"", *twins}):
        yield f"the base has no {', '.join(missing)}"
        return
    doing = "looking whether it comes back" if folder is None else "unpacking the tuned weights"
    out_file = Path(os.devnull) if folder is None else folder / file.name
    with (packed / f"{file.name}.packed").open("rb") as stream, out_file.open("wb") as out:
        for piece in file.pieces:
            check_cancelled(progress)
            progress.report(stream.tell(), 1 + sum(each.packed for each in file.pieces), doing)
            try:
                data = _decompress(stream, piece)
            except OSError as error:
                yield f"{file.name}.packed is damaged: {error}"
                return
            if piece.base:
                data = _add(data, _bytes_of(twins[piece.base], piece.first, piece.nbytes), piece.item)
            running.update(data.data)
            out.write(data.data)
    if running.hexdigest() != file.digest:
        yield f"{file.name} does not come out as it was"


def _stretches(base: Checkpoint, shard: ShardFile) -> Iterator[tuple[int, TensorEntry | None, int, int]]:
    """The whole file in order: bytes, the base's tensor they are compared with, from its byte, and a number's bytes."""
    place = 0
    for entry in sorted(shard.tensors, key=lambda entry: entry.offset):
        if entry.offset > place:
            yield entry.offset - place, None, 0, 1
        item = ITEM_BYTES[entry.dtype]
        twin = base.tensors.get(canonical(entry.stored_name))
        if twin is None or (twin.dtype, twin.shape) != (entry.dtype, entry.shape):
            twin = None
        for first in range(0, entry.nbytes, CHUNK_VALUES * item):
            yield min(CHUNK_VALUES * item, entry.nbytes - first), twin, first, item
        place = entry.offset + entry.nbytes
    if shard.size > place:
        yield shard.size - place, None, 0, 1


def _bytes_of(entry: TensorEntry, first: int, nbytes: int) -> Bytes:
    return np.fromfile(entry.file, np.uint8, nbytes, offset=entry.offset + first)


def _subtract(tuned: Bytes, base: Bytes, item: int) -> Bytes:
    """Byte planes of the zigzag-coded differences of the bit patterns, uint8[n * item]."""
    kind, half = _integers(item)
    step = (tuned.view(kind) - base.view(kind)).view(half)
    coded = ((step << 1) ^ (step >> (8 * item - 1))).view(np.uint8)
    return np.ascontiguousarray(coded.reshape(-1, item).T).reshape(-1)


def _add(planes: Bytes, base: Bytes, item: int) -> Bytes:
    """What `_subtract` was given as tuned."""
    kind, _ = _integers(item)
    coded = np.ascontiguousarray(planes.reshape(item, -1).T).reshape(-1).view(kind)
    one = kind(1)
    step = (coded >> one) ^ (~(coded & one) + one)
    tuned: Bytes = (base.view(kind) + step).view(np.uint8)
    return tuned


def _integers(item: int) -> tuple[Any, Any]:
    return {
        1: (np.uint8, np.int8),
        2: (np.uint16, np.int16),
        4: (np.uint32, np.int32),
        8: (np.uint64, np.int64),
    }[item]


def _compress(data: Bytes) -> bytes:
    return bytes(pa.Codec("zstd", compression_level=ZSTD_LEVEL).compress(data, asbytes=True))


def _decompress(stream: BinaryIO, piece: Piece) -> Bytes:
    packed = stream.read(piece.packed)
    return np.frombuffer(pa.Codec("zstd").decompress(packed, piece.nbytes, asbytes=True), np.uint8)


def _sync(folder: Path) -> None:
    """Have the files on the disk itself: a power cut after the whole model went must not find them empty."""
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _has_digest(file: Path, digest: str) -> bool:
    return file.is_file() and xxhash.xxh3_128_hexdigest(file.read_bytes()) == digest
