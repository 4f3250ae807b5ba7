"""Question by question: sides, chips, search, and the 2 x 2 grid."""

import json

import pytest

from analysis.figures import samples

#            q0     q1     q2    q3     q4    q5     q6     q7
BASE = [True, True, False, False, False, False, True, False]
TUNED = [True, False, True, False, True, False, False, False]
RESTORED = [True, False, True, True, False, False, True, False]


@pytest.fixture
def table(questions, make_evaluation):
    states = {"base": BASE, "tuned": TUNED, "restored": RESTORED}
    evaluations = {state: make_evaluation(right) for state, right in states.items()}
    return samples.answers_table(questions, evaluations, "tuned", "restored")


def test_every_question_has_the_side_its_answer_is_on(table) -> None:
    assert dict(zip(table["id"], table["side"], strict=True)) == {
        "q0": "still right",
        "q1": "still wrong",
        "q2": "still right",
        "q3": "fixed",
        "q4": "broken",
        "q5": "still wrong",
        "q6": "fixed",
        "q7": "still wrong",
    }


def test_chips_count_what_they_hold(table) -> None:
    assert samples.chip_counts(table) == {
        "fixed": 2,
        "broken": 1,
        "still right": 2,
        "still wrong": 3,
        "lost against base": 1,  # q1: the base knew it, the restored model does not
    }


def test_chips_add_up_and_no_chip_means_all(table) -> None:
    assert samples.pick(table, ["fixed", "broken"])["id"].tolist() == ["q3", "q4", "q6"]
    assert samples.pick(table, ["lost against base"])["id"].tolist() == ["q1"]
    assert len(samples.pick(table)) == 8


def test_search_goes_over_questions_gold_and_outputs_whatever_the_case(table) -> None:
    assert samples.pick(table, text="WHERE IS 3")["id"].tolist() == ["q3"]
    assert len(samples.pick(table, text="aurum")) == 8
    assert samples.pick(table, text="no such text").empty


def test_search_reads_no_pattern_into_the_text(table) -> None:
    assert samples.pick(table, text=".*").empty


def test_gold_answers_with_aliases_and_outputs_without_margins_are_shown(table) -> None:
    assert table["gold"].unique().tolist() == ["gold · aurum"]
    assert set(table["restored"]) == {"gold", "other"}


def test_the_grid_has_the_four_counts(table) -> None:
    figure = json.loads(samples.flip_grid(table, "tuned", "restored").to_json())
    (data,) = figure["datasets"].values()
    assert {row["label"] for row in data} == {"2 fixed", "1 broken", "2 still right", "3 still wrong"}
    assert figure["params"][0]["name"] == samples.FLIP_CLICK
    assert "2 were fixed and 1 broken" in samples.flip_words(table, "tuned", "restored")


def test_only_questions_asked_in_every_state_are_shown(questions, make_evaluation) -> None:
    evaluations = {"base": make_evaluation(BASE[:4]), "tuned": make_evaluation(TUNED)}
    table = samples.answers_table(questions, evaluations, "base", "tuned")
    assert table["id"].tolist() == ["q0", "q1", "q2", "q3"]
