"""Question files as others release them and as people write them; the rows are made up, the formats are not."""

import csv
import gzip
import io
import json
import time
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import QuestionError
from analysis.knowledge.questions import load_questions
from analysis.records import Question

POPQA_COLUMNS = (
    *("id", "subj", "prop", "obj", "subj_id", "prop_id", "obj_id", "s_aliases", "o_aliases", "s_uri", "o_uri"),
    *("s_wiki_title", "o_wiki_title", "s_pop", "o_pop", "question", "possible_answers"),
)


def popqa_row(**given: Any) -> dict[str, Any]:
    row = dict.fromkeys(POPQA_COLUMNS, "") | {
        **{"id": 4222678, "subj": "Ann Lee", "prop": "occupation", "obj": "politician", "prop_id": 22, "s_pop": 142},
        "question": "What is Ann Lee's occupation?",
        "possible_answers": json.dumps(["politician", 'political "leader"']),
    }
    return row | given


def table(path: Path, rows: Iterable[dict[str, Any]], delimiter: str = ",") -> Path:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def trivia(*items: dict[str, Any]) -> dict[str, Any]:
    return {"Domain": "Web", "Split": "dev", "VerifiedEval": False, "Version": 1.0, "Data": list(items)}


def trivia_item(question: str = "Who wrote Emma?", **given: Any) -> dict[str, Any]:
    answer = {
        **{"Aliases": ["Jane Austen", "J. Austen"], "MatchedWikiEntityName": "", "NormalizedMatchedWikiEntityName": ""},
        **{"NormalizedAliases": ["jane austen", "j austen"], "NormalizedValue": "austen", "Type": "WikipediaEntity"},
        "Value": "Austen",
    }
    return {
        **{"Answer": answer, "EntityPages": [], "Question": question, "QuestionId": "tc_1", "QuestionSource": "x"},
        **{"SearchResults": [{"Title": "t", "Url": "u"}], **given},
    }


def natural(short: list[tuple[int, int]], yes_no: str = "NONE", **given: Any) -> dict[str, Any]:
    """A row of the simplified release."""
    return {
        "annotations": [
            {
                "yes_no_answer": yes_no,
                "long_answer": {"start_token": 0, "candidate_index": 0, "end_token": 9},
                "short_answers": [{"start_token": start, "end_token": end} for start, end in short],
                "annotation_id": 593165450220027640,
            }
        ],
        "document_text": "<P> Emma was written by <B> Jane Austen </B> in 1815 </P>",
        "long_answer_candidates": [],
        "question_text": "who wrote emma",
        "document_url": "https://example.org",
        "example_id": 5655493461695504401,
        **given,
    }


def original(row: dict[str, Any]) -> dict[str, Any]:
    """The same row as the original release writes it."""
    tokens = [{"token": word, "html_token": word[0] == "<"} for word in row["document_text"].split(" ")]
    return {name: value for name, value in row.items() if name != "document_text"} | {"document_tokens": tokens}


def json_lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_popqa_opens_as_released(tmp_path: Path) -> None:
    rows = [popqa_row(), popqa_row(id=2, question='Who is "Bo"?', obj="actor", possible_answers='["actor", "mime"]')]
    first, second = load_questions(table(tmp_path / "popQA.tsv", rows, "\t")).questions
    assert first == Question(
        "4222678",
        "What is Ann Lee's occupation?",
        ("politician", 'political "leader"'),
        "occupation",
        "Ann Lee",
    )
    assert second.question == 'Who is "Bo"?' and second.answers == ("actor", "mime")


@pytest.mark.parametrize("indent", [None, 4])
def test_triviaqa_opens_as_released(tmp_path: Path, indent: int | None) -> None:
    items = [trivia_item(), trivia_item("Who?", QuestionId="tc_2", Answer={"NormalizedValue": "bo"})]
    file = text(tmp_path / "unfiltered-web-dev.json", json.dumps(trivia(*items), indent=indent))
    first, second = load_questions(file).questions
    assert first == Question("tc_1", "Who wrote Emma?", ("Austen", "Jane Austen", "J. Austen"))
    assert second.answers == ("bo",)


def test_triviaqas_test_questions_come_without_answers_and_are_refused(tmp_path: Path) -> None:
    item = trivia_item()
    del item["Answer"]
    with pytest.raises(QuestionError, match='Data item 1: no "answers"'):
        load_questions(text(tmp_path / "web-test-without-answers.json", json.dumps(trivia(item))))


def test_natural_questions_open_simplified_and_original(tmp_path: Path) -> None:
    rows = [natural([(6, 8)]), natural([], yes_no="YES", example_id=2), natural([], example_id=3)]
    for name, content in (("simple", json_lines(*rows)), ("original", json_lines(*map(original, rows)))):
        file = tmp_path / f"{name}.jsonl.gz"
        file.write_bytes(gzip.compress(content.encode()))
        loaded = load_questions(file)
        assert loaded.questions == (Question("5655493461695504401", "who wrote emma", ("Jane Austen",)),)
        assert [note.message for note in loaded.notes] == [
            "1 questions are left out: answered by yes or no.",
            "1 questions are left out: no short answer.",
        ]


def test_natural_questions_several_short_answers_are_all_right_and_markup_is_no_answer(tmp_path: Path) -> None:
    file = text(tmp_path / "nq.jsonl", json_lines(natural([(4, 9), (6, 8), (10, 11), (10, 11), (5, 6)])))
    assert load_questions(file).questions[0].answers == ("by Jane Austen", "Jane Austen", "1815")
    with pytest.raises(QuestionError, match="no questions") as caught:
        load_questions(text(tmp_path / "none.jsonl", json_lines(natural([(5, 6)]))))
    assert caught.value.items == ("1 left out: no short answer",)


def test_natural_questions_that_are_not_as_released_are_named(tmp_path: Path) -> None:
    row = natural([(6, 8)])
    del row["question_text"]
    with pytest.raises(QuestionError, match="line 1: not as Natural Questions are released: KeyError 'question_text'"):
        load_questions(text(tmp_path / "nq.jsonl", json_lines(row)))


def test_nq_open_opens_as_released(tmp_path: Path) -> None:
    file = text(tmp_path / "NQ-open.dev.jsonl", json_lines({"question": "who wrote emma", "answer": ["Jane Austen"]}))
    assert load_questions(file).questions == (Question("q1", "who wrote emma", ("Jane Austen",)),)


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Who?", "answers": ["Ann", "A."]},
        {"Query": "Who?", "answer": "Ann", "aliases": ["A.", "Ann"]},
        {"question_text": "Who?", "gold": '["Ann", "A."]'},
        {"question": "Who?", "answer": {"value": "Ann", "aliases": ["A."], "normalized_value": "ann"}},
        {"Question": " Who? ", "target": "Ann", "possible_answers": ["A."], "level": None},
    ],
)
def test_the_usual_names_are_known(tmp_path: Path, row: dict[str, Any]) -> None:
    assert load_questions(text(tmp_path / "own.jsonl", json_lines(row))).questions == (
        Question("q1", "Who?", ("Ann", "A.")),
    )


def test_a_table_of_ones_own_opens_with_every_column(tmp_path: Path) -> None:
    row = {"id": "7", "question": "Where was Ann born?", "answers": "Paris", "relation": "P19", "level": "3.0"}
    rows = [row, {**row, "id": "8", "level": ""}]
    for delimiter in ",\t;":
        found = load_questions(table(tmp_path / "own.csv", rows, delimiter)).questions
        assert found[0] == Question("7", "Where was Ann born?", ("Paris",), "P19", "Ann", 3, "in")
        assert found[1].level is None


def test_one_text_is_one_answer_whatever_stands_in_it(tmp_path: Path) -> None:
    answers = ["Paris, France", "a; b | c", "[Rec]", "7"]
    rows = [{"question": f"Which {number}?", "answer": answer} for number, answer in enumerate(answers)]
    found = load_questions(table(tmp_path / "own.csv", rows)).questions
    assert [question.answers for question in found] == [(answer,) for answer in answers]


def test_a_list_that_is_not_json_is_refused_rather_than_guessed(tmp_path: Path) -> None:
    rows = [{"question": "Who?", "answers": cell} for cell in ("['a' 'b']", '["a"', "['a', 'b']")]
    with pytest.raises(QuestionError, match="3 problems") as caught:
        load_questions(table(tmp_path / "own.csv", rows))
    assert 'line 2: "answers" must be a list of texts such as ["Paris"' in caught.value.items[0]


def test_a_field_over_several_lines_does_not_move_the_numbers_of_later_lines(tmp_path: Path) -> None:
    rows = [{"question": "Who\nis\nAnn?", "answer": "a"}, {"question": "Who?", "answer": ""}]
    with pytest.raises(QuestionError) as caught:
        load_questions(text(tmp_path / "own.csv", "\n" + table(tmp_path / "t.csv", rows).read_text()))
    assert caught.value.items == ("line 6: the question 'Who?' has no answers",)


@pytest.mark.parametrize(
    ("content", "item"),
    [
        ("a,b\n1,2\n", "line 2: no \"question\" (it has 'a', 'b')"),
        ("question,b\nWho?,2\n", "line 2: no \"answers\": expected a list of texts (it has 'b')"),
        ("question,answer\nWho?\n", "line 2: it has 1 fields, the header has 2"),
        ("question,answer\nWho?,Ann\nWho, now?,Ann\n", "line 3: it has 3 fields, the header has 2"),
        ('question\tanswer\n"Emma" is by whom?\tAnn\n', "line 2: the quotation marks do not fit"),
        ('question,answer\n"Who?,Ann\nWho?,Ann\n', "line 2: the quotation marks do not fit"),
        (b"question,answer\nWho?,M\xfcnchen\n", "line 2: not UTF-8: the byte 0xfc at place 7"),
        ('{"question": "a", "answers": ["b"]}\nb\n', "line 2: not JSON"),
        ('{"Question": "x",\n "Answer": 3}', 'the object: "Answer" must be a list of texts'),
        ('["a", "b"]', 'item 1: expected an object such as {"question"'),
        (b'[{"question": "\xe9", "answer": "b"}]', "item 1: not UTF-8: the byte 0xe9"),
        (b'{"Data": [{"Question": "\xe9", "Answer": {"Value": "b"}}]}', "Data item 1: not UTF-8: the byte 0xe9"),
    ],
)
def test_a_row_that_does_not_work_is_named_with_place_and_reason(
    tmp_path: Path, content: str | bytes, item: str
) -> None:
    with pytest.raises(QuestionError) as caught:
        load_questions(text(tmp_path / "own", content))
    assert str(tmp_path / "own") in caught.value.message
    assert any(item in found for found in caught.value.items), caught.value.items


def test_an_array_cut_short_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"not JSON \(line 2\)"):
        load_questions(text(tmp_path / "own.json", '[{"question": "a", "answers": ["b"]},\n{"question" 3}]'))
    with pytest.raises(QuestionError, match="truncated"):
        load_questions(text(tmp_path / "own.json", '[{"question": "a", "answers": ["b"]},\n'))


def test_gzip_and_zip_of_anything_open_alike(tmp_path: Path) -> None:
    plain = table(tmp_path / "own.csv", [{"question": "Who?", "answer": "Ann"}])
    packed = text(tmp_path / "own.csv.gz", gzip.compress(plain.read_bytes()))
    archive = tmp_path / "own.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(packed, "data/own.csv.gz")
        out.writestr("__MACOSX/data/own.csv", "nothing")
        out.writestr("README.txt", "nothing")
    assert load_questions(plain) == load_questions(packed) == load_questions(archive)


def test_a_damaged_gzip_is_said_to_be_damaged(tmp_path: Path) -> None:
    whole = gzip.compress(json_lines(*({"question": f"Who {n}?", "answer": "a"} for n in range(999))).encode())
    for broken in (whole[: len(whole) // 2], whole[:-8] + b"\0" * 8):
        with pytest.raises(QuestionError, match="damaged"):
            load_questions(text(tmp_path / "own.jsonl.gz", broken))


def test_a_parquet_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="CSV or JSON lines"):
        load_questions(text(tmp_path / "test.parquet", b"PAR1...."))


def test_an_archive_that_is_not_read_is_refused_before_it_is_taken_for_a_table(tmp_path: Path) -> None:
    for name in ("triviaqa-unfiltered.tar.gz", "own.TAR", "own.csv.xz"):
        with pytest.raises(QuestionError, match="unpack it"):
            load_questions(text(tmp_path / name, b"\x1f\x8b"))


def test_triviaqas_folder_says_which_splits_have_answers(tmp_path: Path) -> None:
    for name in ("unfiltered-web-dev", "unfiltered-web-train", "unfiltered-web-test-without-answers"):
        text(tmp_path / f"{name}.json", json.dumps(trivia(trivia_item())))
    assert load_questions(tmp_path, split="dev").splits == ("train", "dev")
    with pytest.raises(QuestionError, match="no questions of the split 'test'") as caught:
        load_questions(tmp_path)
    assert caught.value.items == ("unfiltered-web-dev.json", "unfiltered-web-train.json")


def test_a_folder_with_a_file_a_split_is_read_by_split(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        text(tmp_path / f"own-{split}.jsonl", json_lines({"question": f"In {split}?", "answer": "yes"}))
    loaded = {split: load_questions(tmp_path, split=split) for split in ("train", "dev", "test")}  # type: ignore[arg-type]
    assert [found.questions[0].question for found in loaded.values()] == ["In train?", "In validation?", "In test?"]
    assert loaded["dev"].splits == ("train", "dev", "test")
    text(tmp_path / "other-test.jsonl", json_lines({"question": "?", "answer": "x"}))
    with pytest.raises(QuestionError, match="2 files for the split 'test'") as caught:
        load_questions(tmp_path)
    assert caught.value.items == ("other-test.jsonl", "own-test.jsonl")
    (tmp_path / "own-train.jsonl").unlink()
    with pytest.raises(QuestionError, match="no questions of the split 'train'"):
        load_questions(tmp_path, split="train")


@given(st.lists(st.tuples(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=1)), min_size=1, max_size=5))
def test_csv_and_json_lines_hold_the_same_questions(rows: list[tuple[str, list[str]]]) -> None:
    import tempfile

    rows = [(asked.replace("\r", " ").replace("\0", " "), answers) for asked, answers in rows]
    with tempfile.TemporaryDirectory() as name:
        fields = [{"question": asked, "answers": json.dumps(answers)} for asked, answers in rows]
        lines = [{"question": asked, "answers": answers} for asked, answers in rows]
        outcomes = []
        for file in (
            table(Path(name) / "a.csv", fields),
            text(Path(name) / "a.jsonl", json_lines(*lines)),
            text(Path(name) / "a.json", json.dumps(lines)),
        ):
            try:
                outcomes.append(("read", load_questions(file).questions))
            except QuestionError as error:
                outcomes.append(("refused", len(error.items)))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize("content", ['{"a":' * 99_999, "[" * 99_999, '[{"question":"a","answers":' + "[" * 99_999])
def test_brackets_nested_without_end_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(QuestionError, match="not JSON"):
        load_questions(text(tmp_path / "deep.json", content))


def test_an_encrypted_zip_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "own.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("own.csv", "question,answer\nWho?,Ann\n")
    whole = bytearray(file.read_bytes())
    whole[6] |= 1  # the flag of an encrypted member, in its own header and in the directory
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(QuestionError, match="unpack it"):
        load_questions(text(file, bytes(whole)))


@given(
    st.sampled_from([json.dumps(trivia(trivia_item())), json_lines(natural([(6, 8)])), 'question,answer\n"a, b",c\n']),
    st.integers(0, 2000),
    st.integers(0, 12),
    st.binary(max_size=6) | st.sampled_from([b'"', b"{", b"]", b"\t", b"\n", b"\xef\xbb\xbf", b"null", b"[["]),
)
def test_whatever_is_done_to_a_file_it_is_read_or_refused(content: str, at: int, cut: int, put: bytes) -> None:
    import tempfile

    whole = content.encode()
    at = at % (len(whole) + 1)
    with tempfile.TemporaryDirectory() as folder:
        file = text(Path(folder) / "own", whole[:at] + put + whole[at + cut :])
        try:
            assert load_questions(file).questions
        except QuestionError as error:
            assert str(file) in error.message


def test_however_many_rows_are_bad_few_are_held(tmp_path: Path) -> None:
    bad = io.StringIO()
    bad.write("question,answer\n" + "Who?,\n" * 5_000)
    file = text(tmp_path / "own.csv", bad.getvalue())
    tracemalloc.start()
    with pytest.raises(QuestionError, match="5,000 problems"):
        load_questions(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_million_rows_work_in_bounded_time(tmp_path: Path, kind: str) -> None:
    rows = ({"question": f"Where was person {n} born?", "answers": json.dumps([f"Town {n}"])} for n in range(1_000_000))
    file = tmp_path / f"own.{kind}"
    if kind == "csv":
        table(file, rows)
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    started = time.process_time()
    loaded = load_questions(file, limit=500)
    assert len(loaded.questions) == 500
    assert time.process_time() - started < 60  # 11 s measured on one core
