"""The compiled inner loops of the measures: two rows of logits in, every number about them out, in float64.

Logits come as float32 and are widened one by one as they are read, so nothing of a vocabulary's size is made but the
two rows of exponentials. What measures.py says in torch for accelerators is said here for the processor; the tests hold
both to torch.distributions. e^x is a polynomial after reduction by powers of two (relative error below 1e-11; below
-708 it is 0), log(w) on [1, 2] the series of 2 atanh((w - 1) / (w + 1)).

Kernels release the GIL and are cached on disk beside this file after the first call.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

BLOCK = 32  # neighbours whose largest logit is found together: most blocks need no second look
NUMBERS = 8  # columns of a row's numbers, in this order:
KL, KL_TOP, REVERSE, JS, FIRST_LOGPROB, SECOND_LOGPROB, FIRST_ENTROPY, SECOND_ENTROPY = range(NUMBERS)

_LOWEST = -708.0  # e^x is a normal float64 down to here
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.693145751953125, 1.42860682030941723212e-6  # ln 2 in two parts: n times the first is exact
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to whole numbers and leaves them in the low bits
_INFINITE = np.int32(0x7F800000)
_MAGNITUDE = np.int32(0x7FFFFFFF)
_NOTHING = np.int64(-0x7F800001)  # the key of -infinity

_compiled: Callable[..., Callable[..., Any]] = njit(nogil=True, cache=True, error_model="numpy")
# sums may be taken in any order, which is what lets them be vectorised; NaN and infinities keep their meaning
_summing: Callable[..., Callable[..., Any]] = njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"}
)
_fused: Callable[..., Callable[..., Any]] = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})


_intrinsic: Callable[..., Any] = intrinsic


@_intrinsic
def _bits(_: Any, _value: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@_intrinsic
def _number(_: Any, _value: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@_fused
def _exp(x: float) -> float:
    """e^x for x <= 0; 0 below -708."""
    held = x if x > _LOWEST else _LOWEST
    shifted = held * _LOG2_E + _ROUND
    whole = shifted - _ROUND
    r = (held - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power = _number((_bits(shifted) + 1023) << 52)
    return p * power if x > _LOWEST else 0.0


@_fused
def _log_ratio(high: float, low: float) -> float:
    """log(high / mean(high, low)) for high >= low >= 0: 0 to ln 2."""
    s = (high - low) / (3.0 * high + low + 1e-300)
    t = s * s
    p = 1 / 19
    p = p * t + 1 / 17
    p = p * t + 1 / 15
    p = p * t + 1 / 13
    p = p * t + 1 / 11
    p = p * t + 1 / 9
    p = p * t + 1 / 7
    p = p * t + 1 / 5
    p = p * t + 1 / 3
    p = p * t + 1.0
    return 2.0 * s * p


@_compiled
def _block_peaks(bits: Any, peaks: Any) -> Any:
    """The largest logit of every block, as whole numbers in the same order; and whether one is NaN or +infinity."""
    size = bits.shape[0]
    largest = np.int32(0)
    highest = np.int32(-0x80000000)
    for block in range(peaks.shape[0]):
        part = bits[block * BLOCK : min(size, (block + 1) * BLOCK)]
        peak = np.int32(-0x80000000)
        for j in range(part.shape[0]):
            word = part[j]
            key = word ^ ((word >> np.int32(31)) & _MAGNITUDE)
            peak = max(peak, key)
            largest = max(largest, word & _MAGNITUDE)
        peaks[block] = peak
        highest = max(highest, peak)
    return largest > _INFINITE or highest == _INFINITE


@_compiled
def _rank_first(bits: Any, peaks: Any, keys: Any, ids: Any) -> None:
    """The ids of the largest logits, falling, the first of equals first."""
    count = ids.shape[0]
    size = bits.shape[0]
    for j in range(count):
        keys[j] = np.int64(-0x80000000) - 1
    for block in range(peaks.shape[0]):
        if peaks[block] <= keys[count - 1]:
            continue
        for place in range(block * BLOCK, min(size, (block + 1) * BLOCK)):
            word = bits[place]
            key = np.int64(word ^ ((word >> np.int32(31)) & _MAGNITUDE))
            if key <= keys[count - 1]:
                continue
            at = count - 1
            while at > 0 and keys[at - 1] < key:
                keys[at], ids[at] = keys[at - 1], ids[at - 1]
                at -= 1
            keys[at], ids[at] = key, place


@_summing
def _count_above(row: Any, value: Any) -> Any:
    above = np.int32(0)
    for j in range(row.shape[0]):
        above += np.int32(row[j] > value)
    return above


@_summing
def _sum_kl(first: Any, second: Any, first_peak: float, second_peak: float) -> Any:
    """Both normalisers, and the first side's weighted sum of logit differences."""
    first_total, second_total, forward = 0.0, 0.0, 0.0
    for j in range(first.shape[0]):
        a, b = np.float64(first[j]), np.float64(second[j])
        p, q = _exp(a - first_peak), _exp(b - second_peak)
        first_total += p
        second_total += q
        forward += p * (a - b) if p > 0.0 else 0.0
    return first_total, second_total, forward


@_summing
def _sum_all(first: Any, second: Any, first_peak: float, second_peak: float, p_row: Any, q_row: Any) -> Any:
    """The same, the second side's sum, and both sides' weighted sums of their own logits below the peak."""
    first_total, second_total, forward, backward, first_own, second_own = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(first.shape[0]):
        a, b = np.float64(first[j]), np.float64(second[j])
        p, q = _exp(a - first_peak), _exp(b - second_peak)
        p_row[j], q_row[j] = p, q
        first_total += p
        second_total += q
        forward += p * (a - b) if p > 0.0 else 0.0
        backward += q * (b - a) if q > 0.0 else 0.0
        first_own += p * (a - first_peak) if p > 0.0 else 0.0
        second_own += q * (b - second_peak) if q > 0.0 else 0.0
    return first_total, second_total, forward, backward, first_own, second_own


@_summing
def _sum_js(first: Any, second: Any, p_row: Any, q_row: Any, p_scale: float, q_scale: float, shift: float) -> float:
    """Twice the Jensen-Shannon divergence; with high and low the larger and smaller probability of a token, its part is
    high log(high / mean) + low log(low / mean), and log(low / mean) = log(high / mean) - |log(p / q)|."""
    total = 0.0
    for j in range(first.shape[0]):
        p, q = p_row[j] * p_scale, q_row[j] * q_scale
        high, low = max(p, q), min(p, q)
        distance = abs(np.float64(first[j]) - np.float64(second[j]) - shift)
        upper = _log_ratio(high, low)
        total += high * upper + (low * (upper - distance) if low > 0.0 else 0.0)
    return total


@_compiled
def _top_kl(first: Any, second: Any, ids: Any) -> Any:
    """KL of the first side against the second over these tokens alone, each side renormalised over them."""
    first_peak, second_peak = -np.inf, -np.inf
    for token in ids:
        first_peak, second_peak = max(first_peak, first[token]), max(second_peak, second[token])
    if second_peak == -np.inf:
        return np.inf
    first_total, second_total, forward = 0.0, 0.0, 0.0
    for token in ids:
        a, b = np.float64(first[token]), np.float64(second[token])
        p = _exp(a - first_peak)
        first_total += p
        second_total += _exp(b - second_peak)
        forward += p * (a - b) if p > 0.0 else 0.0
    shift = first_peak - second_peak + (np.log(first_total) - np.log(second_total))
    return max(0.0, forward / first_total - shift)


@_compiled
def _find_first(row_bits: Any, peaks: Any, keys: Any, ids: Any) -> bool:
    """Fills in the ids of the largest logits; False where a logit is no number, or nothing is possible at all."""
    if _block_peaks(row_bits, peaks):
        return False
    _rank_first(row_bits, peaks, keys, ids)
    return bool(keys[0] > _NOTHING)


@_compiled
def _describe(own: Any, other: Any, ids: Any, own_log_total: float, other_log_total: float, out: Any) -> None:
    """For a side's likeliest tokens: probability, the other side's, and the rank the other side gives it."""
    for j in range(ids.shape[0]):
        token = ids[j]
        out[0, j] = np.exp(own[token] - own_log_total)
        out[1, j] = np.exp(other[token] - other_log_total)
        out[2, j] = 1 + _count_above(other, other[token])


@_compiled
def compare_kl(first: Any, second: Any, first_bits: Any, second_bits: Any, actual: Any, top: int, numbers: Any) -> None:
    """KL, KL_TOP and the actual tokens' log-probabilities of rows of logits; NaN where a row holds no numbers."""
    size = first.shape[1]
    peaks = np.empty((size + BLOCK - 1) // BLOCK, np.int32)
    keys = np.empty(top, np.int64)
    ids = np.empty(top, np.int64)
    for i in range(first.shape[0]):
        a, b = first[i], second[i]
        if not _find_first(second_bits[i], peaks, keys[:1], ids[:1]):
            numbers[i, :] = np.nan
            continue
        second_peak = np.float64(b[ids[0]])
        if not _find_first(first_bits[i], peaks, keys, ids):
            numbers[i, :] = np.nan
            continue
        first_peak = np.float64(a[ids[0]])
        first_total, second_total, forward = _sum_kl(a, b, first_peak, second_peak)
        first_log, second_log = np.log(first_total), np.log(second_total)
        shift = first_peak - second_peak + (first_log - second_log)
        numbers[i, KL] = max(0.0, forward / first_total - shift)
        numbers[i, KL_TOP] = _top_kl(a, b, ids)
        numbers[i, FIRST_LOGPROB] = a[actual[i]] - first_peak - first_log
        numbers[i, SECOND_LOGPROB] = b[actual[i]] - second_peak - second_log


@_compiled
def compare_all(
    first: Any,
    second: Any,
    first_bits: Any,
    second_bits: Any,
    actual: Any,
    top: int,
    numbers: Any,
    ranks: Any,
    alternatives: Any,
    described: Any,
) -> None:
    """Every number of rows of logits; NaN where a row holds no numbers.

    `ranks` (rows, 2) are the actual tokens', `alternatives` (rows, 2, shown) the ids of each side's likeliest,
    `described` (rows, 2, 3, shown) what `_describe` says of them; first side first.
    """
    size, shown = first.shape[1], alternatives.shape[2]
    peaks = np.empty((size + BLOCK - 1) // BLOCK, np.int32)
    keys = np.empty(max(top, shown), np.int64)
    ids = np.empty(max(top, shown), np.int64)
    p_row, q_row = np.empty(size), np.empty(size)
    for i in range(first.shape[0]):
        a, b = first[i], second[i]
        good = _find_first(second_bits[i], peaks, keys[:shown], alternatives[i, 1])
        if not good or not _find_first(first_bits[i], peaks, keys, ids):
            numbers[i, :] = np.nan
            continue
        alternatives[i, 0, :] = ids[:shown]
        first_peak, second_peak = np.float64(a[ids[0]]), np.float64(b[alternatives[i, 1, 0]])
        sums = _sum_all(a, b, first_peak, second_peak, p_row, q_row)
        first_log, second_log = np.log(sums[0]), np.log(sums[1])
        shift = first_peak - second_peak + (first_log - second_log)
        numbers[i, KL] = max(0.0, sums[2] / sums[0] - shift)
        numbers[i, REVERSE] = max(0.0, sums[3] / sums[1] + shift)
        js = 0.5 * _sum_js(a, b, p_row, q_row, 1.0 / sums[0], 1.0 / sums[1], shift)
        numbers[i, JS] = min(max(0.0, js), np.log(2.0))
        numbers[i, KL_TOP] = _top_kl(a, b, ids[:top])
        numbers[i, FIRST_ENTROPY] = max(0.0, first_log - sums[4] / sums[0])
        numbers[i, SECOND_ENTROPY] = max(0.0, second_log - sums[5] / sums[1])
        numbers[i, FIRST_LOGPROB] = a[actual[i]] - first_peak - first_log
        numbers[i, SECOND_LOGPROB] = b[actual[i]] - second_peak - second_log
        ranks[i, 0] = 1 + _count_above(a, a[actual[i]])
        ranks[i, 1] = 1 + _count_above(b, b[actual[i]])
        first_whole, second_whole = first_peak + first_log, second_peak + second_log
        _describe(a, b, alternatives[i, 0], first_whole, second_whole, described[i, 0])
        _describe(b, a, alternatives[i, 1], second_whole, first_whole, described[i, 1])
