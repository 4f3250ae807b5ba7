"""Drawing training facts: balanced, seeded, nested, and clear about what is not there."""

from collections import Counter

import pytest

from analysis.errors import TrainingError
from analysis.records import Question
from analysis.training.facts import draw_facts


def make_questions(per_level: dict[str, dict[int, int]]) -> list[Question]:
    return [
        Question(f"{relation}-{level}-{n}", f"Where is {relation} {n}?", ("X",), relation=relation, level=level)
        for relation, levels in per_level.items()
        for level, count in levels.items()
        for n in range(count)
    ]


POOL = make_questions({"P19": {0: 30, 4: 5}, "P20": {0: 30}, "P36": {0: 4, 4: 9}})


def test_relations_share_equally_until_one_runs_out() -> None:
    taken = Counter(question.relation for question in draw_facts(POOL, size=24, level=0))
    assert taken == {"P19": 10, "P20": 10, "P36": 4}


def test_only_the_level_asked_for_is_drawn_and_nothing_twice() -> None:
    taken = draw_facts(POOL, size=14, level=4)
    assert {question.level for question in taken} == {4}
    assert len({question.id for question in taken}) == 14


def test_no_size_takes_all() -> None:
    assert {question.id for question in draw_facts(POOL, size=None)} == {question.id for question in POOL}


def test_the_seed_decides_the_draw_and_a_smaller_set_lies_in_a_larger_one() -> None:
    one, again, other = (draw_facts(POOL, size=12, level=0, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert set(one) != set(other)
    assert set(one) < set(draw_facts(POOL, size=30, level=0, seed=1))


@pytest.mark.parametrize(
    ("questions", "size", "level", "told"),
    [
        ([], 1, None, "no questions"),
        (POOL, 15, 4, "level 4 holds 14 facts (facts by level 0: 64, 1: 0, 2: 0, 3: 0, 4: 14)"),
        (POOL, None, 2, "level 2 holds 0 facts"),
        (POOL, 79, None, "only 78 facts"),
        (POOL, 5, 7, "level is 7: choose one of 0, 1, 2, 3, 4"),
        (POOL, 0, 0, "size is 0"),
        ([Question("a", "Where?", ("X",))], 1, 0, "no question has a level"),
    ],
)
def test_what_cannot_be_drawn_is_said_with_the_numbers(
    questions: list[Question], size: int | None, level: int | None, told: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        draw_facts(questions, size=size, level=level)
    assert told in str(caught.value)
