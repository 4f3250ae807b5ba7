"""How two quantities of several models go together: KL with training size, KL with accuracy.

Pearson's r (Fisher's z for its interval) and Spearman's rank correlation (Fisher's z with the standard error of Bonett
and Wright 2000). Models are few, so an exact permutation p stands beside the intervals: the share of all orders of one
side that give at least as strong a correlation. Does not know models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from analysis.errors import SpecError

FEWEST = 4  # pairs an interval can be given for: Fisher's z divides by n - 3
EXACT = 8  # pairs up to which every order is tried (40,320); above, RESAMPLES of them
RESAMPLES = 20_000
NORMAL_95 = 1.959963984540054
Values = NDArray[np.float64]
Interval = Callable[[float, int], tuple[float, float]]


@dataclass(frozen=True)
class Estimate:
    """A correlation (-1 to 1), its 95% interval, and the two-sided permutation p; None where n is too small for it."""

    estimate: float | None
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True)
class Correlation:
    """Both correlations of n pairs. `note` says in words what n allows to conclude; "" where nothing stands against it.

    Pairs that share a model, a base or questions are not independent: the interval then is narrower than it should be.
    """

    n: int
    pearson: Estimate
    spearman: Estimate
    log_x: bool
    note: str


def correlate(x: Sequence[float], y: Sequence[float], *, log_x: bool = False, seed: int = 0) -> Correlation:
    """How y goes with x (with log x where `log_x`: training sizes); `seed` of the permutations where n > 8.

    Raises SpecError for sides of different length, for values that are no finite numbers, and for log x of x <= 0.
    """
    first, second = _sides(x, y, log_x)
    pearson = _estimate(first, second, _fisher, seed)
    spearman = _estimate(_ranks(first), _ranks(second), _bonett_wright, seed)
    return Correlation(len(first), pearson, spearman, log_x, _note(first, second))


def _sides(x: Sequence[float], y: Sequence[float], log_x: bool) -> tuple[Values, Values]:
    if len(x) != len(y):
        raise SpecError(f"A correlation needs pairs: {len(x)} values on one side, {len(y)} on the other.")
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    wrong = [n for n, pair in enumerate(zip(first, second, strict=True)) if not np.isfinite(pair).all()]
    if wrong or (log_x and (first <= 0).any()):
        raise SpecError(
            "A correlation needs finite numbers, and positive ones where the logarithm is taken.",
            items=[f"pair {n}: {x[n]!r}, {y[n]!r}" for n in wrong or np.flatnonzero(first <= 0).tolist()],
        )
    return (np.log(first) if log_x else first), second


def _ranks(values: Values) -> Values:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=np.float64)


def _estimate(x: Values, y: Values, interval: Interval, seed: int) -> Estimate:
    if len(x) < 2 or not x.std() or not y.std():
        return Estimate(None, None, None, None)
    r = _pearson(x, y)
    low, high = interval(r, len(x)) if len(x) >= FEWEST else (None, None)
    return Estimate(r, low, high, _permuted(x, y, abs(r), seed) if len(x) >= 3 else None)


def _pearson(x: Values, y: Values) -> float:
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1.0, 1.0))


def _fisher(r: float, n: int, variance: float = 1.0) -> tuple[float, float]:
    """atanh(r) is about normal with this variance over n - 3; at -1 and 1 nothing is left to doubt."""
    if abs(r) == 1.0:
        return r, r
    half = NORMAL_95 * math.sqrt(variance / (n - 3))
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def _bonett_wright(r: float, n: int) -> tuple[float, float]:
    """The same for ranks, variance 1 + r^2 / 2. Few models are soon in perfect order, which proves little: the limit is
    then that of the nearest other order, two neighbours exchanged."""
    nearest = 1.0 - 12.0 / (n * (n * n - 1.0))
    held = math.copysign(min(abs(r), nearest), r)
    low, high = _fisher(held, n, 1.0 + held * held / 2.0)
    if abs(r) <= nearest:
        return low, high
    return (low, 1.0) if r > 0 else (-1.0, high)


def _permuted(x: Values, y: Values, strength: float, seed: int) -> float:
    """Share of the orders of y whose correlation with x is at least as strong; the given order counts among them."""
    held, other = (x - x.mean()) / np.linalg.norm(x - x.mean()), (y - y.mean()) / np.linalg.norm(y - y.mean())
    if len(x) <= EXACT:
        orders = np.array(list(permutations(range(len(x)))))
        return float((np.abs(other[orders] @ held) >= strength - 1e-12).mean())
    random = np.random.default_rng(seed)
    orders = random.permuted(np.tile(np.arange(len(x)), (RESAMPLES, 1)), axis=1)
    return float((1 + (np.abs(other[orders] @ held) >= strength - 1e-12).sum()) / (1 + RESAMPLES))


def _note(x: Values, y: Values) -> str:
    n = len(x)
    if n < 2:
        return f"{n} model{'s' * (n != 1)}: a correlation needs at least two."
    if not x.std() or not y.std():
        return "One side is the same for every model: there is nothing to correlate."
    if n < FEWEST:
        return f"Only {n} models: too few for an interval."
    if n < 10:
        return f"Only {n} models: the interval is wide, and rests on normality."
    return ""
