"""How sure one can be: intervals and tests for accuracies, their five-level mean, and pairs of models.

Does not know models or prompts. Sources: Wilson 1927 through scipy; McNemar 1947, exact; Fay, Proschan and Brittain
2015 (melded confidence intervals) for the mean of levels; Efron's percentile bootstrap within strata, smoothed, for
differences; Waudby-Smith and Ramdas 2020 (arXiv 2006.04347, the prior-posterior-ratio martingale) for the interval that
holds while an evaluation is still running. benchmarks/intervals.py measures how often each holds the truth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import QuestionError
from analysis.records import Evaluation, Flips, Tally, ThreeWay

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 10_000
# Both were chosen by simulation over levels of 20 to 400 questions and rates from 0 to 1 (benchmarks/intervals.py).
OUTWARD = 0.75  # of a count, towards the limit: 0.5 is Jeffreys' prior (dips to 80%), 1 Clopper-Pearson (99%, wide)
FLIP = 0.25  # of a flip either way: with none, a level in which nothing changed would have no uncertainty


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, all in one unit; `low` and `high` are NaN where nothing is known."""

    estimate: float
    low: float
    high: float


@lru_cache(maxsize=1 << 14)  # scipy takes a millisecond, and a page asks the same counts each time it is drawn
def wilson(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share, 0-1; (NaN, NaN) where n is 0.

    Its coverage is nominal on average, and at single rates near 0 or 1 as low as 84% (n = 20, rate 0.9%).
    """
    from scipy.stats import binomtest

    if n == 0:
        return (math.nan, math.nan)
    interval = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    return (float(interval.low), float(interval.high))


@lru_cache(maxsize=1 << 14)
def mcnemar(fixed: int, broken: int) -> float:
    """Exact two-sided p of McNemar's test: were `fixed` and `broken` equally likely? 1 where nothing changed."""
    from scipy.stats import binomtest

    return float(binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0


def stratified_mean(
    levels: Mapping[int, Tally], *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """The plain mean of the levels' accuracies (0-1) with its interval, drawn within levels.

    A plain bootstrap knows no doubt where all of a level's answers are alike (0 of 20), and covers as little as 40%
    then. So each limit is a quantile of the mean of levels drawn from Beta distributions that lean its way, as melded
    intervals do: Beta(x + 1/4, n - x + 3/4) for the lower, Beta(x + 3/4, n - x + 1/4) for the upper one. Measured
    coverage 94-99% at nominal 95%. Levels without answers are left out; NaN where none is left.
    """
    tallies = [levels[level] for level in sorted(levels) if levels[level].n]
    if not tallies:
        return Interval(math.nan, math.nan, math.nan)
    right = np.array([tally.correct for tally in tallies])
    wrong = np.array([tally.n - tally.correct for tally in tallies])
    rng = np.random.default_rng(seed)
    shape = (resamples, len(tallies))
    low = np.where(right == 0, 0, rng.beta(right + 1 - OUTWARD, wrong + OUTWARD, shape)).mean(axis=1)
    high = np.where(wrong == 0, 1, rng.beta(right + OUTWARD, wrong + 1 - OUTWARD, shape)).mean(axis=1)
    tail = (1 - confidence) / 2
    mean = float(np.mean([tally.accuracy for tally in tallies]))
    return Interval(mean, float(np.quantile(low, tail)), float(np.quantile(high, 1 - tail)))


def stratified_difference(
    levels: Mapping[int, Flips], *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """The change of the five-level mean, after minus before (-1 to 1), by a paired bootstrap within levels.

    Resampling a level's pairs is drawing (fixed, broken, unchanged) from a multinomial with their shares, here with a
    quarter of a flip added either way. Measured coverage 94-100% at nominal 95%, high where hardly anything flips.
    """
    flips = [levels[level] for level in sorted(levels) if _pairs(levels[level])]
    if not flips:
        return Interval(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    total = np.zeros(resamples)
    for flip in flips:
        n = _pairs(flip)
        counts = np.array([flip.fixed + FLIP, flip.broken + FLIP, n - flip.fixed - flip.broken])
        drawn = rng.multinomial(n, counts / counts.sum(), resamples)
        total += (drawn[:, 0] - drawn[:, 1]) / n
    estimate = sum((flip.fixed - flip.broken) / _pairs(flip) for flip in flips) / len(flips)
    return Interval(estimate, *_percentiles(total / len(flips), confidence))


def anytime_interval(correct: int, done: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """An interval (0-1) for the accuracy over all `total` questions after `done` of them, drawn without replacement.

    Holds at every moment at once, so it may be watched and stopped at will; a single point once all are done. With a
    uniform prior over the number K of right answers, K stays in the set while posterior(K) > (1 - confidence) *
    prior(K): prior over posterior is a martingale of mean 1 at the true K, so Ville's inequality bounds its ever
    passing 1 / (1 - confidence). Needs the questions asked in an order drawn at random.
    """
    from scipy.special import betaln, gammaln

    if not 0 <= correct <= done <= total:
        raise ValueError(f"{correct} right of {done} done of {total}")
    if total == 0:
        return (math.nan, math.nan)
    left = total - done
    more = np.arange(left + 1)  # right answers among those still to come: beta-binomial(left, correct + 1, wrong + 1)
    a, b = correct + 1, done - correct + 1
    ways = gammaln(left + 1) - gammaln(more + 1) - gammaln(left - more + 1)
    posterior = ways + betaln(more + a, left - more + b) - betaln(a, b)
    kept = more[posterior > math.log(1 - confidence) - math.log(total + 1)]
    return ((correct + int(kept[0])) / total, (correct + int(kept[-1])) / total)


def compare(before: Evaluation, after: Evaluation) -> Flips:
    """Which answers changed side (contains) between two evaluations of the same questions; QuestionError otherwise."""
    first, second = right_by_id(before), right_by_id(after)
    _same_questions(first, second)
    return count_flips([(first[key], second[key]) for key in first])


def compare_levels(before: Evaluation, after: Evaluation, levels: Mapping[str, int | None]) -> dict[int, Flips]:
    """The same within each mastery level; `levels` gives a question's level by its id, None is left out."""
    first, second = right_by_id(before), right_by_id(after)
    _same_questions(first, second)
    pairs: dict[int, list[tuple[bool, bool]]] = {}
    for key, right in first.items():
        level = levels.get(key)
        if level is not None:
            pairs.setdefault(level, []).append((right, second[key]))
    return {level: count_flips(pairs[level]) for level in sorted(pairs)}


def count_flips(pairs: Sequence[tuple[bool, bool]]) -> Flips:
    """Flips of (right before, right after) pairs."""
    fixed = sum(after and not before for before, after in pairs)
    broken = sum(before and not after for before, after in pairs)
    right = sum(before and after for before, after in pairs)
    return Flips(fixed, broken, right, len(pairs) - fixed - broken - right, mcnemar(fixed, broken))


def three_way(base: Evaluation, tuned: Evaluation, restored: Evaluation) -> ThreeWay:
    """What the restored model healed, kept and newly broke, against base and tuned on the same questions."""
    first, second, third = right_by_id(base), right_by_id(tuned), right_by_id(restored)
    _same_questions(first, second)
    _same_questions(second, third)
    cells = Counter((first[key], second[key], third[key]) for key in first)

    def count(base_right: bool, tuned_right: bool, restored_right: bool | None = None) -> int:
        wanted = (True, False) if restored_right is None else (restored_right,)
        return sum(cells[base_right, tuned_right, right] for right in wanted)

    return ThreeWay(
        n=len(first),
        healed=count(True, False, True),
        damaged=count(True, False),
        kept=count(False, True, True),
        won=count(False, True),
        newly_broken=count(True, True, False) + count(False, True, False),
        newly_broken_base_right=count(True, True, False),
        newly_broken_base_wrong=count(False, True, False),
        tuned_right=count(True, True) + count(False, True),
        gained=count(False, False, True),
    )


def right_by_id(evaluation: Evaluation) -> dict[str, bool]:
    """Whether each question was answered right, by the paper's rule."""
    return {row.id: row.correct["contains"] for row in evaluation.rows}


def _same_questions(first: Mapping[str, bool], second: Mapping[str, bool]) -> None:
    if first.keys() != second.keys():
        only = sorted(first.keys() ^ second.keys())
        raise QuestionError(
            f"These evaluations are of different questions: {len(only)} are in one of them only.", items=only[:20]
        )


def _pairs(flips: Flips) -> int:
    return flips.fixed + flips.broken + flips.still_right + flips.still_wrong


def _percentiles(values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return (float(low), float(high))
