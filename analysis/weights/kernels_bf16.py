"""The pass over a bfloat16 pair: pairs of bit patterns are counted, everything else is worked out from the counts.

A weight and its update are 16 bits each, and most updates move a weight by a few units in the last place. So the inner
loop only adds one to a cell (step in units of the last place, magnitude of the base); keys and sums are computed
once a cell when a segment is done (`take_cells`). Pairs that fall outside (steps of 64 units and more, changed signs,
subnormal, infinite) are looked at one by one.

Within the cells r depends on the step and the 7 bits of the base's significand alone, so that the distinct values of r
are few and known beforehand (`cells_of`): they are counted exactly, and no later question about r reads a weight again.
Arithmetic and bins as in kernels.py.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.weights.kernels import _EPSILON, _add_null, _compiled, _decode, _round_bf16, tie_hash

STEPS = 128  # -64 to 63 units in the last place
MAGNITUDES = 1 << 15
CELLS = STEPS * MAGNITUDES
KEPT = 1 << 16  # exact keys outside the cells that are written down before equal ones are joined
KNOWN_BELOW = 0.25  # cells have every r below it, but for subnormal weights
_PAPER_EXPONENT = 127 - 17  # from 2^-17 on, 1e-8 is less than half a unit in the last place

assert KEPT >= 2 * 8192  # after joining a block finds room

_Array = np.ndarray[Any, np.dtype[Any]]


def _values() -> _Array:
    """float64 value of every bfloat16 magnitude (the last ones infinite and NaN)."""
    words = np.arange(MAGNITUDES, dtype=np.uint32) << np.uint32(16)
    with np.errstate(invalid="ignore"):
        return words.view(np.float32).astype(np.float64)


def _rounded(values: _Array) -> _Array:
    """float64 values rounded to bfloat16 by way of float32, as torch does it."""
    bits = values.astype(np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float64)


@dataclass(frozen=True)
class Cells:
    """What all cells of a (step, significand) share, (128, 128) each, in one arithmetic.

    keys: the distinct r, ascending; rank: which of them; bin: r's bin; size: abs(d) in units of 2^exponent of the base.
    From `first_exponent` on; below, the 1e-8 of the paper's formula makes r depend on the exponent too.
    """

    keys: _Array
    rank: _Array
    bin: _Array
    size: _Array
    first_exponent: int


def cells_of(arithmetic: int) -> Cells:
    """Worked out at one exponent: scaling both by a power of two changes no quotient. 0 exact, else paper."""
    base = (127 << 7) + np.arange(128)
    change = np.abs(VALUES[base[None, :] + np.arange(-64, 64)[:, None]] - VALUES[base])
    size = change if arithmetic == 0 else _rounded(change)
    ratio = size / VALUES[base] if arithmetic == 0 else _rounded(size / VALUES[base])
    keys, rank = np.unique(ratio, return_inverse=True)
    bins = (keys.astype(np.float32).view(np.uint32) >> np.uint32(15)).astype(np.int64)
    rank = rank.reshape(STEPS, 128).astype(np.int64)
    return Cells(keys, rank, bins[rank], size, 1 if arithmetic == 0 else _PAPER_EXPONENT)


VALUES = _values()


def working_room() -> tuple[_Array, ...]:
    """What `count_pairs` works in: made once a thread, since to make it anew costs as much as the counting."""
    words = np.zeros(4096, np.uint32), np.zeros(4096, np.uint16), np.zeros(4096, np.int32), np.zeros(4096, np.uint16)
    return *words, np.zeros((2, 8192), np.uint16), np.zeros((3, 8193), np.float32), np.zeros((5, 8192))


@_compiled
def _cell_numbers(p: Any, s: Any, n: int, magnitude: Any, cell: Any, outside: Any) -> Any:
    """The cell of each pair; 0 and a mark where it has none. Returns the range of magnitudes that may have a cell."""
    for j in range(n):
        magnitude[j] = p[j] & np.uint16(0x7FFF)
    smallest, largest = np.uint16(0xFFFF), np.uint16(0)
    for j in range(n):
        largest = max(largest, magnitude[j])
    for j in range(n):
        smallest = min(smallest, np.uint16(magnitude[j] - np.uint16(192)))  # zero and subnormal wrap around
    for j in range(n):
        x = p[j] ^ s[j]
        step = np.uint16(s[j] - p[j] + np.uint16(64))
        huge = np.uint16(magnitude[j] + np.uint16(192)) & np.uint16(0x8000)
        tiny = np.uint16(magnitude[j] - np.uint16(192)) & np.uint16(0x8000)
        far = (x & np.uint16(0x8000)) | (step & np.uint16(0xFF80)) | tiny
        mark = huge | (far if x != np.uint16(0) else np.uint16(0))
        outside[j] = mark
        number = (np.uint32(step) << np.uint32(15)) | np.uint32(magnitude[j])
        cell[j] = number if mark == np.uint16(0) else np.uint32(0)
    return np.int64(smallest) + 192, np.int64(largest)


@_compiled
def _find_marked(outside: Any, where: Any) -> int:
    """Write the places of the marks (uint16, a multiple of four of them); four are looked at at once."""
    words = outside.view(np.uint64)
    found = 0
    for w in range(len(words)):
        if words[w] != np.uint64(0):
            for j in range(4 * w, 4 * w + 4):
                where[found] = j
                found += 1 if outside[j] != np.uint16(0) else 0
    return found


@_compiled
def _paper_keys(p: Any, s: Any, n: int, key: Any, change: Any, scratch: Any) -> None:
    """The authors' r of float64 values, each step rounded to bfloat16, and the change as they round it."""
    delta, size = scratch[0, : n + 1], scratch[1, : n + 1]
    for j in range(n):
        delta[j] = np.float32(abs(np.float32(s[j]) - np.float32(p[j])))
    delta[n] = _EPSILON
    _round_bf16(delta, n + 1)
    for j in range(n):
        size[j] = np.float32(np.float32(abs(p[j])) + delta[n])
    _round_bf16(size, n)
    for j in range(n):
        change[j] = np.float64(delta[j])
        size[j] = np.float32(delta[j] / size[j])
    _round_bf16(size, n)
    for j in range(n):
        key[j] = np.float64(size[j])


@_compiled
def _add_pairs(p: Any, s: Any, times: Any, n: int, arithmetic: int, table: Any, scratch: Any, wide: Any) -> Any:
    """Add `times` of each pair of float64 values to the table. Returns their keys (0 where nothing changed)."""
    key, change, single = wide[0], wide[1], scratch[2]
    for j in range(n):
        change[j] = abs(s[j] - p[j])
        key[j] = change[j] / abs(p[j]) if change[j] != 0.0 else 0.0
    if arithmetic != 0:
        _paper_keys(p, s, n, key, change, scratch)
    for j in range(n):
        single[j] = np.float32(key[j])
    bits = single.view(np.uint32)
    for j in range(n):
        b = (bits[j] & np.uint32(0x7FFFFFFF)) >> np.uint32(15)
        table[b, 0] += times[j]
        table[b, 1] += times[j] * key[j]
        table[b, 2] += times[j] * change[j]
        table[b, 3] += times[j] * change[j] * change[j]
    return key


@_compiled
def _join_equal(kept: Any, counts: Any, used: Any) -> None:
    """Sort the full list of keys and join equal ones.

    Where that leaves it more than half full, keys from KNOWN_BELOW on are given up (used[1] is then 1): below it lie
    only few. Should even those be too many, used[0] is -1, and no key is kept.
    """
    order = np.argsort(kept[: used[0]])
    sorted_keys, sorted_counts = kept[order], counts[order]
    last = 0
    kept[0], counts[0] = sorted_keys[0], 0
    for i in range(len(order)):
        if sorted_keys[i] != kept[last]:
            last += 1
            kept[last], counts[last] = sorted_keys[i], 0
        counts[last] += sorted_counts[i]
    used[0] = last + 1
    if 2 * used[0] > len(kept):
        used[1] = 1
        while used[0] > 0 and kept[used[0] - 1] >= KNOWN_BELOW:
            used[0] -= 1
        if 2 * used[0] > len(kept):
            used[0] = -1


@_compiled
def _widen(words: Any, n: int, single: Any, out: Any) -> int:
    """float64 values of bfloat16 words; returns how many are NaN or infinite."""
    bits, bad = single.view(np.uint32), 0
    for j in range(n):
        bits[j] = np.uint32(words[j]) << np.uint32(16)
    for j in range(n):
        out[j] = np.float64(single[j])
    for j in range(n):
        bad += 1 if (words[j] & np.uint16(0x7FFF)) >= np.uint16(0x7F80) else 0
    return bad


@_compiled
def add_outside(pending: Any, n: int, arithmetic: int, table: Any, keys: Any, scratch: Any, wide: Any) -> Any:
    """Tabulate `n` pairs without a cell, (2, n) words; returns NaN or Inf seen in base, in tuned."""
    kept, counts, used = keys
    bad_base = _widen(pending[0], n, scratch[2], wide[2])
    bad_tuned = _widen(pending[1], n, scratch[2], wide[3])
    wide[4, :n] = 1.0
    key = _add_pairs(wide[2], wide[3], wide[4], n, arithmetic, table, scratch, wide)
    if arithmetic != 0 or used[0] < 0:
        return bad_base, bad_tuned
    if used[0] + n > len(kept):
        _join_equal(kept, counts, used)
    last = used[0]
    for i in range(n if last >= 0 else 0):
        kept[last], counts[last] = key[i], 1
        last += 1 if key[i] != 0.0 and (used[1] == 0 or key[i] < KNOWN_BELOW) else 0
    used[0] = last
    return bad_base, bad_tuned


@_compiled
def add_null(
    base: Any,
    tuned: Any,
    arithmetic: int,
    count: int,
    first: int,
    tensor_key: Any,
    null_every: int,
    scratch: Any,
    null_table: Any,
) -> None:
    """Feed the null from one block of 4,096 in `null_every`, drawn by the hash of its place."""
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        draw = tie_hash(tensor_key, first + start) >> np.uint64(11)
        if n > 1 and draw % np.uint64(null_every) == np.uint64(0):
            offset = 1 + np.int64((draw >> np.uint64(8)) % np.uint64(n - 1))
            p_single, change = scratch[0, :4096], scratch[1, :4096]
            _decode(base.view(np.uint8), 0, start, n, p_single)
            _decode(tuned.view(np.uint8), 0, start, n, change)
            for j in range(n):
                change[j] = abs(change[j] - p_single[j])
            _add_null(p_single, change, n, offset, arithmetic, scratch[2, :4096], null_table)


@_compiled
def count_pairs(
    base: Any,
    tuned: Any,
    arithmetic: int,
    count: int,
    first: int,
    tensor_key: Any,
    null_every: int,
    room: Any,
    cells: Any,
    span: Any,
    table: Any,
    keys: Any,
    null_table: Any,
) -> tuple[int, int]:
    """Count `count` pairs of bfloat16 words, the `first`-th of their tensor onward, into `cells` (uint32) and `table`.

    keys: (float64, counts int64, used int64[2]), exact keys outside the cells. span: int64[2], the range of magnitudes
    with a cell so far. room: of `working_room`. One block of 4,096 in `null_every` also feeds the null. Returns NaN or
    Inf seen in base, in tuned.
    """
    cell, outside, where, magnitude, pending, scratch, wide = room
    waiting = 0  # pairs without a cell are few: looked at many at a time
    bad_base, bad_tuned = 0, 0
    for start in range(0, count, 4096):
        n = min(4096, count - start)
        p, s = base[start : start + n], tuned[start : start + n]
        outside[n:] = np.uint16(0)
        smallest, largest = _cell_numbers(p, s, n, magnitude, cell, outside)
        span[0], span[1] = min(span[0], smallest), max(span[1], largest)
        for j in range(n):
            cells[cell[j]] += np.uint32(1)
        found = _find_marked(outside, where)
        cells[0] -= np.uint32(found)
        for i in range(found):
            pending[0, waiting + i], pending[1, waiting + i] = p[where[i]], s[where[i]]
        waiting += found
        if waiting > 4096 or start + n == count:
            bad = add_outside(pending, waiting, arithmetic, table, keys, scratch, wide)
            bad_base, bad_tuned, waiting = bad_base + bad[0], bad_tuned + bad[1], 0
    add_null(base, tuned, arithmetic, count, first, tensor_key, null_every, scratch, null_table)
    return bad_base, bad_tuned


@_compiled
def _take_one_by_one(cells: Any, first: int, last: int, arithmetic: int, values: Any, table: Any) -> None:
    """Add the cells of the magnitudes [first, last) to `table`, each with a key of its own, and empty them."""
    scratch, wide, times = np.empty((3, 4097), np.float32), np.empty((4, 4096)), np.empty(4096)
    for step in range(128):
        row = cells[step * 32768 : (step + 1) * 32768]
        for start in range(first, last, 4096):
            n = 0
            for a in range(start, min(start + 4096, last)):
                if row[a] != np.uint32(0):
                    wide[2, n], wide[3, n], times[n] = values[a], values[a + step - 64], np.float64(row[a])
                    row[a], n = np.uint32(0), n + 1
            _add_pairs(wide[2], wide[3], times, n, arithmetic, table, scratch, wide)


@_compiled
def _add_up(row: Any, first: int, last: int, values: Any, number: Any, counts: Any, sums: Any, squares: Any) -> None:
    """Over the exponents [first, last) of a step: counts, and counts times 2^e and 4^e, by significand."""
    counts[:], sums[:], squares[:] = 0.0, 0.0, 0.0
    for e in range(first, last):
        part = row[e * 128 : (e + 1) * 128]
        largest = np.uint32(0)
        for m in range(128):
            largest = max(largest, part[m])
        if largest == np.uint32(0):
            continue
        scale = values[e * 128]  # 2^e
        for m in range(128):
            number[m] = np.float64(part[m])
        part[:] = np.uint32(0)
        for m in range(128):
            counts[m] += number[m]
        for m in range(128):
            sums[m] += number[m] * scale
        for m in range(128):
            squares[m] += number[m] * (scale * scale)


@_compiled
def take_cells(
    cells: Any,
    span: Any,
    arithmetic: int,
    values: Any,
    keys: Any,
    rank: Any,
    bins: Any,
    size: Any,
    first_exponent: int,
    table: Any,
    core: Any,
) -> None:
    """Add the counted cells to `table` (BINS x 4) and to `core` (counts by rank of r), and empty cells and span."""
    unchanged = cells[64 * 32768 : 65 * 32768]
    for a in range(span[1] + 1):
        table[0, 0] += unchanged[a]
        unchanged[a] = np.uint32(0)
    first, last = max(first_exponent, span[0] >> 7), (span[1] >> 7) + 1
    _take_one_by_one(cells, span[0], min(span[1] + 1, first_exponent * 128), arithmetic, values, table)
    lines = np.empty((4, 128))  # taken by number: unpacked, a row would not be known to be contiguous
    number, counts, sums, squares = lines[0], lines[1], lines[2], lines[3]
    for step in range(128):
        _add_up(cells[step * 32768 : (step + 1) * 32768], first, last, values, number, counts, sums, squares)
        for m in range(128):
            if counts[m] != 0.0:
                key, change = keys[rank[step, m]], size[step, m]
                core[rank[step, m]] += np.int64(counts[m])
                here = table[bins[step, m]]
                here[0] += counts[m]
                here[1] += counts[m] * key
                here[2] += sums[m] * change
                here[3] += squares[m] * change * change
    span[0], span[1] = 0x7FFF, 0


@_compiled
def take_keys(core: Any, keys: Any, escaped: Any, out_keys: Any, out_counts: Any) -> Any:
    """Write the counted keys but r = 0 (rank 0), and their counts; how many. Empties both tables."""
    kept, counts, used = escaped
    found = 0
    for rank in range(1, len(core)):
        if core[rank] != 0:
            out_keys[found], out_counts[found] = keys[rank], core[rank]
            core[rank], found = 0, found + 1
    core[0] = 0
    out_keys[found : found + used[0]] = kept[: used[0]]
    out_counts[found : found + used[0]] = counts[: used[0]]
    found += used[0]
    used[0] = 0
    return found
