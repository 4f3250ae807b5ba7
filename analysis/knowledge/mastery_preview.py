"""What a cheap preview of mastery says about the full measurement, and how sure it is.

The preview takes the first samples of each of a fact's statements, some n of the N completions of the full measurement;
h of them are right. Which ones is chance, so given the K right ones of all N, h is hypergeometric (taking equally many
of each statement only makes it less variable: the odds given here are on the careful side). Over facts, K is taken to
be 0 with probability z, rare (beta-binomial with mean R of 3%) with probability y, and else beta-binomial(N, a, b);
every (z, y, a, b) of a grid weighs by how well it explains the preview. What the preview cannot tell, above all never
from rarely, so widens the answers. Knows no models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import SpecError
from analysis.records import MASTERY_LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.knowledge.mastery_table import MasteryTable

SETTLED = 0.95
TRUST = 0.5  # of the likelihood: no base is made of these families, and half the trust held what the whole did not
DRAWS = 2000
NEVER = np.linspace(0.0, 0.9, 13)
RARELY = np.linspace(0.0, 0.6, 7)
RARE = (0.8, 25.0)
SHAPES = np.geomspace(0.08, 10.0, 9)


@dataclass(frozen=True, eq=False)
class LevelOdds:
    """For each fact (rows, in the table's order) the probability of each of the five levels: float64 [facts, 5].

    `counts` are facts at each level as estimated, with a 95% interval (low, high); `settled` [facts] says where one
    level has at least 95%.
    """

    odds: NDArray[np.float64]
    counts: dict[int, tuple[float, float, float]]

    @property
    def levels(self) -> NDArray[np.int64]:
        """The likeliest level of each fact."""
        found: NDArray[np.int64] = self.odds.argmax(axis=1)
        return found

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Where one level is as good as certain."""
        found: NDArray[np.bool_] = self.odds.max(axis=1) >= SETTLED
        return found


def preview_odds(table: MasteryTable, *, seed: int = 0) -> LevelOdds:
    """What the full measurement would find; SpecError for a table that is no preview."""
    whole, taken = table.protocol.get("preview_of"), table.protocol["samples"]
    if not whole:
        raise SpecError("This mastery table is a full measurement, not a preview: its levels stand.")
    right = np.array([int(sum(row)) for row in table.frame["successes"]])
    statements = np.array([len(row) for row in table.frame["successes"]])
    odds = np.zeros((len(right), len(MASTERY_LEVELS)))
    drawn = np.zeros((DRAWS, len(MASTERY_LEVELS)))
    rng = np.random.default_rng(seed)
    for count in np.unique(statements):  # relations with other numbers of templates are estimated by themselves
        chosen = statements == count
        told, sums = _odds(right[chosen], int(count) * taken, int(count) * whole, rng)
        odds[chosen], drawn = told, drawn + sums
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    counts = {level: (float(odds[:, level].sum()), float(low[level]), float(high[level])) for level in MASTERY_LEVELS}
    return LevelOdds(odds, counts)


def with_odds(table: MasteryTable) -> MasteryTable:
    """The preview with the likeliest levels as `level`, their odds as p0 to p4, and whether each is settled."""
    found = preview_odds(table)
    columns = {f"p{level}": found.odds[:, level] for level in MASTERY_LEVELS}
    frame = table.frame.assign(level=found.levels, **columns, settled=found.settled)
    return replace(table, frame=frame)


def _odds(right: NDArray[Any], n: int, whole: int, rng: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each fact's odds of the levels, and DRAWS likely counts of facts at each level."""
    from scipy.stats import hypergeom

    seen = np.bincount(right, minlength=n + 1)
    ks = np.arange(whole + 1)
    chance = np.stack([hypergeom.pmf(h, whole, ks, n) for h in range(n + 1)])  # [h, K]
    priors = _priors(whole)  # [grid, K]
    told = priors @ chance.T  # [grid, h]
    log = np.log(np.maximum(told, 1e-300)) @ seen
    weights = np.exp(TRUST * (log - log.max()))
    weights /= weights.sum()
    level = np.ceil(4 * ks / whole).astype(int)
    into = np.eye(len(MASTERY_LEVELS))[level]  # [K, level]
    by_h = np.stack([(priors * row) @ into for row in chance], axis=1)  # [grid, h, level], joint with h
    by_h /= np.maximum(told, 1e-300)[:, :, None]
    odds = np.einsum("g,ghl->hl", weights, by_h)
    sums = np.zeros((DRAWS, len(MASTERY_LEVELS)))
    grids = rng.choice(len(weights), DRAWS, p=weights)
    for draw, grid in enumerate(grids):
        for h in np.flatnonzero(seen):
            sums[draw] += rng.multinomial(seen[h], by_h[grid, h] / by_h[grid, h].sum())
    return odds[right] / odds[right].sum(axis=1, keepdims=True), sums


def _priors(whole: int) -> NDArray[np.float64]:
    from scipy.stats import betabinom

    ks = np.arange(whole + 1)
    spread = np.stack([betabinom.pmf(ks, whole, a, b) for a in SHAPES for b in SHAPES])
    never, rare = (ks == 0).astype(float), betabinom.pmf(ks, whole, *RARE)
    weights = [(z, y) for z in NEVER for y in RARELY if z + y < 1]
    return np.concatenate([z * never + y * rare + (1 - z - y) * spread for z, y in weights])
