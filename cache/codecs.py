"""Records as they lie in the store, and back: summaries as JSON, rows as tables, the score bits as arrays."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from analysis.records import SCORES, Answered, Evaluation, Stored


def evaluation_to_stored(evaluation: Evaluation) -> Stored:
    """An evaluation: its numbers in the document, a row an answer in the table, the `contains` bits as an array."""
    summary: dict[str, Any] = msgspec.to_builtins(_without_rows(evaluation))
    bits = np.array([row.correct["contains"] for row in evaluation.rows], dtype=np.uint8)
    return Stored(document=summary, tables={"rows": answers_table(evaluation.rows)}, arrays={"contains": bits})


def answers_table(rows: Sequence[Answered]) -> pd.DataFrame:
    """One line an answer."""
    return pd.DataFrame(
        {
            "id": [row.id for row in rows],
            "output": [row.output for row in rows],
            "stopped": [row.stopped for row in rows],
            "prompt_ids": [list(row.prompt_ids) for row in rows],
            "token_ids": [list(row.token_ids) for row in rows],
            "margin": [math.nan if row.margin is None else row.margin for row in rows],
            **{str(score): [row.correct[score] for row in rows] for score in SCORES},
        }
    )


def evaluation_summary(document: dict[str, Any]) -> Evaluation:
    """The numbers of a stored evaluation, without its rows."""
    return msgspec.convert(document, Evaluation, strict=False)


def evaluation_from_stored(stored: Stored) -> Evaluation:
    """The whole evaluation."""
    rows = answers_from_table(stored.tables["rows"])
    return replace(evaluation_summary(dict(stored.document)), rows=rows)


def answers_from_table(table: pd.DataFrame) -> tuple[Answered, ...]:
    """The answers again, in the table's order."""
    return tuple(
        Answered(
            id=row["id"],
            prompt_ids=tuple(int(token) for token in row["prompt_ids"]),
            token_ids=tuple(int(token) for token in row["token_ids"]),
            output=row["output"],
            stopped=row["stopped"],
            correct={score: bool(row[score]) for score in SCORES},
            margin=_number(row.get("margin")),
        )
        for row in table.to_dict("records")
    )


def _number(value: Any) -> float | None:
    """None for a number that was not kept: older results have no such column."""
    return None if value is None or math.isnan(value) else float(value)


def _without_rows(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, rows=())
