"""A stop is chosen on one part of the questions and reported on another; which part, the ids alone decide."""

from collections.abc import Iterable

import pytest

from analysis.knowledge.choice import choose_stop, in_choosing_half
from analysis.knowledge.statistics import wilson
from analysis.records import SCORES, Answered, Evaluation

NAMES = [f"q{number}" for number in range(400)]
GOLDEN = ["q1", "q3", "q4", "q5", "q6", "q8", "q9", "q10", "q11"]


def evaluation(right: Iterable[str], names: Iterable[str] = NAMES) -> Evaluation:
    right = set(right)
    rows = tuple(Answered(name, (0,), (), "", "eos", dict.fromkeys(SCORES, name in right)) for name in names)
    return Evaluation(len(rows), "paper", "float32", rows, {}, {}, {}, {}, 0.0)


def test_one_half_chooses_and_the_other_reports() -> None:
    choosing = [name for name in NAMES if in_choosing_half(name)]
    reporting = [name for name in NAMES if not in_choosing_half(name)]
    stops = {20.0: evaluation(choosing[:90]), 5.0: evaluation([*choosing[:80], *reporting])}
    choice = choose_stop(stops)
    assert choice is not None and choice.choose_best_percent == 20
    assert (choice.choose_n, choice.report_n, choice.chosen_on) == (len(choosing), len(reporting), "half")
    assert choice.choose_accuracy == pytest.approx(90 / len(choosing), abs=1e-12)
    assert choice.report_accuracy == 0 and choice.optimism == choice.choose_accuracy
    assert choice.report95 == wilson(0, len(reporting))


def test_the_dev_split_chooses_where_it_was_asked_and_all_of_the_rest_reports() -> None:
    dev = [f"dev{number}" for number in range(10)]
    stops = {0.0: evaluation(NAMES), 40.0: evaluation(NAMES[:100])}
    choice = choose_stop(stops, {0.0: evaluation(dev[:3], dev), 40.0: evaluation(dev[:4], dev)})
    assert choice is not None and choice.choose_best_percent == 40 and choice.chosen_on == "dev"
    assert (choice.choose_n, choice.report_n) == (10, 400)
    assert choice.optimism == pytest.approx(0.4 - 0.25, abs=1e-12)


def test_of_equally_good_stops_the_smaller_percentage_is_chosen() -> None:
    choice = choose_stop({60.0: evaluation(NAMES), 3.0: evaluation(NAMES), 0.0: evaluation([])})
    assert choice is not None and choice.choose_best_percent == 3


def test_without_stops_or_with_an_empty_part_there_is_no_choice() -> None:
    assert choose_stop({}) is None
    assert choose_stop({1.0: evaluation([], [next(name for name in NAMES if in_choosing_half(name))])}) is None
    assert choose_stop({1.0: evaluation(NAMES)}, {1.0: evaluation([], [])}) is None


def test_the_halves_are_even_and_known_today_as_they_were() -> None:
    # A golden value: another split would let a stop be chosen on questions it was reported on before.
    assert [name for name in NAMES[:12] if in_choosing_half(name)] == GOLDEN
    assert 170 < sum(map(in_choosing_half, NAMES)) < 230
