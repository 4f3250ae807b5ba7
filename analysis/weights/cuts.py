"""From a percentage to the exact set: the cut through a total order of the region's parameters.

The order: rank key (from the strategy's end; all equal for random), then the order of ties.py. The first
floor(n * k / 100) are restored, so the sets of one strategy and seed are nested. Histograms give the bin the cut falls
in and every count beyond it; only that bin's keys have to be known one by one.

Weights with s = p have one key of their own, at one end of every order: restoring them changes nothing, so of them only
numbers are kept. `among="changed"` leaves them out: a control then changes as many weights as the top does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.records import Progress, RestoreSpec
from analysis.weights.histogram import BINS, Array, Distinct, KeyCounts, add_counts
from analysis.weights.lookup import KeySource, distinct_keys
from analysis.weights.strategies import BOTTOM, RANDOM, RANKINGS, TOP, Ranking
from analysis.weights.ties import shares


@dataclass(frozen=True)
class TensorCut:
    """What is restored of one tensor's `changed` weights: those beyond the threshold, and `quota` of the `ties` at it.

    `unchanged` weights with s = p are restored too, which no value shows.
    """

    threshold: float
    beyond: int
    ties: int
    quota: int
    unchanged: int
    changed: int

    @property
    def effective(self) -> int:
        """Restored weights with s != p."""
        return self.beyond + self.quota

    @property
    def restored(self) -> int:
        """All restored weights."""
        return self.effective + self.unchanged


@dataclass(frozen=True)
class Cut:
    """A spec resolved: per-tensor cuts by name, and the numbers of the whole.

    `lasts`: by tensor, the largest hash among the restored ties, as far as the values were ever looked at.
    """

    tensors: Mapping[str, TensorCut]
    count: int
    threshold: float | None  # None without a threshold: random, nothing restored, or one threshold per tensor
    ties: int
    ties_restored: int
    lasts: dict[str, int] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class _Group:
    """Tensors ranked together, and how many of their changed and of their unchanged weights are restored."""

    tensors: tuple[KeyCounts, ...]
    spec: RestoreSpec
    changed: int
    unchanged: int

    @property
    def ranking(self) -> Ranking:
        """The strategy's."""
        return RANKINGS[self.spec.strategy]

    @property
    def inside_changed(self) -> bool:
        """Whether the cut falls among the changed weights, with a threshold of theirs."""
        if self.ranking.direction == RANDOM or not self.changed:
            return False
        return self.ranking.unchanged_first or not self.unchanged


@dataclass(frozen=True)
class _Edge:
    """Where a group's cut falls among the changed: threshold, the ties at it, and how many of these are restored."""

    threshold: float
    tied: dict[str, int]
    quota: int
    beyond: dict[str, int]


def quota(parameters: int, percent: float) -> int:
    """floor(n * k / 100), the authors' count."""
    return math.floor(parameters * percent / 100)


def resolve(
    requests: Sequence[tuple[RestoreSpec, Sequence[KeyCounts]]], source: KeySource, progress: Progress
) -> list[Cut]:
    """The exact cuts of specs through their regions' tensors (in name order); at most one reading for all of them.

    All specs rank by the measure that `source` gives.
    """
    groups = [_groups(spec, tensors) for spec, tensors in requests]
    bins = {id(group): _locate(group) for held in groups for group in held if group.inside_changed}
    wanted: dict[str, set[int]] = {}
    for group in (group for held in groups for group in held if group.inside_changed):
        bin_ = bins[id(group)][0]
        for tensor in group.tensors:
            told = source.one_key_per_bin or (tensor.distinct is not None and tensor.distinct.tells(bin_))
            if not told and tensor.inside(bin_):
                wanted.setdefault(tensor.name, set()).add(bin_)
    found = distinct_keys(wanted, source, progress) if wanted else {}
    return [
        _join(spec, [_cut(group, bins.get(id(group)), found) for group in held])
        for (spec, _), held in zip(requests, groups, strict=True)
    ]


def _groups(spec: RestoreSpec, tensors: Sequence[KeyCounts]) -> list[_Group]:
    together = [tuple(tensors)] if spec.scope == "global" else [(tensor,) for tensor in tensors]
    return [group for group in (_group(held, spec) for held in together) if group.changed + group.unchanged]


def _group(tensors: tuple[KeyCounts, ...], spec: RestoreSpec) -> _Group:
    restored = quota(sum(tensor.elements for tensor in tensors), spec.percent)
    changed = sum(tensor.changed for tensor in tensors)
    unchanged = 0 if spec.among == "changed" else sum(tensor.unchanged for tensor in tensors)
    restored = min(restored, changed + unchanged)
    ranking = RANKINGS[spec.strategy]
    if ranking.direction == RANDOM:
        first, second = shares(restored, [changed, unchanged])
        return _Group(tensors, spec, first, second)
    if ranking.unchanged_first:
        first = min(restored, unchanged)
        return _Group(tensors, spec, restored - first, first)
    first = min(restored, changed)
    return _Group(tensors, spec, first, restored - first)


def _locate(group: _Group) -> tuple[int, int]:
    """The bin the cut falls in, and how many of that bin are restored."""
    counts = np.zeros(BINS, np.int64)
    for tensor in group.tensors:
        counts[tensor.bins] += tensor.counts
    top = group.ranking.direction == TOP
    ordered = counts[::-1] if top else counts
    reached = np.cumsum(ordered)
    position = int(np.searchsorted(reached, group.changed))
    before = int(reached[position] - ordered[position])
    return (BINS - 1 - position if top else position), group.changed - before


def _cut(group: _Group, bin_: tuple[int, int] | None, found: Mapping[str, Distinct]) -> Cut:
    """One group's cut. `bin_` and `found` where it falls among the changed weights."""
    if group.ranking.direction == RANDOM:
        edge = _Edge(0.0, {t.name: t.changed for t in group.tensors}, group.changed, {})
    elif bin_ is not None:
        edge = _edge(group, *bin_, found)
    else:  # among the unchanged: all of the changed on its far side, or none
        edge = _Edge(group.ranking.unchanged, {}, 0, {t.name: t.changed for t in group.tensors if group.changed})
    taken = shares(edge.quota, [edge.tied.get(t.name, 0) for t in group.tensors])
    idle = shares(group.unchanged, [t.unchanged for t in group.tensors])
    tensors = {
        t.name: TensorCut(edge.threshold, edge.beyond.get(t.name, 0), edge.tied.get(t.name, 0), some, rest, t.changed)
        for t, some, rest in zip(group.tensors, taken, idle, strict=True)
    }
    ties, restored = sum(edge.tied.values()), edge.quota
    if group.ranking.direction == RANDOM or bin_ is None:
        ties += sum(t.unchanged for t in group.tensors) if group.spec.among == "all" else 0
        restored += group.unchanged
    threshold = None if group.ranking.direction == RANDOM else edge.threshold
    return Cut(tensors, group.changed + group.unchanged, threshold, ties, restored)


def _edge(group: _Group, bin_: int, inside: int, found: Mapping[str, Distinct]) -> _Edge:
    held = {t.name: _keys_inside(t, bin_, found) for t in group.tensors if t.inside(bin_)}
    together = add_counts(list(held.values()))
    direction = group.ranking.direction
    keys, counts = (part[::-1] if direction == TOP else part for part in (together.keys, together.counts))
    reached = np.cumsum(counts)
    position = int(np.searchsorted(reached, inside))
    threshold = float(keys[position])
    return _Edge(
        threshold=threshold,
        tied={name: int(own.counts[own.keys == threshold].sum()) for name, own in held.items()},
        quota=inside - int(reached[position] - counts[position]),
        beyond={t.name: _beyond(t, bin_, threshold, direction, held.get(t.name)) for t in group.tensors},
    )


def _beyond(tensor: KeyCounts, bin_: int, threshold: float, direction: int, held: Distinct | None) -> int:
    """How many of the tensor's changed keys are better than the threshold."""
    outside = tensor.under(bin_) if direction == BOTTOM else tensor.over(bin_)
    if held is None:
        return outside
    better: Array = held.keys < threshold if direction == BOTTOM else held.keys > threshold
    return outside + int(held.counts[better].sum())


def _keys_inside(tensor: KeyCounts, bin_: int, found: Mapping[str, Distinct]) -> Distinct:
    """The keys of one bin; where nothing tells them, the bin has one key, its left edge."""
    for known in (tensor.distinct, found.get(tensor.name)):
        if known is not None and known.tells(bin_):
            return known.inside(bin_)
    key = np.array([bin_ << 15], np.uint32).view(np.float32).astype(np.float64)
    return Distinct(key, np.array([tensor.inside(bin_)], np.int64))


def _join(spec: RestoreSpec, parts: Sequence[Cut]) -> Cut:
    return Cut(
        tensors={name: cut for part in parts for name, cut in part.tensors.items()},
        count=sum(part.count for part in parts),
        threshold=parts[0].threshold if spec.scope == "global" and parts else None,
        ties=sum(part.ties for part in parts),
        ties_restored=sum(part.ties_restored for part in parts),
    )
