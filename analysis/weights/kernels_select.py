"""The compiled loops of restoring: which weights are beyond a threshold, and the blend of both sides.

Whether |s - p| > T * |p| is seen in float32 for all but the weights within 2^-17 of the threshold; those are decided
by the exact key of kernels.py, one by one. So the answer is that of the full sort, at the speed of reading.

Ties with the threshold are restored by their hash (`tie_hash`): below `low` at once, up to `high` later, when all of
them are known; those are handed back. Measures: 0 relative, 1 absolute, 2 size of the base.
Directions: 1 the largest keys, -1 the smallest, 0 all changed weights are ties.
"""

from typing import Any

import numpy as np

from analysis.weights.kernels import _compiled, _decode, _keys, _paper_ratios, tie_hash

_HUGE, _TINY = np.float32(2.0**100), np.float32(2.0**-100)
_MARGIN = 2.0**-17


@_compiled
def _measures(p: Any, s: Any, n: int, measure: int, x: Any, y: Any) -> None:
    """x and y such that the key is x / y."""
    if measure == 2:
        for j in range(n):
            x[j] = abs(p[j])
            y[j] = np.float32(1.0)
    else:
        for j in range(n):
            x[j] = abs(np.float32(s[j] - p[j]))
        if measure == 1:
            y[:n] = np.float32(1.0)
        else:
            for j in range(n):
                y[j] = abs(p[j])


@_compiled
def _compare(x: Any, y: Any, n: int, direction: int, threshold: float, mask: Any, near: Any) -> None:
    """mask: beyond the threshold; near: too close, too large or too small for float32 to tell."""
    above, below = np.float32(threshold * (1.0 + _MARGIN)), np.float32(threshold * (1.0 - _MARGIN))
    for j in range(n):
        over = x[j] > np.float32(above * y[j])
        under = x[j] < np.float32(below * y[j])
        odd = (x[j] >= _HUGE) | (y[j] >= _HUGE) | ((x[j] < _TINY) & (x[j] != np.float32(0.0)))
        mask[j] = over if direction == 1 else under
        near[j] = odd | ((over | under) == False)  # noqa: E712 - `not` would not vectorise


@_compiled
def _changed(p: Any, s: Any, n: int, only: bool, mask: Any, near: Any) -> None:
    """Let only changed weights be chosen (`only`), or mark all of them for a closer look."""
    if only:
        for j in range(n):
            mask[j] = mask[j] & (p[j] != s[j])
            near[j] = near[j] & (p[j] != s[j])
    else:
        for j in range(n):
            mask[j] = False
            near[j] = p[j] != s[j]


@_compiled
def _compare_keys(key: Any, n: int, direction: int, threshold: float, mask: Any, near: Any) -> None:
    for j in range(n):
        mask[j] = key[j] > threshold if direction == 1 else key[j] < threshold
        near[j] = key[j] == threshold


@_compiled
def _key(p: Any, s: Any, measure: int) -> float:
    """The exact key of one weight, as kernels.py has it for whole blocks."""
    base, change = np.float64(p), abs(np.float64(s) - np.float64(p))
    if measure == 1:
        return change
    if measure == 2:
        return abs(base) if change != 0.0 else np.inf
    return change / abs(base) if change != 0.0 else 0.0


@_compiled
def select(
    base: Any,
    tuned: Any,
    base_code: int,
    tuned_code: int,
    arithmetic: int,
    measure: int,
    direction: int,
    threshold: float,
    count: int,
    first: int,
    tensor_key: Any,
    low: Any,
    high: Any,
    mask: Any,
    hashes: Any,
    places: Any,
) -> tuple[int, int]:
    """mask[j] = whether the weight is restored; ties with a hash in [low, high] go to `hashes`, `places` instead.

    `count` stored values, the `first`-th of their tensor onward; `places` are places in the tensor. Ties hashed below
    `low` are restored, those above `high` are not. Returns how many ties were handed back, and how many lie below.
    """
    lines = np.empty((4, 4096), np.float32)  # taken by number: unpacked, a row would not be known to be contiguous
    p, s, x, y = lines[0], lines[1], lines[2], lines[3]
    key, change, scratch = np.empty(4096), np.empty(4096), np.empty((3, 4096), np.float32)
    near = np.zeros(4096, np.bool_)
    words = near.view(np.uint64)
    handed, below = 0, 0
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        chosen = mask[start : start + n]
        _decode(base, base_code, start, n, p)
        _decode(tuned, tuned_code, start, n, s)
        near[n:] = False
        exact = arithmetic == 0 or measure != 0
        if direction == 0:
            _changed(p, s, n, False, chosen, near)
        elif not exact or threshold > 1e30:
            _keys(p, s, n, arithmetic, change, key, scratch)
            if measure == 2:
                for j in range(n):
                    key[j] = abs(np.float64(p[j])) if change[j] != 0.0 else np.inf
            elif measure == 1:
                for j in range(n):
                    key[j] = change[j]
            _compare_keys(key, n, direction, threshold, chosen, near)
        else:
            _measures(p, s, n, measure, x, y)
            _compare(x, y, n, direction, threshold, chosen, near)
            if direction == -1:
                _changed(p, s, n, True, chosen, near)
        for w in range((n + 7) // 8):
            if words[w] == np.uint64(0):
                continue
            for j in range(8 * w, 8 * w + 8):
                if not near[j]:
                    continue
                if exact and direction != 0:
                    own = _key(p[j], s[j], measure)
                    chosen[j] = own > threshold if direction == 1 else own < threshold
                    if own != threshold:
                        continue
                if p[j] == s[j]:
                    chosen[j] = False
                    continue
                code = tie_hash(tensor_key, first + start + j)
                chosen[j] = code < low
                below += 1 if code < low else 0
                if low <= code and code <= high:
                    hashes[handed] = code
                    places[handed] = first + start + j
                    handed += 1
    return handed, below


@_compiled
def _count_levels(key: Any, n: int, thresholds: Any, level: Any, near: Any) -> None:
    """level: how many of the (falling) thresholds a key does not exceed; near: it equals one of them."""
    level[:n], near[:n] = np.uint8(0), np.uint8(0)
    for i in range(len(thresholds)):
        threshold = thresholds[i]
        for j in range(n):
            level[j] += np.uint8(key[j] <= threshold)
        if threshold == 0:  # only unchanged weights have this key, and none of them is a tie
            continue
        for j in range(n):
            near[j] |= np.uint8(key[j] == threshold)


@_compiled
def _high_words(values: Any, n: int, out: Any) -> None:
    """The upper halves of float32 values: of bfloat16 ones all there is, and ordered as they are (none negative)."""
    bits = values.view(np.uint32)
    for j in range(n):
        out[j] = np.uint16(bits[j] >> np.uint32(16))


@_compiled
def levels(
    base: Any,
    tuned: Any,
    base_code: int,
    tuned_code: int,
    arithmetic: int,
    count: int,
    first: int,
    tensor_key: Any,
    thresholds: Any,
    lows: Any,
    highs: Any,
    out: Any,
    hashes: Any,
    places: Any,
    which: Any,
    below: Any,
) -> int:
    """out[j] = the first of several nested stops (uint8, largest relative change first) that restores the weight.

    `thresholds` fall; `lows` and `highs` are their windows of hashes. Ties in a window are handed back with the number
    of their stop, as in `select`; `below` counts those below it, by stop. Returns how many were handed back.
    """
    lines, scratch, change = np.empty((2, 4096), np.float32), np.empty((3, 4096), np.float32), np.empty(4096)
    p, s, key, near = lines[0], lines[1], np.empty(4096), np.zeros(4096, np.uint8)
    half, edge = np.empty(4096, np.uint16), np.empty(len(thresholds), np.uint16)
    _high_words(thresholds.astype(np.float32), len(thresholds), edge)
    words, handed = near.view(np.uint64), 0
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        level = out[start : start + n]
        _decode(base, base_code, start, n, p)
        _decode(tuned, tuned_code, start, n, s)
        near[n:] = np.uint8(0)
        if arithmetic == 2:
            _paper_ratios(p, s, n, True, scratch)
            _high_words(scratch[1], n, half)
            _count_levels(half, n, edge, level, near)
        else:
            _keys(p, s, n, arithmetic, change, key, scratch)
            _count_levels(key, n, thresholds, level, near)
        for w in range((n + 7) // 8):
            if words[w] == np.uint64(0):
                continue
            for j in range(8 * w, 8 * w + 8):
                if near[j] == np.uint8(0) or p[j] == s[j]:
                    continue
                code = tie_hash(tensor_key, first + start + j)
                own = np.float64(scratch[1, j]) if arithmetic == 2 else key[j]
                for i in range(len(thresholds) - 1, -1, -1):
                    if own != thresholds[i]:
                        continue
                    if code < lows[i]:
                        level[j] = i
                        below[i] += 1
                    elif code <= highs[i]:
                        hashes[handed], places[handed], which[handed] = code, first + start + j, i
                        handed += 1
    return handed


@_compiled
def blend16(base: Any, tuned: Any, mask: Any, count: int, out: Any) -> None:
    """Copy base where the mask (0 or 1, uint8) is set and tuned elsewhere, bit for bit: 16-bit words."""
    for j in range(count):
        out[j] = tuned[j] ^ ((base[j] ^ tuned[j]) & np.uint16(-np.int16(mask[j])))


@_compiled
def blend32(base: Any, tuned: Any, mask: Any, count: int, out: Any) -> None:
    """The same for 32-bit words."""
    for j in range(count):
        out[j] = tuned[j] ^ ((base[j] ^ tuned[j]) & np.uint32(-np.int32(mask[j])))
