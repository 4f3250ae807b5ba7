"""The compiled inner loops: decode, rank key, histogram, tie hash, select. One block of values at a time, in cache.

The rank key of a weight is a non-negative float64.
- `exact`: |s - p| / |p| in float64 from the stored values, both rounded once; 0 where s = p; +inf where p = 0 != s.
  Float64 and not float32, because then a plain float64 sort of whole tensors gives the same sets: with float32 weights
  two ratios that differ in float64 often share a float32, and the order between them would be ours alone.
- `paper`: |s - p| / (|p| + 1e-8), each step rounded to the stored dtype as torch does it on the CPU: in bfloat16 the
  epsilon itself is rounded to bfloat16 first.

A key's bin is the top 16 bits of its float32 rounding (sign dropped): rounding is monotone, so bins are ordered as
keys are, each 2^-8 wide in relative terms; bin 0 is r = 0, the unchanged. Ties are broken by a hash of (seed, tensor
name, index), smallest first, then by index: independent of files, chunks and threads.

All kernels release the GIL and are cached on disk beside this file after the first call.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

BLOCK = 4096
BINS = 65536
INFINITE_BIN = 0x7F800000 >> 15
COLUMNS = 4  # of a histogram table: count, sum r, sum |d|, sum d^2
BF16, F16, F32 = 0, 1, 2

_LARGEST = np.float32(np.finfo(np.float32).max)
_F16_SCALE = np.float32(2.0**112)  # shifts a half's exponent bias (15) to a single's (127)
_EPSILON = np.float32(1e-8)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

_compiled: Callable[..., Callable[..., Any]] = njit(nogil=True, cache=True, error_model="numpy")


@_compiled
def tie_hash(tensor_key: Any, index: Any) -> Any:
    """64-bit hash of an element: splitmix64 of the tensor's key and the index in it (one to one within a tensor)."""
    x = np.uint64(tensor_key) + np.uint64(index) * _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@_compiled
def _decode(raw: Any, code: int, start: int, count: int, out: Any) -> None:
    """float32 values of `count` stored ones, exact for all dtypes. Sliced first: only then do the loops vectorise."""
    bits = out.view(np.uint32)
    if code == 2:
        words = raw.view(np.uint32)[start : start + count]
        for j in range(count):
            bits[j] = words[j]
    elif code == 0:
        halves = raw.view(np.uint16)[start : start + count]
        for j in range(count):
            bits[j] = np.uint32(halves[j]) << np.uint32(16)
    else:
        _decode_halves(raw.view(np.uint16)[start : start + count], count, out, bits)


@_compiled
def _decode_halves(halves: Any, count: int, out: Any, bits: Any) -> None:
    for j in range(count):
        bits[j] = np.uint32(halves[j] & np.uint16(0x7FFF)) << np.uint32(13)
    for j in range(count):
        out[j] = np.float32(out[j] * _F16_SCALE)  # exact, subnormal halves included
    for j in range(count):
        infinite = np.uint32(0x7F800000) if (halves[j] & np.uint16(0x7C00)) == np.uint16(0x7C00) else np.uint32(0)
        bits[j] = bits[j] | infinite | (np.uint32(halves[j] & np.uint16(0x8000)) << np.uint32(16))


@_compiled
def _round_bf16(values: Any, count: int) -> None:
    """Round float32 to bfloat16 in place, to nearest even (finite values)."""
    bits = values.view(np.uint32)
    for j in range(count):
        odd = (bits[j] >> np.uint32(16)) & np.uint32(1)
        bits[j] = (bits[j] + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)


@_compiled
def _keys_exact(p: Any, s: Any, count: int, change: Any, key: Any) -> None:
    for j in range(count):
        base = np.float64(p[j])
        delta = abs(np.float64(s[j]) - base)
        ratio = delta / abs(base)
        change[j] = delta
        key[j] = ratio if delta != 0.0 else 0.0


@_compiled
def _paper_ratios(p: Any, s: Any, count: int, half: bool, scratch: Any) -> None:
    """The authors' abs(d) in scratch[0] and r in scratch[1], float32, each step rounded to bfloat16 where `half`."""
    delta, size, epsilon = scratch[0], scratch[1], scratch[2]
    epsilon[0] = _EPSILON
    for j in range(count):
        delta[j] = abs(np.float32(s[j] - p[j]))
    if half:
        _round_bf16(epsilon, 1)
        _round_bf16(delta, count)
    for j in range(count):
        size[j] = np.float32(abs(p[j]) + epsilon[0])
    if half:
        _round_bf16(size, count)
    for j in range(count):
        size[j] = np.float32(delta[j] / size[j])
    if half:
        _round_bf16(size, count)


@_compiled
def _keys_paper(p: Any, s: Any, count: int, half: bool, change: Any, key: Any, scratch: Any) -> None:
    _paper_ratios(p, s, count, half, scratch)
    delta, size = scratch[0], scratch[1]
    for j in range(count):
        change[j] = np.float64(delta[j])
    for j in range(count):
        key[j] = np.float64(size[j])


@_compiled
def _keys(p: Any, s: Any, count: int, arithmetic: int, change: Any, key: Any, scratch: Any) -> None:
    """arithmetic: 0 exact, 1 paper in float32, 2 paper in bfloat16."""
    if arithmetic == 0:
        _keys_exact(p, s, count, change, key)
    else:
        _keys_paper(p, s, count, arithmetic == 2, change, key, scratch)


@_compiled
def _measure(p: Any, change: Any, count: int, measure: int, key: Any) -> None:
    """Replace the relative key: 1 the absolute change; 2 the base's size, infinity where nothing changed."""
    if measure == 1:
        for j in range(count):
            key[j] = change[j]
    elif measure == 2:
        for j in range(count):
            key[j] = abs(np.float64(p[j])) if change[j] != 0.0 else np.inf


@_compiled
def _bins(key: Any, count: int, single: Any, bins: Any) -> None:
    for j in range(count):
        single[j] = np.float32(key[j])
    bits = single.view(np.uint32)
    for j in range(count):
        bins[j] = (bits[j] & np.uint32(0x7FFFFFFF)) >> np.uint32(15)


@_compiled
def _any_infinite(bins: Any, count: int) -> bool:
    largest = np.uint16(0)
    for j in range(count):
        largest = max(largest, bins[j])
    return bool(largest >= 65280)


@_compiled
def _not_finite(values: Any, count: int) -> int:
    bad = 0
    for j in range(count):
        bad += 0 if abs(values[j]) <= _LARGEST else 1
    return bad


@_compiled
def compute_keys(
    base: Any, tuned: Any, base_code: int, tuned_code: int, arithmetic: int, measure: int, count: int, out: Any
) -> None:
    """Rank keys (float64) of `count` pairs of stored values; measure: 0 relative, 1 absolute, 2 size of the base."""
    p, s = np.empty(4096, np.float32), np.empty(4096, np.float32)
    change, scratch = np.empty(4096), np.empty((3, 4096), np.float32)
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        _decode(base, base_code, start, n, p)
        _decode(tuned, tuned_code, start, n, s)
        key = out[start : start + n]
        _keys(p, s, n, arithmetic, change, key, scratch)
        _measure(p, change, n, measure, key)


@_compiled
def _tabulate(key: Any, change: Any, bins: Any, n: int, where: Any, table: Any) -> None:
    """Add the changed values of a block to the table; the unchanged are only counted (they would serialise bin 0)."""
    changed = 0
    for j in range(n):
        where[changed] = j
        changed += 1 if bins[j] != 0 else 0
    table[0, 0] += n - changed
    for i in range(changed):
        j = where[i]
        b = bins[j]
        table[b, 0] += 1.0
        table[b, 1] += key[j]
        table[b, 2] += change[j]
        table[b, 3] += change[j] * change[j]


@_compiled
def _null_ratios(p: Any, change: Any, n: int, epsilon: Any, single: Any) -> None:
    for j in range(n):
        ratio = np.float32(change[j] / np.float32(abs(p[j]) + epsilon))
        single[j] = ratio if change[j] != np.float32(0.0) else np.float32(0.0)


@_compiled
def _add_null(p: Any, change: Any, n: int, offset: int, arithmetic: int, single: Any, table: Any) -> None:
    """The same changes (float32) set against other weights of the block, `offset` further: what r is by chance."""
    epsilon = np.float32(0.0) if arithmetic == 0 else _EPSILON
    _null_ratios(p[: n - offset], change[offset:n], n - offset, epsilon, single[: n - offset])
    _null_ratios(p[n - offset : n], change[:offset], offset, epsilon, single[n - offset : n])
    found = 0
    for j in range(n):  # ratios that are not 0 move to the front: adding to bin 0 again and again would serialise
        single[found] = single[j]
        found += 1 if single[j] != np.float32(0.0) else 0
    table[0, 0] += n - found
    bits = single.view(np.uint32)
    for j in range(found):
        b = (bits[j] & np.uint32(0x7FFFFFFF)) >> np.uint32(15)
        table[b, 0] += 1.0
        table[b, 1] += np.float64(single[j])


@_compiled
def tabulate(
    base: Any,
    tuned: Any,
    base_code: int,
    tuned_code: int,
    arithmetic: int,
    count: int,
    first: int,
    tensor_key: Any,
    null_every: int,
    table: Any,
    null_table: Any,
) -> tuple[int, int]:
    """Histogram `count` pairs, the `first`-th of their tensor onward, into `table` (BINS x 4), `null_table` (BINS x 2).

    One block of 4,096 in `null_every`, drawn by hash, also feeds the null. Returns NaN or Inf seen in base, in tuned.
    """
    p, s, single = np.empty(4096, np.float32), np.empty(4096, np.float32), np.empty(4096, np.float32)
    change, key, scratch = np.empty(4096), np.empty(4096), np.empty((3, 4096), np.float32)
    bins, where = np.empty(4096, np.uint16), np.empty(4096, np.int32)
    bad_base, bad_tuned = 0, 0
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        _decode(base, base_code, start, n, p)
        _decode(tuned, tuned_code, start, n, s)
        _keys(p, s, n, arithmetic, change, key, scratch)
        _bins(key, n, single, bins)
        if _any_infinite(bins, n):  # NaN and Inf weights always give a NaN or infinite key
            bad_base += _not_finite(p, n)
            bad_tuned += _not_finite(s, n)
        _tabulate(key, change, bins, n, where, table)
        draw = tie_hash(tensor_key, first + start) >> np.uint64(11)
        if n > 1 and draw % np.uint64(null_every) == np.uint64(0):
            offset = 1 + np.int64((draw >> np.uint64(8)) % np.uint64(n - 1))
            for j in range(n):
                s[j] = np.float32(change[j])
            _add_null(p, s, n, offset, arithmetic, single, null_table)
    return bad_base, bad_tuned


@_compiled
def take_rows(table: Any, first: int, numbers: Any, rows: Any) -> int:
    """Move the rows with a count (first column), row 0 and from `first` on, to `numbers` and `rows`; how many."""
    found, columns = 0, table.shape[1]
    for number in range(first - 1, len(table)):
        row = number if number >= first else 0
        if table[row, 0] != 0.0:
            numbers[found] = row
            for column in range(columns):
                rows[found, column], table[row, column] = table[row, column], 0.0
            found += 1
    return found


@_compiled
def count_bins(key: Any, count: int, unchanged: float, table: Any) -> None:
    """Add the bins of the changed values' keys (those that are not `unchanged`) to `table` (BINS counts)."""
    single, bins = np.empty(4096, np.float32), np.empty(4096, np.uint16)
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        block = key[start : start + n]
        _bins(block, n, single, bins)
        for j in range(n):
            table[bins[j]] += 1 if block[j] != unchanged else 0


@_compiled
def gather_bins(key: Any, count: int, unchanged: float, wanted: Any, slots: Any, counts: Any, used: Any) -> int:
    """Count the changed values' distinct keys whose bin is wanted (uint8 per bin) in an open hash table.

    Returns how far it came. `unchanged` is the key of values that did not change.

    slots: float64, counts: int64 (0 marks a free slot), both a power of two long; used: int64[1]. Stops before a block
    that could fill more than half of the table: the caller empties it and goes on from there.
    """
    single, bins = np.empty(4096, np.float32), np.empty(4096, np.uint16)
    last = np.uint64(len(slots) - 1)
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        if used[0] + n > len(slots) // 2:
            return start
        block = key[start : start + n]
        words = block.view(np.uint64)
        _bins(block, n, single, bins)
        for j in range(n):
            if wanted[bins[j]] and block[j] != unchanged:
                slot = ((words[j] * _MIX_1) >> np.uint64(40)) & last
                while counts[slot] != 0 and slots[slot] != block[j]:
                    slot = (slot + np.uint64(1)) & last
                used[0] += 1 if counts[slot] == 0 else 0
                slots[slot] = block[j]
                counts[slot] += 1
    return count


@_compiled
def to_single(raw: Any, code: int, count: int, out: Any) -> None:
    """Decode `count` stored values to float32."""
    _decode(raw, code, 0, count, out)


@_compiled
def add_low_rank(values: Any, count: int, a: Any, b: Any, scale: Any, first: int) -> None:
    """values[j] += scale * (b @ a).flat[first + j], summed over the rank in order; float32 throughout."""
    rank, columns = a.shape
    row, column, start = first // columns, first % columns, 0
    sums = np.empty(columns, np.float32)
    while start < count:
        n = min(columns - column, count - start)
        sums[:n] = np.float32(0)
        for k in range(rank):
            factor, line = b[row, k], a[k]
            for j in range(n):
                sums[j] += factor * line[column + j]
        for j in range(n):
            values[start + j] += scale * sums[j]
        start, row, column = start + n, row + 1, 0


@_compiled
def to_bf16(values: Any, count: int, out: Any) -> None:
    """Round float32 values (which are overwritten) to bfloat16 words."""
    _round_bf16(values, count)
    bits = values.view(np.uint32)
    for j in range(count):
        out[j] = np.uint16(bits[j] >> np.uint32(16))
