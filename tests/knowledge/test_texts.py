"""Texts from JSON lines: every bad row named with its line and reason, in one message."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import LanguageError
from analysis.knowledge.texts import MOST_TOLD, parse_texts, read_texts
from analysis.records import Text


def lines(*rows: Any) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def test_both_kinds_of_lines_are_read_and_named_by_id_or_line() -> None:
    content = b"\xef\xbb\xbf" + lines(
        {"text": "one"}, "", {"prompt": "two?", "answer": " 2", "id": "q"}, {"text": "3", "id": 7}
    )
    assert parse_texts(content, "x") == (
        Text("1", text="one"),
        Text("q", prompt="two?", answer=" 2"),
        Text("7", text="3"),
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "truncated"),
        ([1], "not an object"),
        ({"text": 3}, "text is not a text"),
        ({"prompt": ["a"], "answer": 1}, "prompt, answer is not a text"),
        ({"text": ""}, "neither text nor prompt"),
        ({"answer": "alone"}, "neither text nor prompt"),
        ({"text": "a", "prompt": "b"}, "one or the other"),
        ({"text": "a", "id": None}, "id is neither"),
        ({"text": "a", "id": 1.5}, "id is neither"),
        ({"text": "a", "id": "good"}, "'good' stands on a line before"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason(row: Any, reason: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse_texts(lines({"text": "fine", "id": "good"}, row), "prompts.jsonl")
    (problem,) = caught.value.items
    assert problem.startswith("line 2: ") and reason in problem
    assert caught.value.message.startswith("prompts.jsonl")


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(LanguageError) as caught:
        parse_texts(b'{"text": "\xff\xfe"}\n', "x")
    assert caught.value.items[0].startswith("line 1: ")


def test_all_bad_rows_come_at_once_and_very_many_are_counted() -> None:
    with pytest.raises(LanguageError) as caught:
        parse_texts(lines(*["no"] * (MOST_TOLD + 1_234)), "x")
    assert len(caught.value.items) == MOST_TOLD + 1 and caught.value.items[-1] == "and 1,234 more lines"


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_lines_says_so(content: bytes) -> None:
    with pytest.raises(LanguageError) as caught:
        parse_texts(content, "x")
    assert caught.value.items == ("the file holds no line",)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match=r"none\.jsonl cannot be read"):
        read_texts(tmp_path / "none.jsonl")
