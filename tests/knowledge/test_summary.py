"""The numbers over answers: absent is not zero, and every part adds up to the whole."""

import math

import pytest

from analysis.knowledge.scoring import score
from analysis.knowledge.summary import summarise
from analysis.records import Answered, Question, Tally


def answered(question: Question, output: str) -> Answered:
    return Answered(question.id, (0,), (), output, "eos", score(output, question))


def test_no_rows_are_unscored_not_zero() -> None:
    empty = summarise([], [], prompt="paper", dtype="float32", seconds=0.0)
    assert empty.n == 0 and empty.by_domain == {}
    assert all(math.isnan(value) for value in empty.accuracy.values())
    assert all(math.isnan(low) for low, _ in empty.wilson95.values())


def test_levels_that_are_absent_are_left_out_and_without_levels_there_is_no_mean() -> None:
    questions = [
        Question("a", "?", ("x",), "P19", None, 0, "in"),
        Question("b", "?", ("x",), "P19", None, 4, "in"),
        Question("c", "?", ("x",), "P19", None, None, "in"),
        Question("d", "?", ("x",), "P50", None, None, "out"),
        Question("e", "?", ("x",)),
    ]
    rows = [answered(question, output) for question, output in zip(questions, "xyxxx", strict=True)]
    result = summarise(rows, questions, prompt="paper", dtype="float32", seconds=1.0)
    assert result.n == 5 and result.correct["contains"] == 4
    inside, outside = result.by_domain["in"], result.by_domain["out"]
    assert inside.levels == {0: Tally(1, 1), 4: Tally(1, 0)}
    assert inside.macro == 0.5
    assert inside.accuracy["contains"] == pytest.approx(2 / 3, abs=1e-12)
    assert (outside.levels, outside.macro, outside.macro95) == ({}, None, None)
    assert result.whole is not None and result.whole.n == 5
    assert result.whole.levels == inside.levels and result.whole.relations == {"P19": Tally(3, 2), "P50": Tally(1, 1)}
    assert inside.relations == {"P19": Tally(3, 2)} and outside.relations == {"P50": Tally(1, 1)}


def test_levels_count_without_a_domain_too() -> None:
    questions = [Question(str(level), "?", ("x",), "occupation", None, level) for level in (3, 1)]
    result = summarise(
        [answered(questions[0], "x"), answered(questions[1], "")], questions, prompt="qa", dtype="float32", seconds=0.0
    )
    assert result.by_domain == {} and result.whole is not None
    assert list(result.whole.levels) == [1, 3] and result.whole.macro == 0.5


def test_doubtful_credits_are_counted_by_reason_and_once_in_all() -> None:
    outputs = {"police": ("pol",), "Lyon\nParis": ("Paris",), "Paris": ("Paris",), "Nice": ("Rome",)}
    questions = [Question(output, "Where?", answers) for output, answers in outputs.items()]
    rows = [answered(question, question.id) for question in questions]
    told = summarise(rows, questions, prompt="qa", dtype="float32", seconds=0.0).doubtful
    assert told == {
        "short-alias": 1,
        "alias-in-question": 0,
        "outside-first-line": 1,
        "inside-longer-word": 1,
        "any": 2,
    }
