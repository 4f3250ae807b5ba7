"""From a percentage to the exact set: the cut through a total order of the region's parameters.

The order: rank key (from the strategy's end; all equal for random), then tie hash ascending, then tensor name, then
index. The first floor(n * k / 100) are restored, so the sets of one strategy and seed are nested. Histograms give the
bin the cut falls in and every count beyond it; only that bin's keys (here) and the hashes of the elements exactly at
the threshold (ties.py) have to be looked at, for many specs in one reading.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from analysis.records import Progress, RestoreSpec
from analysis.weights.histogram import BINS, Array, KeyCounts, bin_of
from analysis.weights.strategies import BOTTOM, RANDOM, RANKINGS, TOP, Ranking
from analysis.weights.stream import run_units

_SERIAL = 1 << 22  # below this many keys threads cost more than they bring
_SLOTS = 1 << 15  # of the table that counts distinct keys

T = TypeVar("T")


@dataclass(frozen=True)
class KeySegment:
    """`count` keys of a tensor from the `first` on."""

    name: str
    first: int
    count: int


class KeySource(Protocol):
    """Gives rank keys (float64) by tensor, in pieces of at most stream.CHUNK."""

    one_key_per_bin: bool  # a bin then holds a single value, its left edge
    zero_bin_is_zero: bool  # bin 0 holds the key 0 only, no tiny ones

    def segments(self, names: Sequence[str]) -> list[KeySegment]: ...
    def pieces(self, segment: KeySegment) -> Iterator[tuple[int, Array]]: ...


@dataclass(frozen=True)
class Edge:
    """Where the cut through tensors ranked together falls: a threshold, and how many of its ties are restored."""

    tensors: tuple[KeyCounts, ...]
    ranking: Ranking
    seed: int
    threshold: float
    tied: dict[str, int]  # by tensor: elements exactly at the threshold
    quota: int  # of these, how many are restored
    beyond: dict[str, int]  # by tensor: restored beyond the threshold

    @cached_property
    def ties(self) -> int:
        """Elements exactly at the threshold."""
        return sum(self.tied.values())


@dataclass(frozen=True)
class _Group:
    """Tensors ranked together, the bin their cut falls in, and how many of that bin are restored."""

    tensors: tuple[KeyCounts, ...]
    spec: RestoreSpec
    bin: int
    inside: int


def quota(parameters: int, percent: float) -> int:
    """floor(n * k / 100), the authors' count."""
    return math.floor(parameters * percent / 100)


def find_edges(
    requests: Sequence[tuple[RestoreSpec, Sequence[KeyCounts]]], source: KeySource, progress: Progress
) -> list[list[Edge]]:
    """The edges of each spec through its tensors (one edge, or one a tensor where the scope is tensor), in one reading.

    All specs rank by the measure that `source` gives. Groups whose count is 0 have no edge.
    """
    groups = [_groups(spec, tensors) for spec, tensors in requests]
    wanted: dict[str, set[int]] = {}
    for group in (group for held in groups for group in held):
        if RANKINGS[group.spec.strategy].direction != RANDOM and not _is_single(group.bin, source):
            for tensor in group.tensors:
                if tensor.inside(group.bin):
                    wanted.setdefault(tensor.name, set()).add(group.bin)
    gathered = _gather(wanted, source, progress)
    return [[_edge(group, gathered) for group in held] for held in groups]


def _is_single(bin_: int, source: KeySource) -> bool:
    return source.one_key_per_bin or (bin_ == 0 and source.zero_bin_is_zero)


def _groups(spec: RestoreSpec, tensors: Sequence[KeyCounts]) -> list[_Group]:
    together = [tuple(tensors)] if spec.scope == "global" else [(tensor,) for tensor in tensors]
    found = []
    for held in together:
        restored = quota(sum(tensor.elements for tensor in held), spec.percent)
        if restored:
            found.append(_Group(held, spec, *_locate(held, restored, RANKINGS[spec.strategy].direction)))
    return found


def _locate(tensors: Sequence[KeyCounts], restored: int, direction: int) -> tuple[int, int]:
    """The bin the quota ends in, and how many of that bin are restored."""
    if direction == RANDOM:
        return 0, restored
    counts = np.zeros(BINS, np.int64)
    for tensor in tensors:
        counts[tensor.bins] += tensor.counts
    ordered = counts[::-1] if direction == TOP else counts
    reached = np.cumsum(ordered)
    position = int(np.searchsorted(reached, restored))
    before = int(reached[position] - ordered[position])
    return (BINS - 1 - position if direction == TOP else position), restored - before


def _edge(group: _Group, gathered: Mapping[str, tuple[Array, Array]]) -> Edge:
    ranking = RANKINGS[group.spec.strategy]
    if ranking.direction == RANDOM:  # a ranking in which all keys are equal
        tied = {tensor.name: tensor.elements for tensor in group.tensors}
        return Edge(group.tensors, ranking, group.spec.seed, 0.0, tied, group.inside, dict.fromkeys(tied, 0))
    held = {t.name: _keys_inside(t, group.bin, gathered) for t in group.tensors if t.inside(group.bin)}
    keys, counts = add_counts(list(held.values()))
    if ranking.direction == TOP:
        keys, counts = keys[::-1], counts[::-1]
    reached = np.cumsum(counts)
    position = int(np.searchsorted(reached, group.inside))
    threshold = float(keys[position])
    return Edge(
        tensors=group.tensors,
        ranking=ranking,
        seed=group.spec.seed,
        threshold=threshold,
        tied={name: int(own[keys == threshold].sum()) for name, (keys, own) in held.items()},
        quota=group.inside - int(reached[position] - counts[position]),
        beyond={t.name: _beyond(t, group.bin, threshold, ranking.direction, held.get(t.name)) for t in group.tensors},
    )


def _beyond(tensor: KeyCounts, bin_: int, threshold: float, direction: int, held: tuple[Array, Array] | None) -> int:
    """How many of the tensor's keys are better than the threshold."""
    outside = tensor.under(bin_) if direction == BOTTOM else tensor.over(bin_)
    if held is None:
        return outside
    keys, counts = held
    return outside + int(counts[keys < threshold if direction == BOTTOM else keys > threshold].sum())


def _keys_inside(tensor: KeyCounts, bin_: int, gathered: Mapping[str, tuple[Array, Array]]) -> tuple[Array, Array]:
    """(distinct keys ascending, counts) of one bin; where nothing was gathered, its one key is its left edge."""
    if tensor.name in gathered:
        keys, counts = gathered[tensor.name]
        inside = bin_of(keys) == bin_
        if inside.any():
            return keys[inside], counts[inside]
    key = np.array([bin_ << 15], np.uint32).view(np.float32).astype(np.float64)
    return key, np.array([tensor.inside(bin_)], np.int64)


def _gather(wanted: Mapping[str, set[int]], source: KeySource, progress: Progress) -> dict[str, tuple[Array, Array]]:
    """(distinct keys ascending, counts) of the wanted bins, by tensor."""

    def look(segment: KeySegment) -> tuple[Array, Array]:
        mask = np.zeros(BINS, np.uint8)
        mask[list(wanted[segment.name])] = 1
        table = _DistinctKeys(mask)
        for _, keys in source.pieces(segment):
            table.add(keys)
        return table.take()

    parts = over_segments(sorted(wanted), source, look, progress)
    return {name: add_counts(found) for name, found in parts.items()}


class _DistinctKeys:
    """Counts distinct keys of the wanted bins; memory is the table and what was taken out of it when it filled up."""

    def __init__(self, mask: Array) -> None:
        self._mask = mask
        self._slots, self._counts = np.zeros(_SLOTS), np.zeros(_SLOTS, np.int64)
        self._used = np.zeros(1, np.int64)
        self._full: list[tuple[Array, Array]] = []

    def add(self, keys: Array) -> None:
        """Count these keys."""
        from analysis.weights import kernels

        while len(keys):
            done = kernels.gather_bins(keys, len(keys), self._mask, self._slots, self._counts, self._used)
            keys = keys[done:]
            if len(keys):
                self._empty()

    def take(self) -> tuple[Array, Array]:
        """(distinct keys ascending, counts)."""
        self._empty()
        return add_counts(self._full)

    def _empty(self) -> None:
        held = np.flatnonzero(self._counts)
        self._full.append((self._slots[held], self._counts[held]))
        self._counts[held] = 0
        self._used[0] = 0


def add_counts(parts: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """One (distinct keys ascending, counts) from several."""
    if not parts:
        return np.zeros(0), np.zeros(0, np.int64)
    keys, owner = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, owner, np.concatenate([counts for _, counts in parts]))
    return keys, counts


def over_segments(
    names: Sequence[str], source: KeySource, look: Callable[[KeySegment], T], progress: Progress
) -> dict[str, list[T]]:
    """`look` at every segment of the named tensors; the answers by tensor, in the segments' order."""
    units = source.segments(names)
    threads = 1 if sum(unit.count for unit in units) <= _SERIAL else None
    found = run_units(
        units, look, threads=threads, progress=progress, weight=lambda unit: unit.count, note="ranking at the cut"
    )
    by_name: dict[str, list[T]] = {name: [] for name in names}
    for unit, answer in zip(units, found, strict=True):
        by_name[unit.name].append(answer)
    return by_name
