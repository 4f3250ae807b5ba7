"""Writes a restored checkpoint: the tuned side's files with only the restored bytes changed, whole or not at all.

Every shard keeps its name, header, order and dtype; tokenizer, config and all other files are copied from the tuned
side. Written into a hidden folder beside OUT, synced, then renamed. Never writes to an input. Pickled weights and
optimiser states beside the checkpoint are left out and named in the report.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from analysis.errors import CheckpointError, StoreError
from analysis.folders import whole_folder
from analysis.records import Progress, RestoreSpec, Silent
from analysis.weights import stream
from analysis.weights.beside import other_files, write_others, write_recipe
from analysis.weights.chosen import Chooser
from analysis.weights.headers import ITEM_BYTES, ShardFile, TensorEntry
from analysis.weights.identity import id_of, join_digests
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.profile import UpdateProfile, peak_rss_bytes
from analysis.weights.restore import Selection, pieces, select, settled
from analysis.weights.stream import Buffers, FileReader, Segment, run_units

_SPARE_BYTES = 1 << 20


@dataclass(frozen=True)
class WriteReport:
    """What was written: the spec's numbers, the folder, the new checkpoint's content id."""

    strategy: str
    percent: float
    count: int
    threshold: float | None
    ties_restored: int
    effective_percent: float
    out: str
    content_id: str
    left_out: tuple[str, ...]  # files of the tuned folder that hold other weights or optimiser states
    bytes_written: int
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class _Part:
    """A stretch of one stored tensor: its first `shared` values restored where `paired`, the others copied."""

    entry: TensorEntry
    paired: PairedTensor | None
    first: int
    count: int
    shared: int


def write_restored(
    pair: CheckpointPair,
    profile: UpdateProfile,
    spec: RestoreSpec,
    out: Path,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
) -> WriteReport:
    """Write the restored checkpoint to the new folder `out`.

    Raises CheckpointError where `out` exists, lies in an input, or cannot be written; StoreError where the disk is too
    small; Cancelled. Nothing is left behind then.
    """
    started = time.perf_counter()
    out = Path(out).expanduser().absolute()
    others, left_out = other_files(pair)
    _check_target(
        pair, out, sum(shard.size for shard in pair.tuned.files) + sum(f.stat().st_size for f in others.values())
    )
    selection = select(pair, profile, spec, progress)
    chooser = settled(pair, selection, threads=threads, progress=progress)
    count = profile.count(spec, progress, pair=pair)
    with whole_folder(out) as folder:
        hashes = _write_shards(pair, (selection, chooser), folder, progress or Silent(), threads)
        content_id = id_of(pair.tuned, hashes)
        write_others(folder, others, pair)
        write_recipe(folder, pair, profile, count, content_id)
        written = _sync(folder)
    _sync_path(out.parent)
    return WriteReport(
        strategy=spec.strategy,
        percent=spec.percent,
        count=count.count,
        threshold=count.threshold,
        ties_restored=count.ties_restored,
        effective_percent=count.effective_percent,
        out=str(out),
        content_id=content_id,
        left_out=tuple(left_out),
        bytes_written=written,
        seconds=time.perf_counter() - started,
        peak_rss_bytes=peak_rss_bytes(),
    )


def _check_target(pair: CheckpointPair, out: Path, needed: int) -> None:
    if out.exists() or out.is_symlink():
        raise CheckpointError(f"{out} exists already.", code="out-exists", items=["Give the name of a new folder."])
    for side, checkpoint in (("base", pair.base), ("tuned", pair.tuned)):
        if out.resolve().is_relative_to(checkpoint.folder.resolve()):
            items = ["The inputs are never written to: give a folder elsewhere."]
            raise CheckpointError(f"{out} lies inside the {side} model's folder.", code="out-inside-input", items=items)
    home = next(parent for parent in out.parents if parent.exists())
    if not home.is_dir():
        raise CheckpointError(f"{home} is a file, so {out} cannot be made in it.", code="out-parent")
    free = shutil.disk_usage(home).free
    if free < needed + _SPARE_BYTES:
        raise StoreError(
            f"The disk of {home} is too small: {needed:,} bytes are needed, {free:,} are free.",
            code="disk-full",
            items=["Free some space, or give a folder on another disk."],
        )


def _write_shards(
    pair: CheckpointPair,
    source: tuple[Selection, Chooser | None],
    folder: Path,
    progress: Progress,
    threads: int | None,
) -> dict[str, str]:
    """Write every shard; returns the new tensor hashes by stored name."""
    paired = {tensor.tuned.stored_name: tensor for tensor in (*pair.tensors, *pair.copies)}
    outputs = {shard.path: _start_shard(shard, folder) for shard in pair.tuned.files}
    entries = [entry for shard in pair.tuned.files for entry in shard.tensors]
    parts = [part for entry in entries for part in _parts(entry, paired.get(entry.stored_name))]
    buffers = Buffers()
    try:
        with FileReader() as reader:
            made = _Made(reader, buffers, *source)
            digests = run_units(
                parts,
                lambda part: _write_part(part, made, outputs[part.entry.file]),
                threads=threads,
                progress=progress,
                weight=lambda part: part.count,
                note="writing the restored checkpoint",
            )
    finally:
        for descriptor in outputs.values():
            os.close(descriptor)
    joined: dict[str, list[bytes]] = {}
    for part, digest in zip(parts, digests, strict=True):
        joined.setdefault(part.entry.stored_name, []).append(digest)
    return {name: join_digests(held) for name, held in joined.items()}


def _start_shard(shard: ShardFile, folder: Path) -> int:
    """Create the shard with its header copied byte for byte and its full size reserved."""
    with shard.path.open("rb") as source:
        header = source.read(shard.data_start)
    descriptor = os.open(folder / shard.path.name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    os.ftruncate(descriptor, shard.size)
    _write_all(descriptor, memoryview(header), 0)
    return descriptor


def _parts(entry: TensorEntry, paired: PairedTensor | None) -> list[_Part]:
    """The tensor in segments, so that its hash is what identity.py gives; further rows than the pair's are plain."""
    shared = paired.elements if paired else 0
    parts = []
    for first in range(0, entry.elements, stream.SEGMENT):
        end = min(first + stream.SEGMENT, entry.elements)
        parts.append(_Part(entry, paired if first < shared else None, first, end - first, min(end, shared) - first))
    return parts


def _write_part(part: _Part, made: "_Made", descriptor: int) -> bytes:
    item = ITEM_BYTES[part.entry.dtype]
    running = xxhash.xxh3_128()
    for first, data in made.bytes_of(part):
        running.update(data)
        _write_all(descriptor, data, part.entry.offset + first * item)
    return running.digest()


@dataclass(frozen=True)
class _Made:
    """Where the values of a selection come from."""

    reader: FileReader
    buffers: Buffers
    selection: Selection
    chooser: Chooser | None

    def bytes_of(self, part: _Part) -> Iterator[tuple[int, memoryview]]:
        """The part's stored bytes, and the number of the value they begin with."""
        plain = part.first
        if part.paired is not None:
            segment = Segment(part.paired, part.first, part.shared)
            for piece in pieces(self.reader, self.buffers, segment, self.selection, self.chooser):
                yield piece.first, piece.data.data
            plain += part.shared
        item, end = ITEM_BYTES[part.entry.dtype], part.first + part.count
        for first in range(plain, end, stream.CHUNK):
            data = self.buffers.get("plain", min(stream.CHUNK, end - first) * item)
            self.reader.read(part.entry, first * item, data)
            yield first, data.data


def _write_all(descriptor: int, data: memoryview, position: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, position)
        data, position = data[written:], position + written


def _sync(folder: Path) -> int:
    """Flush every file and folder to the disk; returns the bytes written."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in (*files, *(path for path in folder.rglob("*") if path.is_dir()), folder):
        _sync_path(path)
    return sum(path.stat().st_size for path in files)


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
