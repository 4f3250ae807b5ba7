"""Which of the weights exactly at a threshold are restored, when only some of them are.

Their order: each tensor's ties by the hash of (seed, name, index), and the tensors evenly mixed: the i-th of a tensor's
c ties stands at (i + 1/2) / c. How many each tensor gives is then known from the counts alone (the Webster or
Sainte-Lague apportionment, which never takes a place back as the total grows: the sets are nested), and it depends
neither on files nor on threads.

Inside a tensor the smallest hashes are wanted. Hashes are uniform, so the last of them lies close to the wanted share
of the hash range; only hashes in a window around it are kept until the whole tensor was seen.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import xxhash

from analysis.weights.histogram import Array

HASHES = 1 << 64
_REACH = 8  # standard deviations of the window: missed once in 10^15
_FEW = 64  # ties beyond the deviations, so that small classes are looked at whole


@dataclass(frozen=True)
class Window:
    """Hashes below `low` are restored at once, those in [low, high] later, those above never."""

    low: int
    high: int


@dataclass(frozen=True)
class Handed:
    """Ties whose hash lies in a window: hashes, places in the tensor, and the base's stored words."""

    hashes: Array
    places: Array
    words: Array


def tensor_key(seed: int, name: str) -> int:
    """The 64-bit key a tensor's tie hashes start from."""
    return int(xxhash.xxh3_64_intdigest(f"{seed}:{name}".encode()))


def shares(total: int, sizes: Sequence[int]) -> list[int]:
    """How many of the first `total` places, in the order above, each of these tie classes has (at most its size)."""
    whole = sum(sizes)
    if not total or not whole:
        return [0] * len(sizes)
    given = [(2 * total * size + whole) // (2 * whole) for size in sizes]
    surplus = sum(given) - total
    if surplus > 0:
        last = [(-Fraction(2 * n - 1, 2 * size), -i) for i, (n, size) in enumerate(zip(given, sizes, strict=True)) if n]
        _move(last, given, sizes, surplus, -1)
    elif surplus < 0:
        following = [
            (Fraction(2 * n + 1, 2 * size), i) for i, (n, size) in enumerate(zip(given, sizes, strict=True)) if n < size
        ]
        _move(following, given, sizes, -surplus, 1)
    return given


def _move(heap: list[tuple[Fraction, int]], given: list[int], sizes: Sequence[int], steps: int, by: int) -> None:
    """Give (`by` 1) or take back (-1) one place at a time, in the order's direction."""
    heapq.heapify(heap)
    for _ in range(steps):
        _, signed = heapq.heappop(heap)
        i = abs(signed)
        given[i] += by
        if by > 0 and given[i] < sizes[i]:
            heapq.heappush(heap, (Fraction(2 * given[i] + 1, 2 * sizes[i]), i))
        elif by < 0 and given[i]:
            heapq.heappush(heap, (-Fraction(2 * given[i] - 1, 2 * sizes[i]), -i))


def window(quota: int, ties: int) -> Window:
    """Where the hash of the last of `quota` restored among `ties` is looked for."""
    if quota >= ties:
        return Window(HASHES - 1, HASHES - 1)
    if quota <= 0:
        return Window(0, 0)
    share = quota / ties
    half = (_REACH * math.sqrt(share * (1 - share) * ties) + _FEW) / ties
    return Window(max(0, int((share - half) * HASHES)), min(HASHES - 1, int((share + half) * HASHES)))


def join(parts: Sequence[Handed]) -> Handed:
    """All handed back of one tensor."""
    return Handed(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("hashes", "places", "words")))


def choose(handed: Handed, wanted: int) -> Array | None:
    """Which of them are the `wanted` smallest hashes (a mask); None where the window missed the last one."""
    if not 0 <= wanted <= len(handed.hashes):
        return None
    if wanted == 0:
        return np.zeros(len(handed.hashes), bool)
    return np.asarray(handed.hashes <= np.partition(handed.hashes, wanted - 1)[wanted - 1])
