"""Does accuracy fall where KL rises? Spearman's rank correlation over runs, with an interval over training sets.

Runs of one training level and size share their facts and lie close together, so whole groups of them are drawn, not
runs (a cluster bootstrap, seeded): the interval is as wide as few groups deserve. Source of the question: Ye et al.,
EMNLP 2025 (arXiv 2509.16596), Figure 5. Knows the result table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.experiments.spread import PLAIN, headline, measured

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
RESAMPLES = 2_000
FEWEST_GROUPS = 4


@dataclass(frozen=True)
class Association:
    """Spearman's rho (-1 to 1) with its 95% interval, over `groups` training sets (a level and a size)."""

    estimate: float
    low: float
    high: float
    groups: int


def kl_and_accuracy(
    table: pd.DataFrame, measure: str = "kl_paper", domain: str = "in", *, variant: str = PLAIN
) -> pd.DataFrame:
    """One row a tuned model of one variant: cell, level, size, seed, variant, kl (nats), accuracy (0-1)."""
    kl = measured(table, measure, strategy="").rename(columns={"value": "kl", "n": "kl_n"})
    accuracy = measured(table, "accuracy", strategy="", domain=domain, group=headline(table))
    accuracy = accuracy.rename(columns={"value": "accuracy"})
    named = kl[["cell", "level", "size", "seed", "variant", "kl", "kl_n"]]
    return named[named["variant"] == variant].merge(accuracy[["cell", "accuracy", "n"]], on="cell")


def rank_correlation(points: pd.DataFrame, *, seed: int = 0) -> Association | None:
    """Spearman's rho of kl and accuracy; None with fewer than four training sets."""
    groups = [group[["kl", "accuracy"]].to_numpy() for _, group in points.groupby(["level", "size"])]
    if len(groups) < FEWEST_GROUPS:
        return None
    rng = np.random.default_rng(seed)
    drawn = [
        _spearman(np.concatenate([groups[number] for number in rng.integers(0, len(groups), len(groups))]))
        for _ in range(RESAMPLES)
    ]
    kept = [value for value in drawn if value == value]
    low, high = np.quantile(kept, [0.025, 0.975]) if kept else (np.nan, np.nan)
    return Association(_spearman(np.concatenate(groups)), float(low), float(high), len(groups))


def _spearman(pairs: Array) -> float:
    """Pearson's correlation of the ranks, ties at their mean rank; NaN where one side does not vary."""
    kl, accuracy = (_centred_ranks(pairs[:, column]) for column in (0, 1))
    length = np.sqrt((kl @ kl) * (accuracy @ accuracy))
    return float(kl @ accuracy / length) if length else float("nan")


def _centred_ranks(values: Array) -> Array:
    """Ranks from the smallest, ties at their mean rank, less the mean of all ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return np.asarray(ranks - (len(values) + 1) / 2)
