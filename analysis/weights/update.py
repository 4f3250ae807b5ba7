"""What one pass over a pair learned, and every question it answers: counts, thresholds, rows, curves.

Holds histograms, of bfloat16 pairs the distinct keys themselves, and of small pairs both sides' stored values: then
every count is answered without the files. For the others the keys at a cut are looked up in the files at a spec's first
use, and the cut is remembered (and stored). Ranking: Ye et al., EMNLP 2025; see kernels.py for the two arithmetics,
cuts.py and ties.py for the total order.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from analysis.errors import PairError, SpecError
from analysis.records import (
    BLENDS,
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
from analysis.weights import packing, tables
from analysis.weights.cuts import Cut, resolve
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.histogram import Array, KeyCounts, TensorUpdate
from analysis.weights.lookup import count_bins
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.realised import count_blend
from analysis.weights.sources import FileValues, HeldValues, Keys, Values
from analysis.weights.strategies import RANDOM, RANKINGS, Measure
from analysis.weights.stream import FileReader


@dataclass(frozen=True)
class UpdateProfile:
    """What one pass over a pair learned. `tensors` are in name order.

    `held` are both sides' stored bytes, tensors in that order one after the other; None for large pairs.
    """

    base_id: str
    tuned_id: str
    arithmetic: Arithmetic
    tensors: tuple[TensorUpdate, ...]
    dtypes: tuple[tuple[str, str], ...]  # of base and tuned, as stored, tensor by tensor
    findings: tuple[Finding, ...]
    sources: tuple[str, str]  # where base and tuned lay
    fingerprints: tuple[str, ...]  # of their files
    seconds: float
    bytes_read: int
    peak_rss_bytes: int
    held: tuple[Array, Array] | None = field(default=None, repr=False, compare=False)
    _cuts: dict[RestoreSpec, Cut] = field(default_factory=dict, repr=False, compare=False)
    _counts: dict[Measure, dict[str, KeyCounts]] = field(default_factory=dict, repr=False, compare=False)
    looked: dict[RestoreSpec, RestoreCount] = field(default_factory=dict, repr=False, compare=False)  # value by value
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def select(
        self, region: Region, layers: Sequence[int] | None = None, modules: Sequence[str] | None = None
    ) -> tuple[TensorUpdate, ...]:
        """The tensors of a region, narrowed to these layers and module kinds; SpecError where that leaves nothing."""
        held = tuple(t for t in self.tensors if region in t.place.regions)
        if not held:
            raise SpecError(f"This pair has no parameters in the region {region}.", items=["Choose the region all."])
        problems = [*_unknown_layers(held, layers, region), *_unknown_modules(held, modules, region)]
        if problems:
            raise SpecError(" ".join(problems))
        chosen = tuple(
            t
            for t in held
            if (layers is None or t.place.layer in layers) and (modules is None or t.place.module in modules)
        )
        if not chosen:
            raise SpecError(f"None of these layers of the region {region} holds a tensor of these modules.")
        return chosen

    def chosen(self, spec: RestoreSpec) -> tuple[TensorUpdate, ...]:
        """The tensors a spec may restore: its region, layers and modules."""
        return self.select(spec.region, spec.layers, spec.modules)

    def cut(self, spec: RestoreSpec, progress: Progress | None = None, *, pair: CheckpointPair | None = None) -> Cut:
        """The exact cut of a spec, remembered; see `cuts`."""
        return self.cuts([spec], progress, pair=pair)[0]

    def cuts(
        self, specs: Sequence[RestoreSpec], progress: Progress | None = None, *, pair: CheckpointPair | None = None
    ) -> list[Cut]:
        """The exact cuts of many specs, remembered. Reads files only for large pairs, at a spec's first use.

        `pair` says where the files are now; without it they are looked for where they were when profiled.
        """
        for spec in specs:
            if spec.arithmetic != self.arithmetic:
                message = (
                    f"This profile was made in {self.arithmetic} arithmetic, the restoration asks {spec.arithmetic}."
                )
                raise SpecError(message, items=["Profile the pair in the arithmetic of the restoration."])
        if all(spec in self._cuts for spec in specs):  # a known cut never waits for another one's reading
            return [self._cuts[spec] for spec in specs]
        with self._lock:
            missing = list(dict.fromkeys(spec for spec in specs if spec not in self._cuts))
            if missing:
                self._resolve(missing, progress or Silent(), pair)
            return [self._cuts[spec] for spec in specs]

    def count(
        self, spec: RestoreSpec, progress: Progress | None = None, *, pair: CheckpointPair | None = None
    ) -> RestoreCount:
        """How many parameters a spec restores and where they lie. `by_layer` leaves out what is in no layer.

        Reads files as `cuts` does, and at the first use of a blend; the answer is remembered.
        """
        if spec.strategy in BLENDS and spec not in self.looked:
            tensors = self.chosen(spec)
            self.looked[spec] = count_blend(pair or self._reopened(), tensors, spec, progress or Silent())
        if spec in self.looked:
            return self.looked[spec]
        tensors, cut = self.chosen(spec), self.cut(spec, progress, pair=pair)
        restored = {t.name: cut.tensors[t.name].restored if t.name in cut.tensors else 0 for t in tensors}
        return RestoreCount(
            spec=spec,
            region_parameters=sum(t.elements for t in tensors),
            count=cut.count,
            threshold=cut.threshold,
            ties=cut.ties,
            ties_restored=cut.ties_restored,
            effective_count=sum(t.effective for t in cut.tensors.values()),
            changed_count=sum(t.changed for t in tensors),
            by_layer=tables.by_layer(tensors, restored),
            by_module=tables.by_module(tensors, restored),
        )

    def needs_files(self, spec: RestoreSpec) -> bool:
        """Whether `count` would read the pair's weights for this spec."""
        if spec in self.looked or spec in self._cuts:
            return False
        if spec.strategy in BLENDS:
            return True
        ranking = RANKINGS[spec.strategy]
        if self.held is not None or ranking.direction == RANDOM:
            return False
        return ranking.measure != "relative" or not self.knows_keys

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
        """The profile as a document and arrays, the cuts resolved so far with it."""
        document = {name: getattr(self, name) for name in _PLAIN}
        document |= {
            "sources": list(self.sources),
            "fingerprints": list(self.fingerprints),
            "findings": [asdict(finding) for finding in self.findings],
            "tensors": [
                {"name": t.name, "elements": t.elements, "dtypes": list(dtypes)}
                for t, dtypes in zip(self.tensors, self.dtypes, strict=True)
            ],
        }
        arrays = {
            **packing.pack_sparse("table", [t.table for t in self.tensors]),
            **packing.pack_sparse("null", [t.null for t in self.tensors]),
            **packing.pack_distinct([t.distinct for t in self.tensors]),
        }
        if self.held is not None:
            arrays |= {"held_base": self.held[0], "held_tuned": self.held[1]}
        else:
            with self._lock:
                document["cuts"], cut_arrays = packing.pack_cuts(self._cuts)
            arrays |= cut_arrays
        return Stored(document=document, arrays=arrays)

    @classmethod
    def from_stored(cls, stored: Stored) -> "UpdateProfile":
        """The profile that `to_stored` gave."""
        document, arrays = stored.document, stored.arrays
        parts = (
            packing.unpack_sparse("table", arrays),
            packing.unpack_sparse("null", arrays),
            packing.unpack_distinct(arrays),
        )
        base, tuned = document["sources"]
        return cls(
            **{name: document[name] for name in _PLAIN},
            tensors=tuple(
                TensorUpdate(entry["name"], entry["elements"], table, null, distinct)
                for entry, table, null, distinct in zip(document["tensors"], *parts, strict=True)
            ),
            dtypes=tuple((entry["dtypes"][0], entry["dtypes"][1]) for entry in document["tensors"]),
            findings=tuple(Finding(**{**f, "tensors": tuple(f["tensors"])}) for f in document["findings"]),
            sources=(base, tuned),
            fingerprints=tuple(document["fingerprints"]),
            held=(arrays["held_base"], arrays["held_tuned"]) if "held_base" in arrays else None,
            _cuts=packing.unpack_cuts(document.get("cuts", []), arrays),
        )

    def _top_cuts(self, region: Region, percents: Sequence[float]) -> dict[float, Cut]:
        specs = [RestoreSpec(percent, region=region, arithmetic=self.arithmetic) for percent in percents]
        return dict(zip(percents, self.cuts(specs), strict=True))

    def _resolve(self, specs: Sequence[RestoreSpec], progress: Progress, pair: CheckpointPair | None) -> None:
        by_measure: dict[Measure, list[RestoreSpec]] = {}
        for spec in specs:
            by_measure.setdefault(RANKINGS[spec.strategy].measure, []).append(spec)
        with self._values(pair) as values:
            for measure, held in by_measure.items():
                source = Keys(values, self.arithmetic, measure, one_key_per_bin=self._one_key_per_bin(measure))
                counts = self._key_counts(measure, source, progress)
                requests = [(s, [counts[t.name] for t in self.chosen(s)]) for s in held]
                self._cuts.update(zip(held, resolve(requests, source, progress), strict=True))

    @cached_property
    def knows_keys(self) -> bool:
        """Whether every cut by relative change is known from the counts alone, without a look at the files."""
        if self.held is not None or self._one_key_per_bin("relative"):
            return True
        return all(t.distinct is not None and t.distinct.below == np.inf for t in self.tensors)

    def _one_key_per_bin(self, measure: Measure) -> bool:
        """Whether keys are bfloat16 values, of which a bin holds one."""
        if measure == "base":
            return all(base == "BF16" for base, _ in self.dtypes)
        return self.arithmetic == "paper" and all(tuned == "BF16" for _, tuned in self.dtypes)

    def _key_counts(self, measure: Measure, source: Keys, progress: Progress) -> dict[str, KeyCounts]:
        """Every tensor's histogram of a measure: r from the pass, the others from one more look, remembered."""
        if measure == "relative":
            return {t.name: t.relative for t in self.tensors}
        if measure not in self._counts:
            dense = count_bins([t.name for t in self.tensors], source, progress)
            self._counts[measure] = {
                t.name: KeyCounts(t.name, t.elements, t.changed, np.flatnonzero(d), d[d > 0])
                for t, d in ((t, dense[t.name]) for t in self.tensors)
            }
        return self._counts[measure]

    @contextmanager
    def _values(self, pair: CheckpointPair | None) -> Iterator[Values]:
        if self.held is not None:
            yield self._held_values
            return
        with FileReader() as reader:
            yield FileValues(lambda: pair or self._reopened(), reader)

    @cached_property
    def _held_values(self) -> HeldValues:
        assert self.held is not None
        names = [t.name for t in self.tensors]
        sizes = {t.name: t.elements for t in self.tensors}
        dtypes = dict(zip(names, self.dtypes, strict=True))
        sides = [
            split_held(self.held[side], [sizes[n] * ITEM_BYTES[dtypes[n][side]] for n in names]) for side in (0, 1)
        ]
        return HeldValues(dict(zip(names, zip(*sides, strict=True), strict=True)), dtypes, sizes)

    def _reopened(self) -> CheckpointPair:
        pair = open_pair(*self.sources)
        if fingerprints(pair) != self.fingerprints:
            raise PairError(
                "The weights have changed, or are other files, since this pair was profiled.",
                items=[*self.sources, "Load the pair again: it is then profiled anew."],
            )
        return pair


def _unknown_layers(held: Sequence[TensorUpdate], layers: Sequence[int] | None, region: Region) -> list[str]:
    present = sorted({t.place.layer for t in held if t.place.layer is not None})
    unknown = [str(layer) for layer in layers or () if layer not in present]
    if layers is None or (layers and not unknown):
        return []
    reach = f"has layers {present[0]} to {present[-1]}" if present else "has no layers"
    return [f"Layers {', '.join(unknown) or '(none)'} are not there: the region {region} {reach}."]


def _unknown_modules(held: Sequence[TensorUpdate], modules: Sequence[str] | None, region: Region) -> list[str]:
    present = list(dict.fromkeys(t.place.module for t in held))
    unknown = [module for module in modules or () if module not in present]
    if modules is None or (modules and not unknown):
        return []
    return [f"Modules {', '.join(unknown) or '(none)'} are not there: the region {region} has {', '.join(present)}."]


_PLAIN = ("base_id", "tuned_id", "arithmetic", "seconds", "bytes_read", "peak_rss_bytes")


def fingerprints(pair: CheckpointPair) -> tuple[str, ...]:
    """What identifies the files of a pair without reading them."""
    return tuple(shard.fingerprint for side in (pair.base, pair.tuned) for shard in side.files)


def split_held(held: Array, sizes: Sequence[int]) -> list[Array]:
    """The tensors' bytes in one array as views, given their sizes in bytes."""
    ends = np.cumsum(sizes)
    return [held[end - size : end] for end, size in zip(ends, sizes, strict=True)]
