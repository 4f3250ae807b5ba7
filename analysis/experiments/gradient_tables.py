"""Norms and cosines of the levels' gradients, with their intervals, from dot products of group means.

Two levels are compared at equal numbers of samples: the cosine between half of one level's samples and half of
another's, beside the cosine between the two halves of one level (the control: what noise alone leaves of 1). Intervals
leave one group out at a time (jackknife, Tukey 1958) with Student's t. Knows no model and no figure.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from analysis.experiments.gradients import Gathered
from analysis.knowledge.statistics import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

By = Literal["layer", "module"]


def norm_table(found: Gathered, by: By) -> pd.DataFrame:
    """One row a level and layer (or module) of the transformer: norm of the mean gradient, low, high, and its share.

    `share` is of the level's squared norm over these parts, 0-1; `noise_share` of the squared norm what group means
    would have if the true gradient were 0 (0-1): near 1 says that the direction is not known yet.
    """
    parts = {part: _gram(found, by, part) for part in _parts(found, by)}
    rows = []
    for level in found.settings.levels:
        total = sum(_squared_norm(_block(found, gram, level)) for gram in parts.values())
        for part, gram in parts.items():
            block = _block(found, gram, level)
            about = jackknife(block, lambda kept: _squared_norm(kept) ** 0.5)
            share = _squared_norm(block) / total if total else float("nan")
            rows.append(
                {"level": level, by: part, "norm": about.estimate, "low": about.low, "high": about.high}
                | {"share": share, "noise_share": noise_share(block), "n": found.settings.n}
            )
    return pd.DataFrame(rows)


def level_table(found: Gathered) -> pd.DataFrame:
    """One row a level: loss, gradient norms of single batches (mean, share over the clipping norm 1), whole norm."""
    rows = []
    for level in found.settings.levels:
        block = _block(found, found.grams.sum(axis=0), level)
        about = jackknife(block, lambda kept: _squared_norm(kept) ** 0.5)
        steps = np.array(found.step_norms[level])
        rows.append(
            {
                "level": level,
                "loss_nats": found.loss_nats[level],
                "step_norm": float(steps.mean()),
                "clipped_share": float((steps > 1).mean()),
                "norm": about.estimate,
                "low": about.low,
                "high": about.high,
                "noise_share": noise_share(block),
                "n": found.settings.n,
                "steps": len(steps),
            }
        )
    return pd.DataFrame(rows)


def cosine_table(found: Gathered) -> pd.DataFrame:
    """One row a pair of levels, itself included: cosine between halves (n/2 samples each) with low and high, -1 to 1.

    `shared` divides the noise out: cosine over the geometric mean of both levels' own split-half cosines; 1 says the
    same direction, and noise can carry it past 1. NaN where a level's own halves do not agree.
    """
    gram = np.sum([_gram(found, "layer", part) for part in _parts(found, "layer")], axis=0)
    own = {level: split_half(_blocks(found, gram, level, level)) for level in found.settings.levels}
    rows = []
    for first in found.settings.levels:
        for second in found.settings.levels:
            if second < first:
                continue
            about = jackknife(_blocks(found, gram, first, second), split_half)
            scale = own[first] * own[second]
            shared = about.estimate / scale**0.5 if own[first] > 0 and own[second] > 0 else float("nan")
            row = {"first": first, "second": second, "cosine": about.estimate, "low": about.low, "high": about.high}
            rows.append(row | {"shared": shared, "n": found.settings.n // 2})
    return pd.DataFrame(rows)


def jackknife(blocks: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], float]) -> Interval:
    """A statistic of group dot products with its 95% interval: groups left out one at a time, in all levels at once.

    `blocks` [.., groups, groups].
    """
    from scipy.stats import t

    groups = blocks.shape[-1]
    estimate = statistic(blocks)
    if groups < 3:
        return Interval(estimate, float("nan"), float("nan"))
    left = [np.delete(np.delete(blocks, out, axis=-1), out, axis=-2) for out in range(groups)]
    values = np.array([statistic(kept) for kept in left])
    spread = float(np.sqrt((groups - 1) / groups * ((values - values.mean()) ** 2).sum()))
    reach = float(t.ppf(0.975, groups - 1)) * spread
    return Interval(estimate, estimate - reach, estimate + reach)


def split_half(blocks: NDArray[np.float64]) -> float:
    """The cosine between half of one level's groups and the other half of another's, mean over all ways to halve.

    `blocks` [3, groups, groups]: dot products first-first, first-second, second-second. With an odd number of groups
    (one left out) the halves differ by one.
    """
    groups = blocks.shape[-1]
    values = []
    for half in combinations(range(groups), groups // 2):
        rest = [group for group in range(groups) if group not in half]
        values.append(_cosine(blocks, list(half), rest))
    return float(np.mean(values))


def _cosine(blocks: NDArray[np.float64], half: list[int], rest: list[int]) -> float:
    dot = blocks[1][np.ix_(half, rest)].mean()
    lengths = blocks[0][np.ix_(half, half)].mean() * blocks[2][np.ix_(rest, rest)].mean()
    return float(dot / lengths**0.5) if lengths > 0 else float("nan")


def noise_share(block: NDArray[np.float64]) -> float:
    """Share (0-1) of a mean gradient's squared norm that its groups' disagreement alone accounts for.

    `block` [groups, groups]: with independent groups, off-diagonal dot products estimate the true squared norm.
    """
    whole = _squared_norm(block)
    groups = len(block)
    true = (block.sum() - np.trace(block)) / (groups * (groups - 1))
    return float(np.clip(1 - true / whole, 0, 1)) if whole > 0 else float("nan")


def _squared_norm(block: NDArray[np.float64]) -> float:
    return float(block.mean())  # the mean of the groups' gradients with itself


def _parts(found: Gathered, by: By) -> list[int] | list[str]:
    held = [tensor for tensor in found.tensors if tensor.transformer]
    return list(dict.fromkeys(getattr(tensor, by) for tensor in held))


def _gram(found: Gathered, by: By, part: object) -> NDArray[np.float64]:
    places = [n for n, tensor in enumerate(found.tensors) if tensor.transformer and getattr(tensor, by) == part]
    total: NDArray[np.float64] = found.grams[places].sum(axis=0)
    return total


def _block(found: Gathered, gram: NDArray[np.float64], level: int, other: int | None = None) -> NDArray[np.float64]:
    size = found.settings.groups
    row, column = (found.settings.levels.index(one) * size for one in (level, level if other is None else other))
    return gram[row : row + size, column : column + size]


def _blocks(found: Gathered, gram: NDArray[np.float64], first: int, second: int) -> NDArray[np.float64]:
    return np.stack([_block(found, gram, first), _block(found, gram, first, second), _block(found, gram, second)])
