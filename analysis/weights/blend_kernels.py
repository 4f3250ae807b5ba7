"""The compiled inner loops of blends: out = p + g d for a piece of float32 values, and what became of it once stored.

p is the base's value, s the tuned one's, d = s - p. Sums and products are float64, rounded to float32 once. Where g is
exactly 0 the base's value is copied, where it is 1, or d is 0, the tuned one's (signed zeros keep their sign).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from analysis.weights.kernels import tie_hash

TO_BASE, TO_TUNED, BETWEEN, BEYOND, MOVED = 0, 1, 2, 3, 4  # columns of a tally of counts

_compiled: Callable[..., Callable[..., Any]] = njit(nogil=True, cache=True, error_model="numpy")


@_compiled
def scale_change(p: Any, s: Any, count: int, g: float, out: Any) -> None:
    """out = p + g (s - p)."""
    for j in range(count):
        d = np.float64(s[j]) - np.float64(p[j])
        out[j] = np.float32(np.float64(p[j]) + g * d)
        if g == 0.0:
            out[j] = p[j]
        elif g == 1.0 or d == 0.0:
            out[j] = s[j]


@_compiled
def drop_change(p: Any, s: Any, count: int, rescale: float, below: Any, tensor_key: Any, first: int, out: Any) -> None:
    """out = p where the element's hash is smaller than `below`, p + rescale (s - p) elsewhere."""
    for j in range(count):
        d = np.float64(s[j]) - np.float64(p[j])
        kept = np.float32(np.float64(p[j]) + rescale * d) if d != 0.0 else s[j]
        out[j] = p[j] if tie_hash(tensor_key, first + j) < below else kept


@_compiled
def tally(p: Any, s: Any, out: Any, count: int, counts: Any, squares: Any) -> None:
    """Add to `counts` where each changed weight (s != p) came to lie, and to `squares` (out - s)^2 and (s - p)^2.

    `counts` (int64, 5): at the base, at the tuned, between, beyond them; and of ALL weights, those with out != s.
    """
    for j in range(count):
        base, tuned, value = np.float64(p[j]), np.float64(s[j]), np.float64(out[j])
        squares[0] += (value - tuned) * (value - tuned)
        squares[1] += (tuned - base) * (tuned - base)
        counts[4] += 1 if value != tuned else 0
        if base != tuned:
            inside = min(base, tuned) < value and value < max(base, tuned)
            place = 0 if value == base else 1 if value == tuned else 2 if inside else 3
            counts[place] += 1
