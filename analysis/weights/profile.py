"""The one streaming pass over a pair: histograms, sums, the null, NaN and Inf, content hashes, each weight read once.

For pairs of up to KEEP_PARAMETERS the stored values are kept with the profile, and of larger bfloat16 pairs the keys
are counted one by one, so that every later count is answered without the files. For other pairs the cuts at the
paper's percentages are resolved at once, in one more reading.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xxhash

from analysis.errors import PairError
from analysis.records import PAPER_PERCENTS, Arithmetic, Finding, Progress, RestoreSpec, Silent
from analysis.weights.gathering import Gathering
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.histogram import Array, TensorUpdate
from analysis.weights.identity import (
    Forgetful,
    Memory,
    hash_tensors,
    id_of,
    join_digests,
    known_hashes,
    remember_hashes,
)
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.stream import Buffers, Chunk, FileReader, Segment, chunks, run_units, segments
from analysis.weights.tally import Tallies, Tally
from analysis.weights.ties import tensor_key
from analysis.weights.update import UpdateProfile, fingerprints, split_held

__all__ = ["UpdateProfile", "profile_pair"]

KEEP_PARAMETERS = 10_000_000
NULL_EVERY = 16  # above KEEP_PARAMETERS the null is drawn from one block of 4,096 in sixteen
NULL_SEED = 0
UNRELATED_FRACTION = 0.5  # of weights that changed by more than their own size; 0.7 for independent normal weights

Held = Mapping[str, tuple[Array, Array]]


@dataclass(frozen=True)
class _SegmentResult:
    bad_base: int
    bad_tuned: int
    base_digest: bytes
    tuned_digest: bytes


def profile_pair(
    pair: CheckpointPair,
    *,
    arithmetic: Arithmetic = "exact",
    threads: int | None = None,
    memory: Memory | None = None,
    progress: Progress | None = None,
    percents: Sequence[float] = PAPER_PERCENTS,
    device: str = "cpu",
) -> UpdateProfile:
    """Read both sides once and keep what every question about the update needs.

    device: where bfloat16 pairs are counted ("cuda", "mps", ...; the answer is the same).

    Where the counts alone do not tell every threshold, those of relative-top at `percents` are looked up too.

    Raises PairError where weights are NaN or infinite (all such tensors named), where `paper` arithmetic meets fp16 or
    two dtypes; Cancelled when nobody wants the profile any more.
    """
    started = time.perf_counter()
    if arithmetic == "paper":
        _check_paper(pair)
    progress = progress or Silent()
    memory = memory if memory is not None else Forgetful()
    held = _room_for_values(pair) if pair.parameters <= KEEP_PARAMETERS else None
    with FileReader() as reader:
        units = segments(pair.tensors)
        gathering = Gathering(pair.tensors, units)
        counting = Tallies(device), arithmetic, gathering
        results = _run_pass(units, reader, counting, threads, progress, _held_views(pair, held))
        _refuse_not_finite(units, results)
        base_id, tuned_id = _identities(pair, units, results, memory, threads)
        bytes_read = reader.bytes_read
    tensors = gathering.updates()
    profile = UpdateProfile(
        base_id=base_id,
        tuned_id=tuned_id,
        arithmetic=arithmetic,
        tensors=tensors,
        dtypes=tuple((tensor.base.dtype, tensor.tuned.dtype) for tensor in pair.tensors),
        findings=(*pair.findings, *_findings(tensors)),
        sources=(str(pair.base.path), str(pair.tuned.path)),
        fingerprints=fingerprints(pair),
        seconds=time.perf_counter() - started,
        bytes_read=bytes_read,
        peak_rss_bytes=peak_rss_bytes(),
        held=held,
    )
    if not profile.knows_keys and profile.region_parameters("transformer"):
        profile.cuts([RestoreSpec(percent, arithmetic=arithmetic) for percent in percents], progress, pair=pair)
    return replace(profile, seconds=time.perf_counter() - started, peak_rss_bytes=peak_rss_bytes())


def peak_rss_bytes() -> int:
    """The largest resident memory of this process so far, 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _check_paper(pair: CheckpointPair) -> None:
    halves = [t.name for t in pair.tensors if "F16" in (t.base.dtype, t.tuned.dtype)]
    mixed = [t.name for t in pair.tensors if t.base.dtype != t.tuned.dtype]
    if halves:
        raise PairError(
            "Arithmetic `paper` cannot rank float16: its 1e-8 underflows to 0, and 0/0 would rank first.",
            code="paper-float16",
            items=[f"{len(halves)} tensors are float16, {halves[0]} the first", "Use the arithmetic exact."],
        )
    if mixed:
        raise PairError(
            "Arithmetic `paper` needs both sides in one dtype, as the authors' script has them.",
            code="paper-dtypes",
            items=[f"{len(mixed)} tensors differ in dtype, {mixed[0]} the first", "Use the arithmetic exact."],
        )


def _room_for_values(pair: CheckpointPair) -> tuple[Array, Array]:
    sizes = [
        sum(entry.nbytes for entry in side) for side in zip(*((t.base, t.tuned) for t in pair.tensors), strict=True)
    ]
    return np.empty(sizes[0], np.uint8), np.empty(sizes[1], np.uint8)


def _held_views(pair: CheckpointPair, held: tuple[Array, Array] | None) -> Held | None:
    if held is None:
        return None
    base = split_held(held[0], [tensor.base.nbytes for tensor in pair.tensors])
    tuned = split_held(held[1], [tensor.tuned.nbytes for tensor in pair.tensors])
    return {t.name: (p, s) for t, p, s in zip(pair.tensors, base, tuned, strict=True)}


def _hold(chunk: Chunk, tensor: PairedTensor, held: Held) -> None:
    for side, entry, data in zip(
        held[tensor.name], (tensor.base, tensor.tuned), (chunk.base, chunk.tuned), strict=True
    ):
        first = chunk.first * ITEM_BYTES[entry.dtype]
        side[first : first + data.nbytes] = data


def _run_pass(
    units: Sequence[Segment],
    reader: FileReader,
    counting: tuple[Tallies, Arithmetic, Gathering],
    threads: int | None,
    progress: Progress,
    held: Held | None,
) -> list[_SegmentResult]:
    tallies, arithmetic, gathering = counting
    buffers = Buffers()

    def work(segment: Segment) -> _SegmentResult:
        tally = tallies.of(arithmetic, segment.tensor.base.dtype, segment.tensor.tuned.dtype)
        result = _read_segment(segment, chunks(reader, buffers, segment), tally, held)
        gathering.add(segment, tally.take())
        return result

    note = "reading base and tuned"
    return run_units(units, work, threads=threads, progress=progress, weight=lambda unit: unit.count, note=note)


def _read_segment(segment: Segment, pieces: Iterable[Chunk], tally: Tally, held: Held | None) -> _SegmentResult:
    null_key = np.uint64(tensor_key(NULL_SEED, segment.tensor.name))
    null_every = 1 if held is not None else NULL_EVERY
    hashes = xxhash.xxh3_128(), xxhash.xxh3_128()
    bad_base = bad_tuned = 0
    for chunk in pieces:
        hashes[0].update(chunk.base.data)
        hashes[1].update(chunk.tuned.data)
        bad = tally.add(chunk, null_key, null_every)
        bad_base, bad_tuned = bad_base + bad[0], bad_tuned + bad[1]
        if held is not None:
            _hold(chunk, segment.tensor, held)
    return _SegmentResult(bad_base, bad_tuned, hashes[0].digest(), hashes[1].digest())


def _refuse_not_finite(units: Sequence[Segment], results: Sequence[_SegmentResult]) -> None:
    bad: dict[str, list[int]] = {}
    for unit, result in zip(units, results, strict=True):
        if result.bad_base or result.bad_tuned:
            counts = bad.setdefault(unit.tensor.name, [0, 0])
            counts[0], counts[1] = counts[0] + result.bad_base, counts[1] + result.bad_tuned
    if bad:
        raise PairError(
            "Weights that are NaN or infinite cannot be ranked; use a checkpoint from before the training diverged.",
            code="not-finite",
            items=[f"{name}: {base:,} in base, {tuned:,} in tuned" for name, (base, tuned) in bad.items()],
        )


def _identities(
    pair: CheckpointPair,
    units: Sequence[Segment],
    results: Sequence[_SegmentResult],
    memory: Memory,
    threads: int | None,
) -> tuple[str, str]:
    """Both checkpoints' ids from the digests of the pass; tensors that are not compared are read here."""
    digests: dict[str, tuple[list[bytes], list[bytes]]] = {}
    for unit, result in zip(units, results, strict=True):
        base, tuned = digests.setdefault(unit.tensor.name, ([], []))
        base.append(result.base_digest)
        tuned.append(result.tuned_digest)
    ids = []
    for side, checkpoint in enumerate((pair.base, pair.tuned)):
        known = known_hashes(checkpoint, memory)
        whole = {entry for shard in checkpoint.files for entry in shard.tensors}
        for tensor in pair.tensors:
            entry = (tensor.base, tensor.tuned)[side]
            if entry in whole:  # of a grown embedding the pass read the shared rows only
                known[entry.stored_name] = join_digests(digests[tensor.name][side])
        hashes = hash_tensors(checkpoint, known, threads=threads)
        remember_hashes(checkpoint, hashes, memory)
        ids.append(id_of(checkpoint, hashes))
    return ids[0], ids[1]


def _findings(tensors: Sequence[TensorUpdate]) -> list[Finding]:
    parameters = sum(t.elements for t in tensors)
    changed = sum(t.changed for t in tensors)
    findings = []
    if changed == 0:
        findings.append(Finding("warning", "identical", "base and tuned hold the same weights: nothing has changed"))
    if sum(t.beyond_one for t in tensors) > UNRELATED_FRACTION * parameters:
        message = (
            "more than half of the weights changed by more than their own size: these look like two unrelated models, "
            "not a model and its fine-tuning"
        )
        findings.append(Finding("warning", "unrelated", message))
    return findings
