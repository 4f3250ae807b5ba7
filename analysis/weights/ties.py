"""Which of the elements exactly at a threshold are restored: those with the smallest hash of (seed, name, index).

Hashes are uniform, so the cut among n ties lies close to its share of the hash range; only hashes in a window around it
are kept, and memory stays small however many ties there are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xxhash

from analysis.records import Progress, RestoreSpec
from analysis.weights.cuts import Edge, KeySegment, KeySource, find_edges, over_segments
from analysis.weights.histogram import Array, KeyCounts
from analysis.weights.strategies import RANDOM
from analysis.weights.stream import Buffers

HASHES = 1 << 64
_ALL_TIES = 1 << 20  # a tie class up to this size is looked at whole


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

    tensors: Mapping[str, TensorCut]
    count: int
    threshold: float | None  # None without a threshold: random, nothing restored, or one threshold per tensor
    ties: int
    ties_restored: int


@dataclass(frozen=True)
class _Ties:
    """One tensor's ties: hashes inside the window, whether those elements changed, and counts below the window."""

    hashes: Array
    changed: Array
    below: int
    below_changed: int


def tensor_key(seed: int, name: str) -> int:
    """The 64-bit key a tensor's tie hashes start from."""
    return int(xxhash.xxh3_64_intdigest(f"{seed}:{name}".encode()))


def resolve(
    requests: Sequence[tuple[RestoreSpec, Sequence[KeyCounts]]], source: KeySource, progress: Progress
) -> list[Cut]:
    """The exact cuts of specs through their regions' tensors (in name order); at most two readings for all of them."""
    edges = find_edges(requests, source, progress)
    flat = [edge for held in edges for edge in held]
    closed = iter(_close(flat, source, progress))
    return [_cut(spec, held, [next(closed) for _ in held]) for (spec, _), held in zip(requests, edges, strict=True)]


def _cut(spec: RestoreSpec, edges: Sequence[Edge], closed: Sequence[dict[str, TensorCut]]) -> Cut:
    single = edges[0] if spec.scope == "global" and edges and edges[0].ranking.direction != RANDOM else None
    return Cut(
        tensors={name: cut for held in closed for name, cut in held.items()},
        count=sum(edge.quota + sum(edge.beyond.values()) for edge in edges),
        threshold=single.threshold if single else None,
        ties=sum(edge.ties for edge in edges),
        ties_restored=sum(edge.quota for edge in edges),
    )


def _close(edges: Sequence[Edge], source: KeySource, progress: Progress) -> list[dict[str, TensorCut]]:
    """Decide which ties of each edge are restored, and count what each tensor gives back."""
    closed: list[dict[str, TensorCut]] = [{} for _ in edges]
    open_ = [i for i, edge in enumerate(edges) if edge.quota < edge.ties]
    for i in set(range(len(edges))) - set(open_):
        closed[i] = {tensor.name: _with_all_ties(tensor, edges[i]) for tensor in edges[i].tensors}
    windows = {i: _window(edges[i].quota, edges[i].ties) for i in open_}
    while windows:
        found = _look_at_ties({i: edges[i] for i in windows}, windows, source, progress)
        for i in list(windows):
            if _cut_inside(found[i], edges[i].quota):
                lasts = _last_hashes(found[i], edges[i].quota)
                closed[i] = {
                    t.name: _with_some_ties(t, edges[i], found[i].get(t.name), lasts) for t in edges[i].tensors
                }
                del windows[i]
            else:  # by chance, once in 10^15: look at more, in the end at all
                low, high = windows[i]
                windows[i] = max(0, low - 2 * (high - low + 1)), min(HASHES - 1, high + 2 * (high - low + 1))
    return closed


def _window(quota: int, ties: int) -> tuple[int, int]:
    """Eight standard deviations around where the quota's hash is expected."""
    if ties <= _ALL_TIES:
        return 0, HASHES - 1
    share = quota / ties
    reach = 8 * math.sqrt(share * (1 - share) / ties) + 64 / ties
    return max(0, int((share - reach) * HASHES)), min(HASHES - 1, int((share + reach) * HASHES))


def _cut_inside(found: Mapping[str, _Ties], quota: int) -> bool:
    below = sum(ties.below for ties in found.values())
    return below < quota <= below + sum(len(ties.hashes) for ties in found.values())


def _look_at_ties(
    edges: Mapping[int, Edge], windows: Mapping[int, tuple[int, int]], source: KeySource, progress: Progress
) -> dict[int, dict[str, _Ties]]:
    """The ties of every edge, by tensor in name order, in one reading."""
    by_tensor: dict[str, list[int]] = {}
    for i, edge in edges.items():
        for name, count in edge.tied.items():
            if count:
                by_tensor.setdefault(name, []).append(i)
    buffers = Buffers()

    def look(segment: KeySegment) -> list[_Ties]:
        parts: list[list[_Ties]] = [[] for _ in by_tensor[segment.name]]
        for first, keys in source.pieces(segment):
            for part, i in zip(parts, by_tensor[segment.name], strict=True):
                part.append(_ties_of(edges[i], windows[i], segment.name, first, keys, buffers))
        return [_join(part) for part in parts]

    found: dict[int, dict[str, _Ties]] = {i: {} for i in edges}
    for name, answers in over_segments(sorted(by_tensor), source, look, progress).items():
        for position, i in enumerate(by_tensor[name]):
            found[i][name] = _join([answer[position] for answer in answers])
    return found


def _ties_of(edge: Edge, window: tuple[int, int], name: str, first: int, keys: Array, buffers: Buffers) -> _Ties:
    from analysis.weights import kernels

    out = buffers.get("ties", 2 * (keys.nbytes + 8)).view(np.uint64).reshape(2, -1)
    low, high, key = np.uint64(window[0]), np.uint64(window[1]), np.uint64(tensor_key(edge.seed, name))
    everything = edge.ranking.direction == RANDOM
    inside, below, below_changed = kernels.gather_ties(
        keys, len(keys), edge.threshold, everything, edge.ranking.unchanged, key, first, low, high, out
    )
    return _Ties(out[0, :inside].copy(), out[1, :inside].astype(bool), below, below_changed)


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
    at_last = owners[hashes == last]  # in name order already
    final_owner = int(at_last[wanted - int((hashes < last).sum()) - 1])
    cutoffs = {name: int(last) if owner <= final_owner else int(last) - 1 for owner, name in enumerate(names)}
    return {name: cutoff for name, cutoff in cutoffs.items() if cutoff >= 0}


def _with_all_ties(tensor: KeyCounts, edge: Edge) -> TensorCut:
    tied, beyond = edge.tied.get(tensor.name, 0), edge.beyond[tensor.name]
    if edge.ranking.direction == RANDOM:
        changed = tensor.changed
    else:
        changed = _changed_beyond(tensor, edge) + (tied if edge.threshold != edge.ranking.unchanged else 0)
    return TensorCut(edge.threshold, tied > 0, HASHES - 1, beyond + tied, changed)


def _with_some_ties(tensor: KeyCounts, edge: Edge, ties: _Ties | None, lasts: Mapping[str, int]) -> TensorCut:
    beyond, effective, last = edge.beyond[tensor.name], _changed_beyond(tensor, edge), lasts.get(tensor.name)
    if ties is None or last is None:
        return TensorCut(edge.threshold, False, 0, beyond, effective)
    chosen = ties.hashes <= np.uint64(last)
    restored = beyond + ties.below + int(chosen.sum())
    changed = effective + ties.below_changed + int(ties.changed[chosen].sum())
    return TensorCut(edge.threshold, True, last, restored, changed)


def _changed_beyond(tensor: KeyCounts, edge: Edge) -> int:
    """Of the parameters beyond the threshold, those with s != p: the unchanged all share one key, at one end."""
    beyond, unchanged = edge.beyond[tensor.name], tensor.elements - tensor.changed
    first_end = edge.ranking.direction < 0 and edge.ranking.unchanged == 0.0
    return beyond - unchanged if first_end and beyond and edge.threshold > 0 else beyond
