"""From a percentage to the exact set: the cut through a total order of the region's parameters.

The order: rank key (descending for the top, ascending for the bottom, all equal for random), then tie hash ascending,
then tensor name, then index. The first floor(n * k / 100) are restored, so the sets of one strategy and seed are
nested. Histograms give the bin the cut falls in and every count beyond it; only that bin's keys, and the hashes of the
elements exactly at the threshold, have to be looked at. Where they come from (memory, files) is a KeySource's matter.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
import xxhash

from analysis.records import Progress, RestoreSpec, Silent
from analysis.weights.histogram import BINS, Array, TensorUpdate, to_dense
from analysis.weights.strategies import BOTTOM, DIRECTIONS, RANDOM, TOP
from analysis.weights.stream import Buffers, run_units

_HASHES = 1 << 64
_ALL_TIES = 1 << 20  # a tie class up to this size is looked at whole
_SERIAL = 1 << 22  # below this many keys threads cost more than they bring


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

    def segments(self, names: Sequence[str]) -> list[KeySegment]: ...
    def pieces(self, segment: KeySegment) -> Iterator[tuple[int, Array]]: ...


@dataclass(frozen=True)
class TensorCut:
    """What is restored of one tensor: keys beyond `threshold`, and, if `ties`, those at it with hash <= `last`."""

    threshold: float
    ties: bool
    last: int
    restored: int
    effective: int  # of the restored, those with s != p


@dataclass(frozen=True)
class Cut:
    """A spec resolved: per-tensor cuts by name, and the numbers of the whole."""

    direction: int
    seed: int
    tensors: Mapping[str, TensorCut]
    count: int
    threshold: float | None  # None without a threshold: random, nothing restored, or one threshold per tensor
    ties: int
    ties_restored: int


@dataclass(frozen=True)
class _Group:
    """Tensors ranked together, and how many of their parameters are restored."""

    tensors: tuple[TensorUpdate, ...]
    quota: int


@dataclass(frozen=True)
class _Edge:
    """Where a group's cut falls: a threshold, and how many of its ties are restored."""

    group: _Group
    threshold: float
    tied: dict[str, int]  # by tensor: elements exactly at the threshold
    quota: int  # of these, how many are restored
    beyond: dict[str, int]  # by tensor: restored above (below) the threshold

    @cached_property
    def ties(self) -> int:
        """Elements exactly at the threshold."""
        return sum(self.tied.values())


@dataclass(frozen=True)
class _Ties:
    """One tensor's elements at the threshold: hashes inside the window, whether they changed, and counts below it."""

    hashes: Array
    changed: Array
    below: int
    below_changed: int


def quota(parameters: int, percent: float) -> int:
    """floor(n * k / 100), the authors' count; exact for whole percentages of any n."""
    return math.floor(parameters * percent / 100)


def tensor_key(seed: int, name: str) -> int:
    """The 64-bit key a tensor's tie hashes start from."""
    return int(xxhash.xxh3_64_intdigest(f"{seed}:{name}".encode()))


def resolve(
    spec: RestoreSpec, tensors: Sequence[TensorUpdate], source: KeySource, progress: Progress | None = None
) -> Cut:
    """The exact cut of a spec through these tensors (the region's, in name order)."""
    direction = DIRECTIONS[spec.strategy]
    whole = spec.scope == "global"
    groups = [tuple(tensors)] if whole else [(tensor,) for tensor in tensors]
    sized = [_Group(group, quota(sum(t.elements for t in group), spec.percent)) for group in groups]
    active = [group for group in sized if group.quota]
    edges = _edges(active, direction, source, progress or Silent())
    cuts: dict[str, TensorCut] = {}
    for edge in edges:
        cuts |= _close(edge, direction, spec.seed, source, progress or Silent())
    single = edges[0] if whole and edges else None
    return Cut(
        direction=direction,
        seed=spec.seed,
        tensors=cuts,
        count=sum(group.quota for group in active),
        threshold=single.threshold if single and direction != RANDOM else None,
        ties=sum(edge.ties for edge in edges),
        ties_restored=sum(edge.quota for edge in edges),
    )


def _edges(groups: Sequence[_Group], direction: int, source: KeySource, progress: Progress) -> list[_Edge]:
    if direction == RANDOM:
        return [_everything_tied(group) for group in groups]
    located = [_locate(group, direction) for group in groups]
    wanted: dict[str, int] = {}
    for group, (bin_, _) in zip(groups, located, strict=True):
        if bin_ != 0 and not source.one_key_per_bin:
            wanted |= {t.name: bin_ for t in group.tensors if _in_bin(t, bin_)}
    gathered = _gather(wanted, source, progress)
    return [
        _edge(group, bin_, inside, direction, gathered) for group, (bin_, inside) in zip(groups, located, strict=True)
    ]


def _everything_tied(group: _Group) -> _Edge:
    """Random is a ranking in which all keys are equal."""
    tied = {t.name: t.elements for t in group.tensors}
    return _Edge(group, 0.0, tied, group.quota, dict.fromkeys(tied, 0))


def _locate(group: _Group, direction: int) -> tuple[int, int]:
    """The bin the group's quota ends in, and how many of that bin are restored."""
    counts = to_dense((t.table for t in group.tensors), 4)[:, 0].astype(np.int64)
    ordered = counts[::-1] if direction == TOP else counts
    reached = np.cumsum(ordered)
    position = int(np.searchsorted(reached, group.quota))
    before = int(reached[position] - ordered[position])
    return (BINS - 1 - position if direction == TOP else position), group.quota - before


def _edge(group: _Group, bin_: int, inside: int, direction: int, gathered: Mapping[str, tuple[Array, Array]]) -> _Edge:
    """The threshold among the bin's keys; `gathered` holds (unique keys, counts) by tensor, or nothing for one key."""
    held = {t.name: gathered.get(t.name) or _single_key(t, bin_) for t in group.tensors if _in_bin(t, bin_)}
    keys, owner = np.unique(np.concatenate([keys for keys, _ in held.values()]), return_inverse=True)
    counts = np.bincount(owner, np.concatenate([counts for _, counts in held.values()])).astype(np.int64)
    if direction == TOP:
        keys, counts = keys[::-1], counts[::-1]
    reached = np.cumsum(counts)
    position = int(np.searchsorted(reached, inside))
    threshold = float(keys[position])
    tied = {name: int(counts[keys == threshold].sum()) for name, (keys, counts) in held.items()}
    beyond = {}
    for t in group.tensors:
        beyond[t.name] = _beyond_bin(t, bin_, direction)
        if t.name in held:
            own, own_counts = held[t.name]
            beyond[t.name] += int(own_counts[own > threshold if direction == TOP else own < threshold].sum())
    return _Edge(group, threshold, tied, inside - int(reached[position] - counts[position]), beyond)


def _in_bin(tensor: TensorUpdate, bin_: int) -> int:
    """How many of the tensor's keys fall in the bin."""
    position = int(np.searchsorted(tensor.table.bins, bin_))
    found = position < len(tensor.table.bins) and tensor.table.bins[position] == bin_
    return int(tensor.table.rows[position, 0]) if found else 0


def _beyond_bin(tensor: TensorUpdate, bin_: int, direction: int) -> int:
    bins = tensor.table.bins
    return int(tensor.table.rows[bins > bin_ if direction == TOP else bins < bin_, 0].sum())


def _single_key(tensor: TensorUpdate, bin_: int) -> tuple[Array, Array]:
    """The one key of a bin that holds one: its left edge."""
    key = np.array([bin_ << 15], np.uint32).view(np.float32).astype(np.float64)
    return key, np.array([_in_bin(tensor, bin_)], np.int64)


def _gather(wanted: Mapping[str, int], source: KeySource, progress: Progress) -> dict[str, tuple[Array, Array]]:
    """(unique keys, counts) of the wanted bin, by tensor."""
    from analysis.weights import kernels

    buffers = Buffers()

    def look(segment: KeySegment) -> tuple[Array, Array]:
        mask = np.zeros(BINS, np.uint8)
        mask[wanted[segment.name]] = 1
        parts = []
        for _, keys in source.pieces(segment):
            out = buffers.get("gathered", keys.nbytes).view(np.float64)
            found = kernels.gather_bins(keys, len(keys), mask, out)
            if found:
                parts.append(np.unique(out[:found], return_counts=True))
        return _add_counts(parts)

    parts = _over_segments(sorted(wanted), source, look, progress)
    return {name: _add_counts(found) for name, found in parts.items()}


def _add_counts(parts: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    if not parts:
        return np.zeros(0), np.zeros(0, np.int64)
    if len(parts) == 1:
        return parts[0]
    keys, owner = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    return keys, np.bincount(owner, np.concatenate([counts for _, counts in parts])).astype(np.int64)


def _over_segments(
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


def _close(edge: _Edge, direction: int, seed: int, source: KeySource, progress: Progress) -> dict[str, TensorCut]:
    """Decide which ties are restored, and count what each tensor gives back."""
    if edge.quota == edge.ties:
        return {t.name: _with_all_ties(t, edge, direction) for t in edge.group.tensors}
    low, high = _window(edge.quota, edge.ties)
    found = _ties(edge, direction, seed, low, high, source, progress)
    while not _cut_inside(found, edge.quota):
        # The window missed the cut, which happens by chance once in 10^15: look at twice as much, in the end at all.
        width = 2 * (high - low + 1)
        low, high = max(0, low - width), min(_HASHES - 1, high + width)
        found = _ties(edge, direction, seed, low, high, source, progress)
    lasts = _last_hashes(found, edge.quota)
    return {t.name: _with_some_ties(t, edge, direction, found.get(t.name), lasts) for t in edge.group.tensors}


def _cut_inside(found: Mapping[str, _Ties], quota: int) -> bool:
    below = sum(ties.below for ties in found.values())
    return below < quota <= below + sum(len(ties.hashes) for ties in found.values())


def _window(quota: int, ties: int) -> tuple[int, int]:
    """Hashes are uniform, so the cut lies within 8 standard deviations of quota / ties; only those are collected."""
    if ties <= _ALL_TIES:
        return 0, _HASHES - 1
    share = quota / ties
    reach = 8 * math.sqrt(share * (1 - share) / ties) + 64 / ties
    return max(0, int((share - reach) * _HASHES)), min(_HASHES - 1, int((share + reach) * _HASHES))


def _ties(
    edge: _Edge, direction: int, seed: int, low: int, high: int, source: KeySource, progress: Progress
) -> dict[str, _Ties]:
    """The hashes of the elements at the threshold, by tensor, in name order."""
    from analysis.weights import kernels

    buffers = Buffers()
    window = np.uint64(low), np.uint64(high)

    def look(segment: KeySegment) -> _Ties:
        key = np.uint64(tensor_key(seed, segment.name))
        parts, below, below_changed = [], 0, 0
        for first, keys in source.pieces(segment):
            out = buffers.get("ties", 2 * keys.nbytes).view(np.uint64).reshape(2, -1)
            inside, less, less_changed = kernels.gather_ties(
                keys, len(keys), edge.threshold, direction == RANDOM, key, first, *window, out
            )
            parts.append(out[:, :inside].copy())
            below, below_changed = below + less, below_changed + less_changed
        held = np.concatenate(parts, axis=1)
        return _Ties(held[0], held[1].astype(bool), below, below_changed)

    names = sorted(name for name, count in edge.tied.items() if count)
    return {name: _join(parts) for name, parts in _over_segments(names, source, look, progress).items()}


def _join(parts: Sequence[_Ties]) -> _Ties:
    return _Ties(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.changed for part in parts]),
        sum(part.below for part in parts),
        sum(part.below_changed for part in parts),
    )


def _last_hashes(found: Mapping[str, _Ties], quota: int) -> dict[str, int]:
    """The largest restored hash by tensor. Equal hashes in two tensors are told apart by name order."""
    names = sorted(found)
    hashes = np.concatenate([found[name].hashes for name in names])
    owners = np.repeat(np.arange(len(names)), [len(found[name].hashes) for name in names])
    wanted = quota - sum(ties.below for ties in found.values())
    last = np.partition(hashes, wanted - 1)[wanted - 1]
    at_last = owners[hashes == last]  # names are in order already
    final_owner = int(at_last[wanted - int((hashes < last).sum()) - 1])
    cutoffs = {name: int(last) if owner <= final_owner else int(last) - 1 for owner, name in enumerate(names)}
    return {name: cutoff for name, cutoff in cutoffs.items() if cutoff >= 0}


def _with_all_ties(tensor: TensorUpdate, edge: _Edge, direction: int) -> TensorCut:
    tied, beyond = edge.tied.get(tensor.name, 0), edge.beyond[tensor.name]
    changed = tensor.changed if direction == RANDOM else tied if edge.threshold > 0 else 0
    effective = _changed_beyond(tensor, beyond, direction) + changed
    return TensorCut(edge.threshold, tied > 0, _HASHES - 1, beyond + tied, effective)


def _with_some_ties(
    tensor: TensorUpdate, edge: _Edge, direction: int, ties: _Ties | None, lasts: Mapping[str, int]
) -> TensorCut:
    beyond = edge.beyond[tensor.name]
    effective = _changed_beyond(tensor, beyond, direction)
    last = lasts.get(tensor.name)
    if ties is None or last is None:
        return TensorCut(edge.threshold, False, 0, beyond, effective)
    chosen = ties.hashes <= np.uint64(last)
    restored = beyond + ties.below + int(chosen.sum())
    return TensorCut(
        edge.threshold, True, last, restored, effective + ties.below_changed + int(ties.changed[chosen].sum())
    )


def _changed_beyond(tensor: TensorUpdate, beyond: int, direction: int) -> int:
    """Of the parameters beyond the threshold, those with s != p: all at the top; all but the zeros at the bottom."""
    return max(0, beyond - (tensor.elements - tensor.changed)) if direction == BOTTOM else beyond
