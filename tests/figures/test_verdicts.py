"""Borderline statistics: what is claimed at the edge of a test, and what is not."""

import math

import pytest

from analysis.figures import verdicts
from analysis.knowledge.statistics import mcnemar
from analysis.records import Change, Flips


def flips(fixed: int, broken: int, n: int = 500) -> Flips:
    return Flips(fixed, broken, n - fixed - broken, 0, mcnemar(fixed, broken))


@pytest.mark.parametrize(
    ("fixed", "broken", "direction"),
    [
        (5, 0, "unclear"),  # p = 2 / 2^5 = 0.0625: five flips can never reach 5%
        (6, 0, "up"),  # p = 2 / 2^6 = 0.03125
        (0, 6, "down"),
        (15, 5, "up"),  # p = 0.0414
        (14, 5, "unclear"),  # p = 0.0636
        (0, 0, "unclear"),
    ],
)
def test_mcnemar_decides_at_five_percent(fixed: int, broken: int, direction: str) -> None:
    assert verdicts.of_flips(flips(fixed, broken)).direction == direction


def test_a_flip_too_few_is_called_indistinguishable_with_n_and_never_equal() -> None:
    words = verdicts.flips_words(flips(5, 0), "tuned", "restored")
    assert words == (
        "Restored is not distinguishable from tuned at n = 500 (too few answers changed side for any test)."
    )
    enough = verdicts.flips_words(flips(14, 5), "tuned", "restored")
    assert "not distinguishable from tuned at n = 500 (McNemar p = 0.064)" in enough


def test_a_difference_that_the_test_carries_is_named_with_its_direction() -> None:
    assert "answers more of them rightly than tuned (McNemar p = 0.031)" in verdicts.flips_words(
        flips(6, 0), "tuned", "restored"
    )
    assert "answers fewer of them rightly" in verdicts.flips_words(flips(0, 6), "tuned", "restored")


@pytest.mark.parametrize(
    ("low", "high", "direction"),
    [(0.0001, 0.05, "up"), (0.0, 0.05, "unclear"), (-0.05, 0.0, "unclear"), (-0.05, -0.0001, "down")],
)
def test_an_interval_that_touches_zero_shows_nothing(low: float, high: float, direction: str) -> None:
    assert verdicts.of_change(Change((low + high) / 2, (low, high)), 210).direction == direction


def test_the_best_of_many_needs_so_much_smaller_a_p_before_a_direction_is_claimed() -> None:
    once = verdicts.of_flips(flips(15, 5))  # p = 0.0414: enough alone, not for the best of eight
    assert verdicts.corrected(once, 1) == once
    best = verdicts.corrected(once, 8)
    assert (once.direction, best.direction) == ("up", "unclear") and best.p == pytest.approx(8 * once.p)
    assert verdicts.against(best, "tuned") == (
        "not distinguishable from tuned at n = 500 (15 fixed, 5 broken, McNemar p = 0.041; as the best of 8: p = 0.33)"
    )
    assert verdicts.corrected(verdicts.of_flips(flips(5, 40)), 8).direction == "down"
    assert verdicts.corrected(verdicts.of_flips(flips(1, 1)), 8).p == 1.0


def test_an_intervals_p_falls_under_five_percent_just_where_it_leaves_out_zero() -> None:
    """Worked: an estimate 2.8 standard errors from 0 has p = 0.0051, and the best of ten 0.051."""
    wide = 1.959964 / 2.8  # the half width of the 95% interval, in estimates
    change = Change(0.04, (0.04 - 0.04 * wide, 0.04 + 0.04 * wide))
    assert verdicts.of_change(change, 210).p == pytest.approx(0.00511, abs=1e-5)
    assert verdicts.corrected(verdicts.of_change(change, 210), 9).direction == "up"
    assert verdicts.corrected(verdicts.of_change(change, 210), 10).direction == "unclear"
    for low, side in ((0.0001, "up"), (0.0, "unclear"), (-0.0001, "unclear")):
        for verdict in (
            verdicts.of_change(Change(0.03, (low, 0.06)), 210),
            verdicts.of_change(Change(-0.03, (-0.06, -low)), 210),
        ):
            assert (verdict.p < verdicts.SIGNIFICANT) == (side == "up") == (verdict.direction != "unclear")
    assert verdicts.of_change(Change(0.0, (-0.01, 0.01)), 210).p == 1.0
    assert verdicts.of_change(Change(0.0, (0.0, 0.0)), 210).p == 1.0


def test_a_best_stop_of_pure_noise_is_claimed_to_differ_in_few_cases_however_many_were_tried() -> None:
    """Of 300 curves of eight stops that change nothing, corrected claims stay at 5%; uncorrected ones are far more."""
    import numpy as np

    rng = np.random.default_rng(0)
    found = [
        verdicts.of_flips(flips(int(best), 40 - int(best))) for best in rng.binomial(40, 0.5, (300, 8)).max(axis=1)
    ]
    claimed = [sum(verdict.direction == "up" for verdict in told) for told in
               (found, [verdicts.corrected(each, 8) for each in found])]  # fmt: skip
    assert claimed[1] <= 0.05 * 300 < 0.1 * 300 < claimed[0]


def test_the_words_against_another_state_carry_the_numbers() -> None:
    unclear = verdicts.against(verdicts.of_change(Change(0.024, (-0.01, 0.059)), 210), "tuned")
    assert unclear == "not distinguishable from tuned at n = 210 (+2.4 points, 95%: −1.0 to +5.9)"
    clear = verdicts.against(verdicts.of_flips(flips(57, 22)), "tuned")
    assert clear == "more than tuned (57 fixed, 22 broken, McNemar p < 0.001)"


def test_a_level_of_few_questions_is_told_with_its_noise() -> None:
    assert verdicts.noise_points(42) == pytest.approx(14.5, abs=0.3)  # Wilson at 21 of 42: 35.5 to 64.5%
    assert verdicts.noise_points(400) < 5 and not math.isnan(verdicts.noise_points(1))


def test_a_domain_is_compared_on_its_own_questions(make_evaluation, questions) -> None:
    outside_only = [number % 2 == 1 for number in range(8)]
    nothing = make_evaluation([False] * 8)
    there = verdicts.of_states(nothing, make_evaluation(outside_only), "in", questions)
    assert there is not None and there.direction == "unclear" and there.n == 4
    assert verdicts.of_states(nothing, make_evaluation(outside_only), "in") is None, "not judged without the questions"


def test_the_states_in_words_name_n_intervals_and_how_the_stop_was_chosen(make_evaluation, questions) -> None:
    states = {name: make_evaluation([False] * 8) for name in ("base", "tuned", "restored")}
    words = verdicts.states_words(states, verdicts.of_steps(states, questions), chosen="Chosen on half of these.")
    assert "in-domain (n = 4): base 0.0% [" in words
    assert "restored 0.0% [" in words and "not distinguishable from tuned at n = 4" in words
    assert words.endswith("Brackets: 95% intervals. Chosen on half of these.")
