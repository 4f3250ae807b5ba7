"""Gives questions the mastery levels of a table measured before: parquet with id, relation, subject, object, level, R.

Does not know how mastery is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import QuestionError
from analysis.records import MASTERY_LEVELS, Finding, Question

if TYPE_CHECKING:
    import pandas as pd

PAPERS = "statements"


def join_mastery(questions: Sequence[Question], table: Path) -> tuple[list[Question], list[Finding]]:
    """The questions with their fact's level, found by id, else by relation and subject, and what could not be found.

    A question without an entry loses the level it may have had: a level is the base's, as measured in this table.
    """
    frame = _read(table)
    method, levels = _method(frame, table), _levels(frame)
    joined = [replace(question, level=_level(question, levels)) for question in questions]
    missing = [question.question for question in joined if question.level is None]
    if len(missing) == len(joined):
        message = f"The mastery table {table} knows none of these {len(joined)} questions."
        raise QuestionError(message, code="no-mastery")
    notes = _note_method(method, table)
    if not missing:
        return joined, notes
    message = f"{len(missing)} of {len(joined)} questions have no mastery in {table.name}; they count in no level."
    return joined, [*notes, Finding("warning", "no-mastery", message, tuple(missing[:20]))]


def _method(frame: pd.DataFrame, table: Path) -> str:
    """How the levels were measured; QuestionError for a table that mixes methods: their levels cannot be compared."""
    found = sorted(set(frame["method"])) if "method" in frame.columns else [PAPERS]
    if len(found) > 1:
        counts = [f"{method}: {int((frame['method'] == method).sum())} facts" for method in found]
        raise QuestionError(
            f"The mastery table {table} mixes ways of measuring, whose levels cannot be compared. Split it by its "
            "column method.",
            items=counts,
        )
    return str(found[0]) if found else PAPERS


def _note_method(method: str, table: Path) -> list[Finding]:
    if method == PAPERS:
        return []
    message = f"The levels of {table.name} were measured by the {method}, not by the paper's full statements."
    return [Finding("info", "mastery-method", message)]


def _read(table: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    try:
        frame = pd.read_parquet(table)
    except FileNotFoundError as error:
        raise QuestionError(f"There is no mastery table {str(table)!r}.") from error
    except (OSError, pa.ArrowException) as error:
        raise QuestionError(f"The mastery table {table} is not a readable parquet file: {error}") from error
    missing = [name for name in ("id", "relation", "subject", "level") if name not in frame.columns]
    if missing:
        raise QuestionError(f"The mastery table {table} lacks columns.", items=missing)
    wrong = sorted({str(level) for level in frame["level"] if level not in MASTERY_LEVELS})
    if wrong:
        raise QuestionError(f"The mastery table {table} has levels that are not 0 to 4.", items=wrong)
    return frame


def _levels(frame: pd.DataFrame) -> dict[object, int]:
    by_fact = dict(zip(zip(frame["relation"], frame["subject"], strict=True), frame["level"].astype(int), strict=True))
    return {**by_fact, **dict(zip(frame["id"], frame["level"].astype(int), strict=True))}


def _level(question: Question, levels: dict[object, int]) -> int | None:
    fact = (question.relation, question.subject)
    return levels.get(question.id, levels.get(fact) if None not in fact else None)
