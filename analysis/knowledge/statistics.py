"""How sure one can be: intervals and tests for accuracies, their five-level mean, and pairs of models.

Does not know models or prompts. Sources: Wilson 1927 and Clopper's exact binomial through scipy; McNemar 1947, exact;
Efron's percentile bootstrap within strata; Waudby-Smith and Ramdas 2020 (arXiv 2006.04347, the prior-posterior-ratio
martingale) for the interval that holds while an evaluation is still running.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import QuestionError
from analysis.records import Evaluation, Flips, Tally, ThreeWay

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, all in one unit; `low` and `high` are NaN where nothing is known."""

    estimate: float
    low: float
    high: float


def wilson(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share, 0-1; (NaN, NaN) where n is 0."""
    from scipy.stats import binomtest

    if n == 0:
        return (math.nan, math.nan)
    interval = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    return (float(interval.low), float(interval.high))


def mcnemar(fixed: int, broken: int) -> float:
    """Exact two-sided p of McNemar's test: were `fixed` and `broken` equally likely? 1 where nothing changed."""
    from scipy.stats import binomtest

    return float(binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0


def stratified_mean(
    levels: Mapping[int, Tally], *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """The plain mean of the levels' accuracies (0-1) with its percentile interval, bootstrapped within levels.

    Resampling n right-or-wrong answers with replacement is drawing Binomial(n, accuracy), so no answer is touched.
    Levels without answers are left out; NaN where none is left. A level with every answer alike does not vary.
    """
    tallies = [levels[level] for level in sorted(levels) if levels[level].n]
    if not tallies:
        return Interval(math.nan, math.nan, math.nan)
    n = np.array([tally.n for tally in tallies])
    share = np.array([tally.accuracy for tally in tallies])
    means = (np.random.default_rng(seed).binomial(n, share, (resamples, len(n))) / n).mean(axis=1)
    return Interval(float(share.mean()), *_percentiles(means, confidence))


def stratified_difference(
    levels: Mapping[int, Flips], *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """The change of the five-level mean, after minus before (-1 to 1), by a paired bootstrap within levels.

    Resampling a level's pairs is drawing (fixed, broken, unchanged) from a multinomial with their shares.
    """
    flips = [levels[level] for level in sorted(levels) if _pairs(levels[level])]
    if not flips:
        return Interval(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    total = np.zeros(resamples)
    for flip in flips:
        n = _pairs(flip)
        drawn = rng.multinomial(n, [flip.fixed / n, flip.broken / n, 1 - (flip.fixed + flip.broken) / n], resamples)
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
