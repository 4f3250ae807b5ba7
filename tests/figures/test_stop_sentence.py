"""The best stop in one sentence: short, and never stronger than its corrected tests."""

from analysis.figures import stop_sentence
from analysis.figures.stop_verdicts import Draw, Judged
from analysis.figures.verdicts import Verdict

RIGHT_SIX, WRONG = [True] * 6 + [False] * 34, [False] * 40
THREE_LINES = 210  # characters of a caption in half of a page 1,280 pixels wide
CHOSEN = "Chosen here, it tends to look worse on other questions."


def verdict(direction: str, p: float) -> Verdict:
    return Verdict(direction, 40, "its numbers", p)  # type: ignore[arg-type]


def eight(make_stop):
    return [make_stop(20, RIGHT_SIX), *(make_stop(percent, WRONG) for percent in (1, 3, 5, 10, 40, 60, 80))]


def test_a_direction_is_claimed_only_once_the_test_is_corrected_for_choosing(make_stop) -> None:
    """p = 0.031 of one stop is a claim; as the best of eight it is p = 0.25, and none."""
    told = Judged(verdict("up", 0.03125), (Draw(0.0, verdict("up", 0.03125)),))
    alone = stop_sentence.best_sentence([make_stop(20, RIGHT_SIX)], "in", told)
    assert alone.endswith("more than tuned (p = 0.031) and than as many at random (p = 0.031).")
    of_eight = stop_sentence.best_sentence(eight(make_stop), "in", told)
    assert of_eight.startswith("Best of 8 stops, 20% restored: 15.0% right [5.0–25.0%], ")
    assert "not distinguishable at n = 40 from tuned (p = 0.25) or as many at random (p = 0.25)" in of_eight
    assert of_eight.endswith(CHOSEN)
    assert "more than" not in of_eight and "fewer than" not in of_eight


def test_what_is_told_of_tuned_and_of_the_control_may_differ(make_stop) -> None:
    told = Judged(verdict("up", 0.0001), (Draw(0.0, verdict("unclear", 0.3)),))
    words = stop_sentence.best_sentence(eight(make_stop), "in", told)
    assert "more than tuned (p < 0.001), but not distinguishable at n = 40 from as many at random (p = 1)" in words
    told = Judged(verdict("down", 0.0001))
    assert "fewer than tuned (p < 0.001). Chosen" in stop_sentence.best_sentence(eight(make_stop), "in", told)


def test_draws_that_came_out_differently_are_counted_apart(make_stop) -> None:
    draws = (Draw(0.0, verdict("up", 0.0001)), Draw(0.0, verdict("up", 0.0001)), Draw(0.1, verdict("up", 0.01)))
    words = stop_sentence.best_sentence(eight(make_stop), "in", Judged(draws=draws))
    assert "more than 2 of 3 draws of as many at random, but not distinguishable at n = 40 from 1 of" in words
    words = stop_sentence.best_sentence(eight(make_stop), "in", Judged(draws=draws[:2]))
    assert "more than 2 draws of as many at random." in words


def test_nothing_is_claimed_without_a_test(make_stop) -> None:
    words = stop_sentence.best_sentence([make_stop(20, RIGHT_SIX)], "in")
    assert words.startswith("At 20% restored: ") and words.endswith("].") and "than" not in words
    assert stop_sentence.best_sentence([make_stop(0, RIGHT_SIX)], "in") == ""


def test_it_is_short_enough_for_three_lines(make_stop) -> None:
    for told in (
        Judged(verdict("unclear", 0.61), (Draw(0.4, verdict("unclear", 0.6)),)),
        Judged(verdict("up", 0.0001), (Draw(0.4, verdict("unclear", 0.6)),)),
        Judged(verdict("up", 0.0001), (Draw(0.4, verdict("up", 0.0001)),) * 3),
    ):
        assert len(stop_sentence.best_sentence(eight(make_stop), "in", told)) < THREE_LINES
