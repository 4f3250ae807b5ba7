"""Shots: the same for a whole set, never about what is asked, and part of everything that identifies it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import QuestionError
from analysis.knowledge.questions import load_questions
from analysis.knowledge.shots import draw_shots, hold_out
from analysis.records import Question


def questions(count: int, start: int = 0, relations: tuple[str, ...] = ("P19", "P20")) -> list[Question]:
    return [
        Question(f"{relation}-{n}", f"{relation} of person {n}?", ("a",), relation, f"person {n}")
        for n in range(start, start + count)
        for relation in relations
    ]


def write(path: Path, rows: list[Question]) -> None:
    fields = [{"question": row.question, "answers": row.answers, "subject": row.subject, "id": row.id} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in fields))


def about(drawn: tuple[Question, ...]) -> set[str | None]:
    return {question.subject for question in drawn}


@given(st.integers(0, 8), st.integers(0, 3))
def test_shots_share_no_subject_with_what_is_asked_and_fewer_are_the_first_of_more(count: int, seed: int) -> None:
    pool, asked = questions(20), questions(5, start=3)
    drawn = draw_shots(pool, asked, count, seed)
    assert len(drawn) == len(about(drawn)) == count
    assert about(drawn).isdisjoint(question.subject for question in asked)
    assert draw_shots(pool, asked, count + 1, seed)[:count] == drawn


def test_shots_are_balanced_over_relations_and_drawn_by_the_seed() -> None:
    pool = questions(50)
    drawn = draw_shots(pool, [], 8, seed=0)
    assert sorted(question.relation or "" for question in drawn) == ["P19"] * 4 + ["P20"] * 4
    assert drawn != draw_shots(pool, [], 8, seed=1)


def test_a_subject_is_the_same_whatever_its_case_and_a_text_without_subject_counts_too() -> None:
    pool = [Question("a", "Who is ANN?", ("x",), None, "ANN"), Question("b", "who?", ("x",))]
    with pytest.raises(QuestionError, match="only 0 of 2"):
        draw_shots(pool, [Question("c", "Where is Ann?", ("x",), None, "Ann"), Question("d", "Who?", ("x",))], 1, 0)


def test_shots_held_out_of_a_set_take_their_subjects_with_them() -> None:
    held = hold_out(questions(10), 3, seed=0)
    assert len(held.asked) == 20 - 2 * 3
    assert about(held.shots).isdisjoint(about(held.asked))
    with pytest.raises(QuestionError, match="leave none"):
        hold_out(questions(3), 3, seed=0)


def test_a_set_with_a_train_split_asks_all_its_questions_and_draws_from_there(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", questions(20))
    write(tmp_path / "test.jsonl", questions(6))
    plain, shown = load_questions(tmp_path), load_questions(tmp_path, shots=4)
    assert shown.questions == plain.questions and shown.id != plain.id
    assert len(shown.shots) == 4 and about(shown.shots).isdisjoint(about(plain.questions))


def test_dev_and_test_are_shown_the_same_examples(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", questions(9))
    write(tmp_path / "dev.jsonl", questions(3))
    write(tmp_path / "test.jsonl", questions(3, start=3))
    dev, test = (load_questions(tmp_path, split=split, shots=3) for split in ("dev", "test"))  # type: ignore[arg-type]
    assert dev.shots == test.shots and about(dev.shots) <= {"person 6", "person 7", "person 8"}


def test_a_single_file_gives_up_a_few_questions_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "own.jsonl", questions(10, relations=("P19",)))
    loaded = load_questions(tmp_path / "own.jsonl", shots=2)
    assert len(loaded.questions) == 8 and len(loaded.shots) == 2
    (note,) = loaded.notes
    assert note.code == "shots-held-out" and note.message.startswith("2 questions serve as the 2 examples")


def test_the_limit_does_not_change_the_shots_but_the_seed_changes_the_set(tmp_path: Path) -> None:
    write(tmp_path / "own.jsonl", questions(30))
    found = [load_questions(tmp_path / "own.jsonl", shots=3, limit=limit) for limit in (None, 5, 12)]
    assert len({one.shots for one in found}) == 1
    assert len({one.id for one in found}) == 3
    assert load_questions(tmp_path / "own.jsonl", shots=3, seed=1).id != found[0].id


def test_shots_fewer_than_none_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "own.jsonl", questions(3))
    with pytest.raises(QuestionError, match="0 or more"):
        load_questions(tmp_path / "own.jsonl", shots=-1)
