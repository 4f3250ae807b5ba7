"""Question files: the released data, one's own JSON lines, and what is wrong with a file, all at once."""

import json
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import QuestionError
from analysis.knowledge.questions import QuestionSet, content_id, load_questions
from analysis.knowledge.sampling import sample_balanced
from analysis.records import Question

ROW: dict[str, Any] = {"question": "Where was Ann born?", "answers": ["Paris"]}
RELEASED = Path(
    os.environ.get("PALIMPSEST_ENTITYQUESTIONS")
    or Path(__file__).parents[3] / "shared" / "data" / "entityquestions" / "dataset.zip"
)
needs_release = pytest.mark.skipif(not RELEASED.exists(), reason="EntityQuestions is not here")


def lines(folder: Path, *rows: Any) -> Path:
    file = folder / "own.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return file


def release(folder: Path) -> Path:
    """A small copy of the release's layout: three relations, two splits."""
    content = {
        "P19": [("Where was Ann born?", ["Paris"]), ("Where was Bo born?", ["Lyon", "Lugdunum"])],
        "P276": [("Where is Louvre located?", ["Paris"])],
        "P50": [("Who is the author of Emma?", ["Jane Austen"])],
    }
    for split in ("dev", "test"):
        (folder / "dataset" / split).mkdir(parents=True)
        for relation, pairs in content.items():
            rows = [{"question": question, "answers": answers} for question, answers in pairs]
            (folder / "dataset" / split / f"{relation}.{split}.json").write_text(json.dumps(rows))
    return folder


def zipped(folder: Path) -> Path:
    file = folder / "dataset.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*.json")):
            archive.write(path, path.relative_to(folder))
    return file


def test_the_released_layout_is_read_alike_from_folder_zip_and_split_folder(tmp_path: Path) -> None:
    folder = release(tmp_path)
    whole = load_questions(folder)
    assert whole == load_questions(folder / "dataset") == load_questions(zipped(folder))
    assert [question.relation for question in whole.questions] == ["P19", "P19", "P276", "P50"]
    assert whole.questions[1] == Question(
        "P19-test-1", "Where was Bo born?", ("Lyon", "Lugdunum"), "P19", "Bo", None, "in"
    )
    assert load_questions(folder, split="dev").questions[0].id == "P19-dev-0"
    assert load_questions(folder / "dataset" / "test" / "P50.test.json").questions[0].domain == "out"


def test_all_splits_are_those_of_each_relation_together_under_the_ids_they_have_alone(tmp_path: Path) -> None:
    folder = release(tmp_path)
    rows = [{"question": "Where was Cy born?", "answers": ["Rome"]}]
    (folder / "dataset" / "dev" / "P19.dev.json").write_text(json.dumps(rows))
    every = load_questions(folder, split="all").questions
    assert [each.id for each in every] == [
        *("P19-dev-0", "P19-test-0", "P19-test-1"),
        *("P276-dev-0", "P276-test-0", "P50-dev-0", "P50-test-0"),
    ]
    shown = load_questions(folder, split="all", shots=1)
    assert len(shown.shots) == 1 and shown.shots[0].id not in {each.id for each in shown.questions}


def test_two_files_for_one_split_are_refused_among_all_too(tmp_path: Path) -> None:
    for name in ("a.train.jsonl", "b.train.jsonl", "c.test.jsonl"):
        (tmp_path / name).write_text('{"question": "Who?", "answers": ["She"]}\n')
    with pytest.raises(QuestionError, match="3 files for the split 'all'"):
        load_questions(tmp_path, split="all")


def test_a_domain_keeps_its_relations(tmp_path: Path) -> None:
    folder = release(tmp_path)
    assert {question.relation for question in load_questions(folder, domain="in").questions} == {"P19", "P276"}
    assert {question.relation for question in load_questions(folder, domain="out").questions} == {"P50"}
    with pytest.raises(QuestionError, match="1 have no relation"):
        load_questions(lines(tmp_path, ROW), domain="in")


def test_json_lines_carry_what_they_give_and_nothing_is_made_up(tmp_path: Path) -> None:
    given = {**ROW, "id": "x", "relation": "P19", "level": 3}
    first, second = load_questions(lines(tmp_path, given, ROW)).questions
    assert first == Question("x", "Where was Ann born?", ("Paris",), "P19", "Ann", 3, "in")
    assert second == Question("q2", "Where was Ann born?", ("Paris",))


def test_a_json_array_a_byte_order_mark_and_blank_lines_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "q.json"
    other = {**ROW, "question": "Where was Bo born?"}
    file.write_text("\ufeff" + json.dumps([ROW, other]), "utf-8")
    assert len(load_questions(file).questions) == 2
    assert len(load_questions(lines(tmp_path, "", ROW, "", "  ", other)).questions) == 2


def test_answers_lose_empty_ones_and_surrounding_space(tmp_path: Path) -> None:
    row = {**ROW, "answers": [" Paris ", "", "  "]}
    assert load_questions(lines(tmp_path, row)).questions[0].answers == ("Paris",)


def test_every_bad_row_is_named_with_its_line(tmp_path: Path) -> None:
    file = lines(
        tmp_path,
        ROW,
        {**ROW, "answers": []},
        {**ROW, "answers": ["  "]},
        {"q": "Where?", "a": ["x"]},
        {**ROW, "answers": [["Paris"]]},
        {**ROW, "level": 5},
        [1],
        {**ROW, "question": 3, "relation": 4},
    )
    with pytest.raises(QuestionError) as caught:
        load_questions(file)
    told = "\n".join(caught.value.items)
    for place in range(2, 9):
        assert f"line {place}:" in told
    assert "line 1:" not in told
    assert "'Where was Ann born?' has no answers" in told
    assert "it has 'q', 'a'" in told
    assert str(file) in caught.value.message


def test_lines_that_are_not_json_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionError) as caught:
        load_questions(lines(tmp_path, ROW, "{nonsense", ROW, '{"question": "x"'))
    assert [item.split(":")[0] for item in caught.value.items] == ["line 2", "line 4"]


def test_a_thousand_bad_lines_are_counted_and_a_few_shown(tmp_path: Path) -> None:
    with pytest.raises(QuestionError) as caught:
        load_questions(lines(tmp_path, *[{**ROW, "answers": []}] * 1000))
    assert "1,000 problems" in caught.value.message
    assert len(caught.value.items) == 21 and "980 more" in caught.value.items[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b'{"question": "a", "answers": ["b"]}\n{"question": "\xff"}\n', "line 2: not UTF-8: the byte 0xff"),
        (b"[1, 2", "not JSON"),
        (b"[]", "no questions"),
    ],
)
def test_a_file_that_is_no_question_file_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "q.jsonl"
    file.write_bytes(content)
    with pytest.raises(QuestionError, match=message):
        load_questions(file)


def test_a_missing_file_and_a_folder_without_questions_are_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"nowhere\.zip"):
        load_questions(tmp_path / "nowhere.zip")
    with pytest.raises(QuestionError, match="no EntityQuestions files"):
        load_questions(tmp_path)


def test_a_damaged_zip_is_said_to_be_damaged(tmp_path: Path) -> None:
    file = zipped(release(tmp_path))
    whole = file.read_bytes()
    for damaged in (whole.replace(b"Lyon", b"Lion"), whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(QuestionError, match="damaged"):
            load_questions(file)


def test_an_id_given_to_two_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="1 problem") as caught:
        load_questions(lines(tmp_path, {**ROW, "id": "x"}, {**ROW, "question": "Who?", "id": "x"}))
    assert caught.value.items[0].startswith("line 2: the id 'x'") and "Where was Ann born?" in caught.value.items[0]


def test_a_question_that_stands_twice_is_asked_once_and_one_with_other_answers_too(tmp_path: Path) -> None:
    again = {**ROW, "id": "x"}
    loaded = load_questions(lines(tmp_path, again, ROW, again, {**ROW, "answers": ["Lyon"]}))
    assert [question.id for question in loaded.questions] == ["x", "q4"]
    merged, twice = loaded.notes
    assert merged.code == "merged-questions" and merged.message.startswith("2 rows")
    assert twice.code == "duplicate-questions" and "2 times" in twice.tensors[0]


def test_the_id_of_a_set_changes_with_anything_in_it(tmp_path: Path) -> None:
    variants = [
        [ROW],
        [ROW, {**ROW, "question": "Who?"}],
        [{**ROW, "answers": ["Lyon"]}],
        [{**ROW, "question": "Where?"}],
        [{**ROW, "level": 1}],
        [{**ROW, "relation": "P19"}],
    ]
    ids = [load_questions(lines(tmp_path, *rows)).id for rows in variants]
    assert len(set(ids)) == len(variants)
    assert load_questions(lines(tmp_path, ROW)).id == ids[0]
    assert len(ids[0]) == 32


def mastery(folder: Path, **columns: list[Any]) -> Path:
    file = folder / "mastery.parquet"
    pd.DataFrame(columns).to_parquet(file)
    return file


def test_mastery_joins_by_id_and_else_by_relation_and_subject(tmp_path: Path) -> None:
    table = mastery(
        tmp_path,
        id=["P19-test-0", "other", "third"],
        relation=["P19", "P19", "P50"],
        subject=["Nobody", "Bo", "Emma"],
        level=[4, 1, 0],
    )
    loaded = load_questions(release(tmp_path), mastery=table)
    assert [question.level for question in loaded.questions] == [4, 1, None, 0]
    (note,) = loaded.notes
    assert note.code == "no-mastery" and note.tensors == ("Where is Louvre located?",)


def test_a_mastery_table_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    questions = release(tmp_path)
    with pytest.raises(QuestionError, match="no mastery table"):
        load_questions(questions, mastery=tmp_path / "absent.parquet")
    with pytest.raises(QuestionError, match="lacks columns"):
        load_questions(questions, mastery=mastery(tmp_path, id=["a"], relation=["P19"]))
    facts = {"relation": ["P19"], "subject": ["Ann"]}
    with pytest.raises(QuestionError, match="not 0 to 4"):
        load_questions(questions, mastery=mastery(tmp_path, id=["a"], level=[7], **facts))
    with pytest.raises(QuestionError, match="knows none"):
        load_questions(questions, mastery=mastery(tmp_path, id=["a"], level=[2], relation=["P1"], subject=["b"]))
    (tmp_path / "mastery.parquet").write_text("no parquet")
    with pytest.raises(QuestionError, match="not a readable parquet"):
        load_questions(questions, mastery=tmp_path / "mastery.parquet")


def many(sizes: dict[tuple[str, int], int]) -> list[Question]:
    return [
        Question(f"{relation}-{level}-{number}", "?", ("a",), relation, None, level)
        for (relation, level), size in sizes.items()
        for number in range(size)
    ]


def test_a_limit_is_balanced_over_relations_and_levels_as_far_as_they_go() -> None:
    questions = many({("P19", 0): 50, ("P19", 4): 3, ("P20", 0): 50, ("P20", 4): 50})
    drawn = Counter((question.relation, question.level) for question in sample_balanced(questions, 33, seed=0))
    assert drawn == {("P19", 0): 10, ("P19", 4): 3, ("P20", 0): 10, ("P20", 4): 10}


@given(st.integers(1, 7), st.integers(1, 5), st.integers(1, 80), st.integers(0, 3))
def test_any_limit_is_even_over_relations_and_over_levels_by_themselves(
    relations: int, levels: int, limit: int, seed: int
) -> None:
    questions = many({(f"P{relation}", level): 80 for relation in range(relations) for level in range(levels)})
    drawn = sample_balanced(questions, min(limit, 80), seed)
    for counts, groups in (
        (Counter(question.relation for question in drawn), relations),
        (Counter(question.level for question in drawn), levels),
        (Counter((question.relation, question.level) for question in drawn), relations * levels),
    ):
        least = min(counts.values()) if len(counts) == groups else 0
        assert max(counts.values()) - least <= 1


@given(st.integers(1, 40), st.integers(0, 3))
def test_a_larger_limit_holds_the_smaller_draw_and_the_seed_decides(limit: int, seed: int) -> None:
    questions = many({("P19", 0): 9, ("P19", 1): 2, ("P20", 3): 14, ("P50", 2): 1})
    drawn = sample_balanced(questions, limit, seed)
    assert len(drawn) == min(limit, len(questions))
    assert drawn == [question for question in questions if question in set(drawn)]  # in their given order
    assert set(drawn) <= set(sample_balanced(questions, limit + 1, seed))
    assert drawn == sample_balanced(questions, limit, seed)


def test_another_seed_draws_others_and_a_limit_under_one_is_refused() -> None:
    questions = many({("P19", 0): 100})
    assert sample_balanced(questions, 10, 0) != sample_balanced(questions, 10, 1)
    with pytest.raises(QuestionError, match="at least one"):
        sample_balanced(questions, 0, 0)


def test_the_id_of_no_questions_is_an_id() -> None:
    assert content_id([]) != content_id(many({("P19", 0): 1}))


@needs_release
def test_every_released_test_question_is_read_and_its_subject_recovered() -> None:
    loaded: QuestionSet = load_questions(RELEASED)
    assert len(loaded.questions) == 22_075
    assert all(question.subject and question.answers for question in loaded.questions)
    domains = Counter(question.domain for question in loaded.questions)
    assert domains == {"in": 9_828, "out": 12_247}
    assert [note.code for note in loaded.notes] == ["duplicate-questions"]
    assert len(load_questions(RELEASED, split="dev").questions) == 22_068


@needs_release
def test_five_hundred_released_questions_are_even_over_the_relations() -> None:
    loaded = load_questions(RELEASED, limit=500)
    assert set(Counter(question.relation for question in loaded.questions).values()) == {20, 21}
