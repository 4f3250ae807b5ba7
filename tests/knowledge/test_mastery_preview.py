"""A preview says how sure it is, and is as sure as it may be."""

import numpy as np
import pytest

from analysis.errors import SpecError
from analysis.knowledge.mastery import Protocol, level_of
from analysis.knowledge.mastery_preview import preview_odds, with_odds
from analysis.knowledge.mastery_table import MasteryTable
from analysis.records import Question

PREVIEW = Protocol(samples=1, preview_of=10)


def table(rows: list[tuple[int, ...]], protocol: Protocol = PREVIEW) -> MasteryTable:
    facts = [Question(f"f{n}", "?", ("x",), "P19", f"Ada {n}") for n in range(len(rows))]
    return MasteryTable.of(facts, rows, {"P19": tuple(f"{{subject}} {n}" for n in range(len(rows[0])))}, protocol)


def test_clear_cases_are_settled_and_close_ones_are_not() -> None:
    rows = [(1,) * 21] * 30 + [(1,) * 10 + (0,) * 11] * 30 + [(0,) * 21] * 40
    found = preview_odds(table(rows))
    assert found.odds.shape == (100, 5) and np.allclose(found.odds.sum(axis=1), 1)
    assert found.levels[0] == 4 and found.settled[0]
    assert set(found.levels[30:60]) <= {2, 3} and not found.settled[30]  # 10 of 21 is near one half
    assert found.odds[-1, 0] + found.odds[-1, 1] > 0.999 and found.odds[-1, 0] > 0.3
    for estimate, low, high in found.counts.values():
        assert low <= estimate <= high or high - low < 1


def test_the_likeliest_levels_stand_in_the_table_with_their_odds() -> None:
    told = with_odds(table([(1,) * 21, (0,) * 21] * 20))
    assert list(told.frame["level"][:2]) == [4, 0] or list(told.frame["level"][:2]) == [4, 1]
    assert told.preview and told.method == "statements, preview"
    assert {"p0", "p1", "p2", "p3", "p4", "settled"} <= set(told.frame.columns)


def test_a_full_measurement_needs_no_odds() -> None:
    with pytest.raises(SpecError, match="full measurement"):
        preview_odds(table([(1, 2)], Protocol()))
    with pytest.raises(SpecError, match="fewer samples"):
        Protocol(samples=10, preview_of=10)


@pytest.mark.slow
def test_intervals_hold_the_true_counts_and_odds_are_what_comes_true() -> None:
    """Facts as a base knows them: never, rarely, sometimes, always; a preview of each, 25 times over."""
    held, sure, right = 0, [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        shares = np.concatenate([np.zeros(80), rng.beta(0.3, 3, 60), rng.beta(0.6, 0.6, 260)])
        full = rng.binomial(10, shares[:, None], (len(shares), 21))
        levels = np.array([level_of(row.sum() / 210) for row in full])
        rows = [tuple(int(rng.random() < hits / 10) for hits in row) for row in full]
        found = preview_odds(table(rows), seed=seed)
        truth = np.bincount(levels, minlength=5)
        held += sum(low <= truth[level] <= high for level, (_, low, high) in found.counts.items())
        sure.append(found.odds.max(axis=1).mean())
        right.append((found.levels == levels).mean())
    assert held >= 0.93 * 125
    assert abs(np.mean(sure) - np.mean(right)) < 0.03
