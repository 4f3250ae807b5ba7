"""Question by question: sides, chips, search, what is shown and what a file holds, and the 2 x 2 grid."""

import json
import time
from dataclasses import replace

import pytest

from analysis.figures import flips, samples
from analysis.records import SCORES, Answered, Question

#            q0     q1     q2    q3     q4    q5     q6     q7
BASE = [True, True, False, False, False, False, True, False]
TUNED = [True, False, True, False, True, False, False, False]
RESTORED = [True, False, True, True, False, False, True, False]


@pytest.fixture
def evaluations(make_evaluation):
    return {
        state: make_evaluation(right) for state, right in {"base": BASE, "tuned": TUNED, "restored": RESTORED}.items()
    }


@pytest.fixture
def table(questions, evaluations):
    return samples.compared(samples.answers_frame(questions, evaluations), "tuned", "restored")


def with_answer(evaluation, place: int, **fields: object):
    rows = list(evaluation.rows)
    rows[place] = replace(rows[place], **fields)
    return replace(evaluation, rows=tuple(rows))


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
        "scorers disagree": 0,
        "doubtful credit": 0,
    }


def test_any_two_states_are_compared(questions, evaluations) -> None:
    frame = samples.answers_frame(questions, evaluations)
    assert samples.chip_counts(samples.compared(frame, "base", "tuned"))["broken"] == 2
    assert samples.chip_counts(samples.compared(frame, "base", "restored"))["fixed"] == 2


def test_disagreeing_scores_and_doubtful_credits_have_their_chips(questions, evaluations) -> None:
    split = dict.fromkeys(SCORES, False) | {"contains": True}
    evaluations["restored"] = with_answer(evaluations["restored"], 5, output="x\nolden golds", correct=split)
    table = samples.compared(samples.answers_frame(questions, evaluations), "tuned", "restored")
    assert samples.pick(table, ["scorers disagree"])["id"].tolist() == ["q5"]
    assert samples.pick(table, ["doubtful credit"])["id"].tolist() == ["q5"]
    (row,) = samples.pick(table, ["doubtful credit"]).to_dict("records")
    doubt = samples.doubt_words(row, "restored")
    assert doubt.startswith(
        "doubtful credit for “gold”: it stands outside the first line; it stands inside a longer word"
    )
    assert samples.doubt_words(row, "base") == ""
    shown = samples.shown(table, raw=False).set_index("id")["why"]
    assert shown["q5"] == "gold: outside-first-line, inside-longer-word"
    assert set(shown.drop("q5")) == {""}
    assert samples.score_words(row, "restored").startswith("contained ✓ · whole words ✗ · first line ✗ · exact ✗")


def test_chips_add_up_and_no_chip_means_all(table) -> None:
    assert samples.pick(table, ["fixed", "broken"])["id"].tolist() == ["q3", "q4", "q6"]
    assert samples.pick(table, ["lost against base"])["id"].tolist() == ["q1"]
    assert len(samples.pick(table)) == 8


def test_search_goes_over_questions_gold_and_outputs_whatever_the_case(table) -> None:
    assert samples.pick(table, text="WHERE IS 3")["id"].tolist() == ["q3"]
    assert len(samples.pick(table, text="aurum")) == 8
    assert "q0" not in samples.pick(table, text="other")["id"].tolist()  # the one that is right in every state
    assert samples.pick(table, text="no such text").empty


def test_search_reads_no_pattern_into_the_text(table) -> None:
    assert samples.pick(table, text=".*").empty


def test_slices_levels_relations_and_order_narrow_further(table) -> None:
    assert samples.pick(table, ids=frozenset({"q1", "q6", "elsewhere"}))["id"].tolist() == ["q1", "q6"]
    assert samples.pick(table, ids=frozenset({"q1", "q6"}), levels=[2])["id"].tolist() == ["q6"]
    assert samples.pick(table, relations=["P19"]).empty
    assert samples.pick(table, order="mastery")["level"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    words = samples.filter_words("tuned", "restored", ["fixed", "broken"], " Rome ", [2], [])
    assert words == "tuned → restored: fixed or broken, “Rome”, mastery 2"


def test_answers_are_shown_with_their_mark_and_nothing_unseen_stays_unseen(questions, evaluations) -> None:
    hostile = "<b>x\u202e\n second line\x07"
    evaluations["tuned"] = with_answer(evaluations["tuned"], 0, output=hostile)
    shown = samples.shown(samples.compared(samples.answers_frame(questions, evaluations), "base", "tuned"), raw=True)
    assert shown["gold"].unique().tolist() == ["gold · aurum"]
    assert shown["restored"].tolist()[:2] == ["✓ gold", "✗ other"]
    assert shown["tuned"].iloc[0] == "✓ <b>xU+202E"
    assert shown["tuned raw"].iloc[0] == "<b>xU+202E↵ second lineBEL"
    assert "tuned raw" not in samples.shown(
        samples.compared(samples.answers_frame(questions, evaluations), "base", "tuned"), raw=False
    )


def test_a_file_holds_raw_outputs_and_every_score(table) -> None:
    columns = set(samples.export(table).columns)
    assert {f"{state} {score}" for state in ("base", "tuned", "restored") for score in SCORES} <= columns
    assert {"restored raw", "restored stopped", "restored doubt", "side", "lost"} <= columns
    assert samples.WORDS not in columns


def test_the_grid_has_the_four_counts_and_shows_which_are_chosen(table) -> None:
    figure = json.loads(flips.flip_grid(table, "tuned", "restored", ["broken"]).to_json())
    (data,) = figure["datasets"].values()
    assert {row["label"] for row in data} == {"2 fixed", "1 broken", "2 still right", "3 still wrong"}
    assert [row["side"] for row in data if row["chosen"]] == ["broken"]
    assert figure["params"][0]["name"] == flips.FLIP_CLICK
    assert "2 were fixed and 1 broken" in samples.flip_words(table, "tuned", "restored")


def test_only_questions_asked_in_every_state_are_shown(questions, make_evaluation) -> None:
    frame = samples.answers_frame(questions, {"base": make_evaluation(BASE[:4]), "tuned": make_evaluation(TUNED)})
    assert frame["id"].tolist() == ["q0", "q1", "q2", "q3"]
    assert samples.states_of(frame) == ["base", "tuned"]


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_compared_and_searched_while_one_waits(make_evaluation) -> None:
    n = 100_000
    questions = [Question(f"q{k}", f"Where is town {k}?", (f"Gold {k}",), "P131", None, k % 5) for k in range(n)]
    scores = [dict.fromkeys(SCORES, right) for right in (False, True)]
    made = make_evaluation([True, True])
    sides = {
        state: replace(
            made, rows=tuple(Answered(f"q{k}", (), (), f" Gold {k * step}", "eos", scores[step == 1]) for k in range(n))
        )
        for state, step in (("base", 1), ("tuned", 2))
    }
    frame = samples.answers_frame(questions, sides)
    started = time.process_time()
    table = samples.compared(frame, "base", "tuned")
    assert samples.pick(table, ["broken"], "town 99999")["id"].tolist() == ["q99999"]
    assert samples.chip_counts(table)["broken"] == n
    assert time.process_time() - started < 2
