"""How sure a mean over tokens is, when tokens of one text go together: texts are what was drawn, not tokens.

The mean is a ratio of two sums over texts; its interval is the linearised one (Cochran 1977, chapter 6) with a t
quantile. Two texts or more are needed. Knows no record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ratios:
    """Estimates with their 95% intervals, (k,) each, in the numerator's unit; NaN where nothing is known."""

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def ratios(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> Ratios:
    """k ratios of totals from one row a text: `sums` (texts, k) over `sizes` (texts, k); a text may have size 0."""
    from scipy.stats import t

    with np.errstate(invalid="ignore", divide="ignore"):
        total = sizes.sum(0)
        estimate = sums.sum(0) / total
        texts = (sizes > 0).sum(0)
        left_over = np.where(sizes > 0, sums - estimate * sizes, 0.0)
        error = np.sqrt(texts / (texts - 1.0) * (left_over**2).sum(0)) / total
        half = np.where(texts > 1, t.ppf(0.5 + CONFIDENCE / 2, np.maximum(texts - 1, 1)) * error, np.nan)
    return Ratios(estimate, estimate - half, estimate + half)


def mean_by_text(values: NDArray[np.float64], texts: NDArray[np.int64]) -> Ratios:
    """The mean of `values`, each of the text with that number; one estimate (k = 1)."""
    numbers, inverse = np.unique(texts, return_inverse=True)
    sums = np.bincount(inverse, values, minlength=len(numbers)).astype(float)
    sizes = np.bincount(inverse, minlength=len(numbers)).astype(float)
    return ratios(sums[:, None], sizes[:, None])
