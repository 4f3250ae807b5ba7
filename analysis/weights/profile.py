"""One streaming pass over a pair, and what it answers: thresholds, counts and curves for every percentage.

`profile_pair` reads each weight once. `UpdateProfile` holds histograms (and, for pairs of up to KEEP_KEYS parameters,
the rank keys themselves, 8 bytes each, so that every count is answered without the weights); for larger pairs the exact
threshold inside a bin is looked up in the files on first use and remembered. Ranking: Ye et al., EMNLP 2025, see
kernels.py for the two arithmetics and cuts.py for the total order.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from analysis.errors import PairError, SpecError
from analysis.records import (
    PAPER_PERCENTS,
    Arithmetic,
    Finding,
    Progress,
    Region,
    RestoreCount,
    RestoreSpec,
    Silent,
    Stored,
)
from analysis.weights import tables
from analysis.weights.cuts import Cut, KeySource, resolve, tensor_key
from analysis.weights.histogram import BINS, INFINITE_BIN, Array, Sparse, TensorUpdate, merge, take_sparse
from analysis.weights.identity import (
    Forgetful,
    Memory,
    hash_tensors,
    id_of,
    join_digests,
    known_hashes,
    remember_hashes,
)
from analysis.weights.pair import CheckpointPair, PairedTensor, open_pair
from analysis.weights.stream import Buffers, FileReader, Segment, chunks, run_units, segments

KEEP_KEYS = 10_000_000
NULL_EVERY = 16  # above KEEP_KEYS the null is drawn from one block of 4,096 in sixteen
NULL_SEED = 0
UNRELATED_FRACTION = 0.5  # of weights that changed by more than their own size; 0.7 for independent normal weights


@dataclass(frozen=True)
class UpdateProfile:
    """What one pass over a pair learned. `tensors` are in name order; `keys` all rank keys in that order, or None."""

    base_id: str
    tuned_id: str
    arithmetic: Arithmetic
    tensors: tuple[TensorUpdate, ...]
    findings: tuple[Finding, ...]
    sources: tuple[str, str]  # where base and tuned lay
    fingerprints: tuple[str, ...]  # of their files
    one_key_per_bin: bool
    seconds: float
    bytes_read: int
    peak_rss_bytes: int
    keys: Array | None = field(default=None, repr=False, compare=False)
    _cuts: dict[RestoreSpec, Cut] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def select(self, region: Region, layers: Sequence[int] | None = None) -> tuple[TensorUpdate, ...]:
        """The tensors of a region, narrowed to these layers; SpecError where that leaves nothing."""
        held = tuple(t for t in self.tensors if region in t.place.regions)
        if not held:
            raise SpecError(f"This pair has no parameters in the region {region}.", items=["Choose the region all."])
        if layers is None:
            return held
        present = {t.place.layer for t in held}
        unknown = [str(layer) for layer in layers if layer not in present]
        if unknown or not layers:
            known = sorted(layer for layer in present if layer is not None)
            reach = f"the region {region} has layers {known[0]} to {known[-1]}" if known else "the region has no layers"
            raise SpecError(f"Layers {', '.join(unknown) or '(none)'} are not there: {reach}.")
        return tuple(t for t in held if t.place.layer in layers)

    def cut(self, spec: RestoreSpec, progress: Progress | None = None, *, pair: CheckpointPair | None = None) -> Cut:
        """The exact cut of a spec, remembered. Reads files only for pairs above KEEP_KEYS, at a spec's first use.

        `pair` says where the files are now; without it they are looked for where they were when profiled.
        """
        if spec.arithmetic != self.arithmetic:
            raise SpecError(
                f"This profile was made in {self.arithmetic} arithmetic, the restoration asks {spec.arithmetic}."
            )
        with self._lock:
            if spec not in self._cuts:
                tensors = self.select(spec.region, spec.layers)
                if self.keys is not None:
                    self._cuts[spec] = resolve(spec, tensors, self._held_keys, progress)
                else:
                    with FileReader() as reader:
                        self._cuts[spec] = resolve(spec, tensors, self._file_keys(reader, pair), progress)
            return self._cuts[spec]

    def count(self, spec: RestoreSpec) -> RestoreCount:
        """How many parameters a spec restores and where they lie. `by_layer` leaves out what is in no layer."""
        tensors, cut = self.select(spec.region, spec.layers), self.cut(spec)
        by_layer: dict[int, int] = {}
        by_module: dict[str, int] = {}
        for tensor in tensors:
            restored = cut.tensors[tensor.name].restored if tensor.name in cut.tensors else 0
            by_module[tensor.place.module] = by_module.get(tensor.place.module, 0) + restored
            if tensor.place.layer is not None:
                by_layer[tensor.place.layer] = by_layer.get(tensor.place.layer, 0) + restored
        return RestoreCount(
            spec=spec,
            region_parameters=sum(t.elements for t in tensors),
            count=cut.count,
            threshold=cut.threshold,
            ties=cut.ties,
            ties_restored=cut.ties_restored,
            effective_count=sum(t.effective for t in cut.tensors.values()),
            changed_count=sum(t.changed for t in tensors),
            by_layer=dict(sorted(by_layer.items())),
            by_module=by_module,
        )

    def changed_fraction(self, region: Region = "transformer") -> float:
        """Share of the region's parameters with s != p, 0-1: past it a restoration restores nothing more."""
        tensors = self.select(region)
        return sum(t.changed for t in tensors) / sum(t.elements for t in tensors)

    def region_parameters(self, region: Region = "transformer") -> int:
        """How many parameters the region holds; 0 where there are none."""
        return sum(t.elements for t in self.tensors if region in t.place.regions)

    def percent_rows(
        self, region: Region = "transformer", percents: Sequence[float] = PAPER_PERCENTS
    ) -> tuple[tables.PercentRow, ...]:
        """One row per percentage of relative-top."""
        return tables.percent_rows(self.select(region), self._top_cuts(region, percents))

    def layers(
        self, region: Region = "transformer", percents: Sequence[float] = PAPER_PERCENTS
    ) -> tuple[tables.LayerRow, ...]:
        """One row per layer."""
        return tables.layer_rows(self.select(region), self._top_cuts(region, percents))

    def modules(
        self, region: Region = "transformer", percents: Sequence[float] = PAPER_PERCENTS
    ) -> tuple[tables.ModuleRow, ...]:
        """One row per module kind."""
        return tables.module_rows(self.select(region), self._top_cuts(region, percents))

    def tensor_rows(
        self, region: Region = "transformer", percents: Sequence[float] = PAPER_PERCENTS
    ) -> tuple[tables.TensorRow, ...]:
        """One row per tensor."""
        return tables.tensor_rows(self.select(region), self._top_cuts(region, percents))

    def concentration(self, region: Region = "transformer") -> tables.Concentration:
        """How unevenly the update is spread, with |d| and the shuffled null beside it."""
        return tables.concentration(self.select(region))

    def to_stored(self) -> Stored:
        """The profile as a document and arrays."""
        document = {
            "base_id": self.base_id,
            "tuned_id": self.tuned_id,
            "arithmetic": self.arithmetic,
            "sources": list(self.sources),
            "fingerprints": list(self.fingerprints),
            "one_key_per_bin": self.one_key_per_bin,
            "seconds": self.seconds,
            "bytes_read": self.bytes_read,
            "peak_rss_bytes": self.peak_rss_bytes,
            "findings": [asdict(finding) for finding in self.findings],
            "tensors": [{"name": t.name, "elements": t.elements} for t in self.tensors],
        }
        arrays = {
            **_pack("table", [t.table for t in self.tensors]),
            **_pack("null", [t.null for t in self.tensors]),
        }
        if self.keys is not None:
            arrays["keys"] = self.keys
        return Stored(document=document, arrays=arrays)

    @classmethod
    def from_stored(cls, stored: Stored) -> "UpdateProfile":
        """The profile that `to_stored` gave."""
        document = dict(stored.document)
        tables_, nulls = _unpack("table", stored.arrays), _unpack("null", stored.arrays)
        tensors = tuple(
            TensorUpdate(entry["name"], entry["elements"], table, null)
            for entry, table, null in zip(document.pop("tensors"), tables_, nulls, strict=True)
        )
        findings = tuple(Finding(**{**f, "tensors": tuple(f["tensors"])}) for f in document.pop("findings"))
        sources, fingerprints = tuple(document.pop("sources")), tuple(document.pop("fingerprints"))
        return cls(
            **document,
            tensors=tensors,
            findings=findings,
            sources=sources,
            fingerprints=fingerprints,
            keys=stored.arrays.get("keys"),
        )

    def _top_cuts(self, region: Region, percents: Sequence[float]) -> dict[float, Cut]:
        return {
            percent: self.cut(RestoreSpec(percent, region=region, arithmetic=self.arithmetic)) for percent in percents
        }

    @cached_property
    def _held_keys(self) -> KeySource:
        from analysis.weights.sources import HeldKeys

        assert self.keys is not None
        ends = np.cumsum([t.elements for t in self.tensors])
        parts = {t.name: self.keys[end - t.elements : end] for t, end in zip(self.tensors, ends, strict=True)}
        return HeldKeys(parts, one_key_per_bin=self.one_key_per_bin)

    def _file_keys(self, reader: FileReader, pair: CheckpointPair | None) -> KeySource:
        from analysis.weights.sources import FileKeys

        given = pair is not None
        pair = pair or open_pair(*self.sources)
        if not given and fingerprints(pair) != self.fingerprints:
            raise PairError(
                "The weights have changed, or are other files, since this pair was profiled.",
                items=[*self.sources, "Load the pair again: it is then profiled anew."],
            )
        return FileKeys(pair, reader, self.arithmetic, one_key_per_bin=self.one_key_per_bin)


def fingerprints(pair: CheckpointPair) -> tuple[str, ...]:
    """What identifies the files of a pair without reading them."""
    return tuple(shard.fingerprint for side in (pair.base, pair.tuned) for shard in side.files)


@dataclass(frozen=True)
class _SegmentResult:
    table: Sparse
    null: Sparse
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
) -> UpdateProfile:
    """Read both sides once and keep what every question about the update needs.

    Raises PairError where weights are NaN or infinite (all such tensors named), where `paper` arithmetic meets fp16 or
    two dtypes; Cancelled when nobody wants the profile any more.
    """
    started = time.perf_counter()
    if arithmetic == "paper":
        _check_paper(pair)
    progress, memory = progress or Silent(), memory or Forgetful()
    keys = np.empty(pair.parameters) if pair.parameters <= KEEP_KEYS else None
    with FileReader() as reader:
        units = segments(pair.tensors)
        results = _run_pass(units, reader, arithmetic, threads, progress, _key_views(pair, keys))
        _refuse_not_finite(units, results)
        base_id, tuned_id = _identities(pair, units, results, memory, threads)
        bytes_read = reader.bytes_read
    tensors = _merge_segments(pair, units, results)
    return UpdateProfile(
        base_id=base_id,
        tuned_id=tuned_id,
        arithmetic=arithmetic,
        tensors=tensors,
        findings=(*pair.findings, *_findings(tensors)),
        sources=(str(pair.base.path), str(pair.tuned.path)),
        fingerprints=fingerprints(pair),
        one_key_per_bin=arithmetic == "paper" and all(t.tuned.dtype == "BF16" for t in pair.tensors),
        seconds=time.perf_counter() - started,
        bytes_read=bytes_read,
        peak_rss_bytes=peak_rss_bytes(),
        keys=keys,
    )


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


def _key_views(pair: CheckpointPair, keys: Array | None) -> dict[str, Array] | None:
    if keys is None:
        return None
    ends = np.cumsum([t.elements for t in pair.tensors])
    return {t.name: keys[end - t.elements : end] for t, end in zip(pair.tensors, ends, strict=True)}


def _run_pass(
    units: Sequence[Segment],
    reader: FileReader,
    arithmetic: Arithmetic,
    threads: int | None,
    progress: Progress,
    keys: Mapping[str, Array] | None,
) -> list[_SegmentResult]:
    buffers = Buffers()

    def work(segment: Segment) -> _SegmentResult:
        return _read_segment(segment, reader, buffers, arithmetic, keys)

    note = "reading base and tuned"
    return run_units(units, work, threads=threads, progress=progress, weight=lambda unit: unit.count, note=note)


def _read_segment(
    segment: Segment, reader: FileReader, buffers: Buffers, arithmetic: Arithmetic, keys: Mapping[str, Array] | None
) -> _SegmentResult:
    from analysis.weights import kernels
    from analysis.weights.sources import ARITHMETIC_CODES, DTYPE_CODES

    tensor = segment.tensor
    codes = DTYPE_CODES[tensor.base.dtype], DTYPE_CODES[tensor.tuned.dtype], ARITHMETIC_CODES[arithmetic]
    null_key = np.uint64(tensor_key(NULL_SEED, tensor.name))
    null_every = 1 if keys is not None else NULL_EVERY
    table, null = _tables(buffers)
    hashes = xxhash.xxh3_128(), xxhash.xxh3_128()
    bad_base = bad_tuned = 0
    for chunk in chunks(reader, buffers, segment):
        hashes[0].update(chunk.base.data)
        hashes[1].update(chunk.tuned.data)
        found = kernels.tabulate(
            chunk.base, chunk.tuned, *codes, chunk.count, chunk.first, null_key, null_every, table, null
        )
        bad_base, bad_tuned = bad_base + found[0], bad_tuned + found[1]
        if keys is not None:
            out = keys[tensor.name][chunk.first : chunk.first + chunk.count]
            kernels.compute_keys(chunk.base, chunk.tuned, *codes, chunk.count, out)
    table[INFINITE_BIN, 1] = 0.0  # infinite ratios are counted, and add nothing to the sum of r
    null[INFINITE_BIN, 1] = 0.0
    return _SegmentResult(
        take_sparse(table), take_sparse(null), bad_base, bad_tuned, hashes[0].digest(), hashes[1].digest()
    )


def _tables(buffers: Buffers) -> tuple[Array, Array]:
    """This thread's two dense tables, zero when taken: `take_sparse` leaves them so."""
    return buffers.zeros("table", (BINS, 4)), buffers.zeros("null", (BINS, 2))


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
        for tensor in pair.tensors:
            entry = (tensor.base, tensor.tuned)[side]
            known[entry.stored_name] = join_digests(digests[tensor.name][side])
        hashes = hash_tensors(checkpoint, known, threads=threads)
        remember_hashes(checkpoint, hashes, memory)
        ids.append(id_of(checkpoint, hashes))
    return ids[0], ids[1]


def _merge_segments(
    pair: CheckpointPair, units: Sequence[Segment], results: Sequence[_SegmentResult]
) -> tuple[TensorUpdate, ...]:
    parts: dict[str, list[_SegmentResult]] = {}
    for unit, result in zip(units, results, strict=True):
        parts.setdefault(unit.tensor.name, []).append(result)
    return tuple(_merged(tensor, parts[tensor.name]) for tensor in pair.tensors)


def _merged(tensor: PairedTensor, parts: Sequence[_SegmentResult]) -> TensorUpdate:
    table, null = merge((part.table for part in parts), 4), merge((part.null for part in parts), 2)
    return TensorUpdate(tensor.name, tensor.elements, table, null)


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


def _pack(name: str, parts: Sequence[Sparse]) -> dict[str, Array]:
    return {
        f"{name}_sizes": np.array([len(part.bins) for part in parts], np.int64),
        f"{name}_bins": np.concatenate([part.bins for part in parts]).astype(np.int32),
        f"{name}_rows": np.concatenate([part.rows for part in parts]),
    }


def _unpack(name: str, arrays: Mapping[str, Any]) -> list[Sparse]:
    ends = np.cumsum(arrays[f"{name}_sizes"])
    bins, rows = arrays[f"{name}_bins"].astype(np.int64), arrays[f"{name}_rows"]
    starts = np.concatenate([[0], ends[:-1]])
    return [Sparse(bins[start:end], rows[start:end]) for start, end in zip(starts, ends, strict=True)]
