"""Correlations against scipy, worked intervals, coverage, and what few models do not allow to say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from analysis.errors import SpecError
from analysis.knowledge.correlation import correlate

numbers = some.lists(some.floats(-100, 100, width=16), min_size=3, max_size=7, unique=True)


@settings(deadline=None, max_examples=30)
@given(numbers)
def test_both_are_scipys(x: list[float]) -> None:
    from scipy.stats import pearsonr, spearmanr

    y = [value * value - 3 * value for value in x][::-1]
    if len(set(y)) < 2:
        return
    found = correlate(x, y)
    assert found.pearson.estimate == pytest.approx(pearsonr(x, y).statistic, abs=1e-9)
    assert found.spearman.estimate == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)


def test_the_interval_of_a_worked_example() -> None:
    # r = 0.8 of n = 7: atanh 1.0986, standard error 1 / sqrt 4, so tanh(1.0986 -+ 0.98)
    x = [1.0, 2, 3, 4, 5, 6, 7]
    found = correlate(x, [2.0, 1, 4, 3, 7, 5, 6]).pearson
    assert found.estimate is not None and found.low is not None and found.high is not None
    half = 1.959963984540054 / math.sqrt(4)
    assert found.low == pytest.approx(math.tanh(math.atanh(found.estimate) - half))
    assert found.high == pytest.approx(math.tanh(math.atanh(found.estimate) + half))


def test_the_permutation_p_of_four_in_order() -> None:
    # of the 24 orders of 1 2 3 4 two are as strongly ordered: the given one and its reverse
    assert correlate([1, 2, 3, 4], [1, 2, 3, 4]).spearman.p == pytest.approx(2 / 24)


def test_four_in_perfect_order_leave_room_for_doubt() -> None:
    # the nearest other order of four has 1 - 6 * 2 / 60 = 0.8: its lower limit is the lower limit
    found = correlate([1, 2, 3, 4], [1, 2, 3, 4]).spearman
    half = 1.959963984540054 * math.sqrt(1 + 0.8**2 / 2)
    assert (found.estimate, found.high) == (pytest.approx(1.0), 1.0)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.8) - half))
    assert found.low is not None and found.low < 0


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    truth, held = 0.6, 0
    for _ in range(400):
        x, noise = random.normal(size=(2, 6))
        found = correlate(x.tolist(), (truth * x + math.sqrt(1 - truth**2) * noise).tolist()).pearson
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_sizes_are_correlated_by_their_logarithm() -> None:
    found = correlate([60, 240, 960, 3840], [1.0, 2.0, 3.0, 4.0], log_x=True)
    assert found.pearson.estimate == pytest.approx(1.0) and found.log_x


@pytest.mark.parametrize(("n", "word"), [(0, "at least two"), (1, "at least two"), (3, "too few"), (5, "wide")])
def test_few_models_are_told_and_get_no_false_interval(n: int, word: str) -> None:
    found = correlate([float(k) for k in range(n)], [float(k % 2 + k) for k in range(n)])
    assert word in found.note and (found.pearson.low is None) == (n < 4)
    assert found.n == n


def test_a_side_without_variation_has_no_correlation() -> None:
    found = correlate([1, 2, 3, 4], [5, 5, 5, 5])
    assert (found.pearson.estimate, found.spearman.p) == (None, None) and "nothing to correlate" in found.note


@pytest.mark.parametrize(("x", "y"), [([1], [1, 2]), ([1, math.nan], [1, 2]), ([0, 1], [1, 2])])
def test_what_is_no_pair_of_numbers_is_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(SpecError):
        correlate(x, y, log_x=True)
