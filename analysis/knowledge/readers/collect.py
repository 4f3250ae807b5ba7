"""Turns the files of one split into questions: every row read, every problem kept, what stands twice merged.

The EntityQuestions release is kept as it is, repetitions included, so that its counts are the paper's. Does not know
splits beyond their name, domains or levels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.errors import QuestionError
from analysis.knowledge.readers.fields import FieldReader
from analysis.knowledge.readers.natural_questions import is_natural_question, read_natural_question
from analysis.knowledge.readers.problems import ITEMS_SHOWN, Problems
from analysis.knowledge.readers.rows import Row, read_rows
from analysis.knowledge.readers.sources import DataFile, opened
from analysis.records import Finding, Question


class Collector:
    """The questions of one source, file by file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems = Problems(path)
        self._reader = FieldReader()
        self._questions: list[Question] = []
        self._by_id: dict[str, int] = {}
        self._by_content: dict[int, int] = {}  # hash -> place: a tuple for each of a million questions would be large
        self._merged: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def add(self, file: DataFile, split: str) -> None:
        """Read one file; what is wrong with it is kept for `finish`."""
        with opened(file) as stream:
            for number, (where, row) in enumerate(read_rows(file, stream, self._problems)):
                if file.relation is None:
                    self._add_row((where, row), f"q{number + 1}")
                else:
                    named = {"id": f"{file.relation}-{split}-{number}"}
                    row = {**named, **row, "relation": file.relation} if isinstance(row, dict) else row
                    self._add_row((f"{file.label} {where}", row), "", released=True)

    def finish(self) -> list[Question]:
        """Every question; QuestionError with all problems, or where there is none."""
        if self._problems.count:
            raise self._problems.refuse()
        if not self._questions:
            raise QuestionError(
                f"{self._path} holds no questions: expected at least one.",
                items=[f"{count:,} left out: {reason}" for reason, count in self._left_out.items()],
            )
        return self._questions

    def notes(self) -> Iterator[Finding]:
        """What was merged and what was left out."""
        if self._merged:
            message = f"{sum(self._merged.values()):,} rows repeat a question and its answers; each is asked once."
            yield Finding("info", "merged-questions", message, tuple(self._merged)[:ITEMS_SHOWN])
        for reason, count in self._left_out.items():
            yield Finding("info", "left-out", f"{count:,} questions are left out: {reason}.")

    def _add_row(self, placed: Row, name: str, released: bool = False) -> None:
        where, row = placed
        if is_natural_question(row):
            row = self._natural(where, row)
            if row is None:
                return
        made = self._reader.read(row, name)
        if isinstance(made, Question):
            self._add_question(where, made, released)
        else:
            for problem in made:
                self._problems.add(where, problem)

    def _natural(self, where: str, row: dict[str, Any]) -> dict[str, Any] | None:
        try:
            found = read_natural_question(row)
        except (KeyError, TypeError, AttributeError) as error:
            self._problems.add(where, f"not as Natural Questions are released: {type(error).__name__} {error}")
            return None
        if isinstance(found, str):
            self._left_out[found] += 1
            return None
        return found

    def _add_question(self, where: str, question: Question, released: bool) -> None:
        place = self._by_id.get(question.id)
        if place is not None and (released or not _same(self._questions[place], question)):
            first = self._questions[place].question
            self._problems.add(where, f"the id {question.id!r} is given to another question too: {first!r}")
            return
        content = hash(_content(question))
        twin = self._by_content.get(content) if place is None else place
        if not released and twin is not None and _same(self._questions[twin], question):
            self._merged[question.question] += 1
            return
        self._by_id[question.id] = self._by_content[content] = len(self._questions)
        self._questions.append(question)


def _same(one: Question, other: Question) -> bool:
    return _content(one) == _content(other)


def _content(question: Question) -> tuple[object, ...]:
    """Everything but the id."""
    return (question.question, question.answers, question.relation, question.subject, question.level)
