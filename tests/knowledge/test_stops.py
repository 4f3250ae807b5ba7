"""What a stop did: worked counts, and the change of the five-level mean within domains and over all."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from analysis.knowledge.statistics import compare, three_way
from analysis.knowledge.stops import Band, make_stop, mean_changes, seed_bands
from analysis.records import SCORES, Answered, Evaluation, Question, RestoreCount, RestoreSpec

QUESTIONS = [
    Question(f"{domain}{level}{number}", "?", ("x",), None, None, level, domain)  # type: ignore[arg-type]
    for domain in ("in", "out")
    for level in (0, 4)
    for number in range(10)
]


def evaluation(right: Sequence[str]) -> Evaluation:
    rows = tuple(
        Answered(question.id, (0,), (), "", "eos", dict.fromkeys(SCORES, question.id in right))
        for question in QUESTIONS
    )
    return Evaluation(len(rows), "paper", "float32", rows, {}, {}, {}, {}, 0.0)


def names(start: str, count: int) -> list[str]:
    return [f"{start}{number}" for number in range(count)]


def test_the_change_of_the_mean_weighs_levels_and_is_told_by_domain() -> None:
    tuned, restored = evaluation(names("in4", 6)), evaluation([*names("in4", 8), *names("out0", 4)])
    found = mean_changes(tuned, restored, QUESTIONS)
    assert {name: change.estimate for name, change in found.items()} == {
        "in": pytest.approx(0.1),
        "out": pytest.approx(0.2),
        "all": pytest.approx(0.15),
    }
    for change in found.values():
        low, high = change.interval95
        assert low <= change.estimate <= high and low < 0.05


def test_without_levels_there_is_no_change_of_a_mean() -> None:
    plain = [Question(question.id, "?", ("x",)) for question in QUESTIONS]
    assert mean_changes(evaluation([]), evaluation([]), plain) == {}


def test_questions_without_a_level_count_in_no_mean() -> None:
    some = [*QUESTIONS[:10], *(Question(question.id, "?", ("x",), domain="in") for question in QUESTIONS[10:])]
    found = mean_changes(evaluation([]), evaluation([question.id for question in some[10:]]), some)
    assert found["in"].estimate == found["all"].estimate == 0 and "out" not in found


def test_a_stop_says_three_ways_only_where_the_base_was_asked() -> None:
    spec, count = RestoreSpec(20), RestoreCount(RestoreSpec(20), 10, 2, None, 0, 0, 1, 5, {}, {})
    base, tuned, restored = evaluation(names("in0", 3)), evaluation([]), evaluation(names("in0", 2))
    stop = make_stop(spec, count, restored, tuned=tuned, base=base, questions=QUESTIONS)
    assert stop.three_way == three_way(base, tuned, restored)
    assert stop.versus_tuned == compare(tuned, restored)
    assert make_stop(spec, count, restored, tuned=tuned, base=None, questions=QUESTIONS).three_way is None


def test_seeds_of_one_stop_make_a_band_from_lowest_to_highest() -> None:
    stops = []
    for spec in (RestoreSpec(5, "random", seed=seed) for seed in range(3)):
        count = RestoreCount(spec, 10, 2, None, 0, 0, 1 + spec.seed, 5, {}, {})
        asked = replace(evaluation(names("in0", 10 * spec.seed)), accuracy={"contains": spec.seed / 4})
        stops.append(make_stop(spec, count, asked, tuned=asked, base=None, questions=QUESTIONS))
    alone = replace(stops[0], spec=RestoreSpec(5))
    assert seed_bands([alone, *stops]) == (Band("random", 5, 20.0, (0, 1, 2), 0.25, 0.0, 0.5),)
    assert seed_bands([alone]) == ()
