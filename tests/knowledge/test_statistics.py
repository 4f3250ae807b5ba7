"""Intervals and tests: closed forms, exact ends, and coverage by simulation."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from analysis.errors import QuestionError
from analysis.knowledge.statistics import (
    anytime_interval,
    compare,
    compare_levels,
    count_flips,
    mcnemar,
    stratified_difference,
    stratified_mean,
    three_way,
    wilson,
)
from analysis.records import SCORES, Answered, Evaluation, Flips, Tally, ThreeWay

Z = 1.959963984540054


def evaluation(rights: Sequence[bool], names: str = "abcdefghijklmnop") -> Evaluation:
    rows = tuple(
        Answered(name, (0,), (), "", "eos", dict.fromkeys(SCORES, right))
        for name, right in zip(names, rights, strict=False)
    )
    return Evaluation(len(rows), "paper", "float32", rows, {}, {}, {}, {}, 0.0)


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (1, 1), (3, 10), (250, 500), (500, 500)])
def test_wilson_is_its_closed_form(correct: int, n: int) -> None:
    share = correct / n
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    assert wilson(correct, n) == pytest.approx((max(0, middle - half), min(1, middle + half)), abs=1e-12)


def test_nothing_asked_is_unknown_not_zero() -> None:
    assert all(map(math.isnan, wilson(0, 0)))
    assert all(map(math.isnan, anytime_interval(0, 0, 0)))
    mean = stratified_mean({0: Tally(0, 0)})
    assert math.isnan(mean.estimate) and math.isnan(mean.low)
    assert math.isnan(stratified_difference({}).estimate)
    assert math.isnan(Tally(0, 0).accuracy)


def test_wilson_covers_at_nominal_over_many_rates() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.05, 0.95, 1500)
    hits = [low <= rate <= high for rate in rates for low, high in [wilson(int(rng.binomial(200, rate)), 200)]]
    assert 0.93 <= np.mean(hits) <= 0.97


def test_mcnemar_is_the_exact_two_sided_binomial() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 3) == 1
    assert mcnemar(0, 5) == pytest.approx(2 * 0.5**5, abs=1e-12)
    assert mcnemar(9, 1) == pytest.approx(2 * (1 + 10) * 0.5**10, abs=1e-12)
    assert mcnemar(9, 1) == mcnemar(1, 9)


def test_the_mean_of_levels_weighs_levels_not_questions() -> None:
    assert stratified_mean({0: Tally(10, 0), 4: Tally(1000, 1000)}).estimate == 0.5


def test_a_level_whose_answers_are_all_alike_is_not_certain() -> None:
    none, all_right = stratified_mean({0: Tally(20, 0)}), stratified_mean({0: Tally(20, 20)})
    assert none.low == 0 and 0.1 < none.high < 0.2
    assert all_right.high == 1 and all_right.low == pytest.approx(1 - none.high, abs=0.005)
    mean = stratified_mean({0: Tally(20, 0), 4: Tally(20, 20)})
    assert mean.low < 0.47 < 0.5 < 0.53 < mean.high
    still = stratified_difference({0: Flips(0, 0, 0, 20, 1.0)})
    assert still.low < 0 == still.estimate < still.high


@pytest.mark.parametrize(("correct", "n"), [(1, 20), (120, 400), (19, 20)])
def test_the_interval_of_one_level_is_that_of_its_two_beta_distributions(correct: int, n: int) -> None:
    from scipy.stats import beta

    mean = stratified_mean({2: Tally(n, correct)}, resamples=200_000)
    expected = (
        beta.ppf(0.025, correct + 0.25, n - correct + 0.75),
        beta.ppf(0.975, correct + 0.75, n - correct + 0.25),
    )
    assert (mean.low, mean.high) == pytest.approx(expected, abs=0.004)


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1)), min_size=1, max_size=5))
def test_the_interval_holds_the_mean_and_is_mirrored_by_wrong_answers(rows: list[tuple[int, float]]) -> None:
    levels = {level: Tally(n, round(n * share)) for level, (n, share) in enumerate(rows)}
    mean = stratified_mean(levels, resamples=4000)
    assert 0 <= mean.low <= mean.estimate <= mean.high <= 1
    mirrored = stratified_mean(
        {level: Tally(one.n, one.n - one.correct) for level, one in levels.items()}, resamples=4000
    )
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((mean.low, mean.high), abs=0.05)


def test_the_intervals_of_small_levels_near_zero_hold_the_truth() -> None:
    rng = np.random.default_rng(1)
    rates = np.array([0.0, 0.01, 0.02, 0.05, 0.3])
    held = []
    for right in rng.binomial(20, rates, (400, 5)):
        found = stratified_mean({level: Tally(20, int(one)) for level, one in enumerate(right)}, resamples=400)
        held.append(found.low <= rates.mean() <= found.high)
    assert np.mean(held) > 0.93


def test_the_bootstrap_is_seeded_and_quick() -> None:
    levels = {level: Tally(100, 20 * level) for level in range(5)}
    assert stratified_mean(levels, seed=3) == stratified_mean(levels, seed=3)
    assert stratified_mean(levels, seed=3, resamples=50) != stratified_mean(levels, seed=4, resamples=50)
    started = time.process_time()
    stratified_mean(levels)
    assert time.process_time() - started < 0.1  # a few milliseconds on an idle machine


def test_the_bootstrap_of_the_mean_covers_at_nominal() -> None:
    rng = np.random.default_rng(1)
    rates = np.array([0.05, 0.2, 0.4, 0.6, 0.85])
    hits = []
    for trial in range(600):
        levels = {level: Tally(100, int(rng.binomial(100, rate))) for level, rate in enumerate(rates)}
        mean = stratified_mean(levels, seed=trial, resamples=1000)
        hits.append(mean.low <= rates.mean() <= mean.high)
    assert 0.92 <= np.mean(hits) <= 0.975


def flips(fixed: int, broken: int, right: int, wrong: int) -> Flips:
    return Flips(fixed, broken, right, wrong, mcnemar(fixed, broken))


def test_the_paired_difference_is_after_minus_before_and_tighter_than_unpaired() -> None:
    levels = {0: flips(10, 2, 30, 58), 3: flips(4, 4, 80, 12)}
    change = stratified_difference(levels, seed=1)
    assert change.estimate == pytest.approx((0.08 + 0) / 2, abs=1e-12)
    assert change.low < 0.04 < change.high
    before = stratified_mean({0: Tally(100, 32), 3: Tally(100, 84)}, seed=1)
    after = stratified_mean({0: Tally(100, 40), 3: Tally(100, 84)}, seed=1)
    unpaired = math.hypot(before.high - before.low, after.high - after.low)
    assert change.high - change.low < 0.75 * unpaired


def test_where_nothing_changed_the_change_is_small_and_not_certain() -> None:
    change = stratified_difference({1: flips(0, 0, 50, 50)})
    assert change.estimate == 0 and -0.05 < change.low < 0 < change.high < 0.05


def plain_anytime(correct: int, done: int, total: int, *, slack: float) -> tuple[float, float]:
    """Every possible number of right answers, its prior over its posterior, straight from Bayes' rule.

    `slack` moves the border by that share: a total exactly on it (39 of 40 after one wrong answer) may be in or out.
    """
    likelihood = [hypergeom.pmf(correct, total, right, done) for right in range(total + 1)]
    posterior = np.array(likelihood) / sum(likelihood)
    kept = np.flatnonzero(posterior > (1 + slack) * 0.05 / (total + 1))
    return (kept[0] / total, kept[-1] / total)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.data())
def test_the_anytime_interval_is_bayes_rule_over_every_total(sizes: tuple[int, int], data: st.DataObject) -> None:
    total, done = sizes
    correct = data.draw(st.integers(0, done))
    wide, narrow = (plain_anytime(correct, done, total, slack=slack) for slack in (-1e-9, 1e-9))
    low, high = anytime_interval(correct, done, total)
    assert wide[0] - 1e-12 <= low <= narrow[0] + 1e-12
    assert narrow[1] - 1e-12 <= high <= wide[1] + 1e-12


def test_a_total_exactly_on_the_border_does_not_matter() -> None:
    low, high = anytime_interval(0, 1, 40)
    assert low == 0 and high in (0.95, 0.975)


def test_the_anytime_interval_is_everything_at_first_and_exact_at_the_end() -> None:
    assert anytime_interval(0, 0, 500) == (0, 1)
    assert anytime_interval(150, 500, 500) == (0.3, 0.3)
    assert anytime_interval(1, 1, 1) == (1, 1)
    with pytest.raises(ValueError, match="3 right of 2"):
        anytime_interval(3, 2, 5)


def test_the_anytime_interval_holds_at_every_moment_at_once() -> None:
    rng = np.random.default_rng(2)
    for total, right in ((60, 20), (200, 10), (200, 100)):
        answers = np.zeros(total, int)
        answers[:right] = 1
        missed = 0
        for _ in range(200):
            so_far = np.cumsum(rng.permutation(answers))
            bounds = [anytime_interval(int(so_far[done - 1]), done, total) for done in range(1, total, 4)]
            missed += any(not low <= right / total <= high for low, high in bounds)
        assert missed / 200 <= 0.05  # conservative: about 0.02 in a longer simulation


def test_flips_are_counted_by_question_whatever_the_order() -> None:
    before = evaluation([True, True, False, False, False], "abcde")
    after = evaluation([True, False, True, True, False], "abcde")
    assert compare(before, after) == Flips(fixed=2, broken=1, still_right=1, still_wrong=1, mcnemar_p=1.0)
    backwards = evaluation([False, True, True, False, True], "edcba")
    assert compare(before, backwards) == compare(before, after)
    assert count_flips([]) == Flips(0, 0, 0, 0, 1.0)


def test_flips_within_levels_leave_out_questions_without_one() -> None:
    before, after = evaluation([True, False, False], "abc"), evaluation([False, True, True], "abc")
    found = compare_levels(before, after, {"a": 0, "b": 4, "c": None})
    assert {level: (flip.fixed, flip.broken) for level, flip in found.items()} == {0: (0, 1), 4: (1, 0)}


def test_evaluations_of_different_questions_are_not_compared() -> None:
    with pytest.raises(QuestionError, match="2 are in one") as caught:
        compare(evaluation([True, True], "ab"), evaluation([True, True], "ac"))
    assert caught.value.items == ("b", "c")


def test_three_models_tell_healed_kept_and_newly_broken() -> None:
    base = evaluation([True, True, True, False, False, False, True, False])
    tuned = evaluation([False, False, True, True, True, False, True, False])
    restored = evaluation([True, False, True, True, False, True, False, False])
    assert three_way(base, tuned, restored) == ThreeWay(
        n=8,
        healed=1,
        damaged=2,
        kept=1,
        won=2,
        newly_broken=2,
        newly_broken_base_right=1,
        newly_broken_base_wrong=1,
        tuned_right=4,
        gained=1,
    )


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=16))
def test_three_ways_agree_with_the_flips_between_two(rows: list[tuple[bool, bool, bool]]) -> None:
    base, tuned, restored = (evaluation([row[place] for row in rows]) for place in range(3))
    told = three_way(base, tuned, restored)
    flips, loss = compare(tuned, restored), compare(base, tuned)
    assert told.healed + told.gained == flips.fixed
    assert told.newly_broken == flips.broken == told.newly_broken_base_right + told.newly_broken_base_wrong
    assert (told.damaged, told.won) == (loss.broken, loss.fixed)
    assert told.won - told.kept == told.newly_broken_base_wrong
