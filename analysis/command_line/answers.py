"""From records to the fields that are printed, where more is told than the record as it stands. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.records import Evaluation, Question, RestoreCount, Stop

if TYPE_CHECKING:
    import pandas as pd

    from analysis.knowledge.mastery_table import MasteryTable


def change_fields(count: RestoreCount) -> dict[str, Any]:
    """What a restoration really changes, beside the cliff; `realised` says where rounding put a blend's values."""
    realised = count.realised
    return {
        "effective_percent": count.effective_percent,
        "changed_percent": count.changed_percent,
        "effective_l2_percent": count.effective_l2_percent,
        "realised": msgspec.to_builtins(realised) if realised else None,
    }


def count_rows(records: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows with their restored counts under percentages as people write them: "20", not "20.0"."""
    rows = [msgspec.to_builtins(record) for record in records]
    return [{**row, "restored": {f"{float(k):g}": count for k, count in row["restored"].items()}} for row in rows]


def evaluation_fields(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation's numbers without its rows: those are `answer_lines`."""
    fields: dict[str, Any] = msgspec.to_builtins(replace(evaluation, rows=()))
    del fields["rows"]
    return fields


def answer_lines(questions: Sequence[Question], evaluation: Evaluation) -> list[dict[str, Any]]:
    """Every answer beside the question it was given to."""
    asked = {question.id: question for question in questions}
    return [
        {
            "id": row.id,
            "question": asked[row.id].question,
            "answers": asked[row.id].answers,
            **{name: value for name, value in msgspec.to_builtins(row).items() if name != "id"},
        }
        for row in evaluation.rows
    ]


def stop_fields(stop: Stop) -> dict[str, Any]:
    """One line of a sweep: what was restored, what that changed, and what came of it."""
    evaluation = evaluation_fields(stop.evaluation)
    return {
        "strategy": stop.spec.strategy,
        "seed": stop.spec.seed,
        "percent": stop.spec.percent,
        "arithmetic": stop.spec.arithmetic,
        "among": stop.spec.among,
        **change_fields(stop.count),
        "count": stop.count.count,
        "threshold": stop.count.threshold,
        **{name: evaluation[name] for name in ("n", "accuracy", "wilson95", "by_domain")},
        "fixed": stop.versus_tuned.fixed,
        "broken": stop.versus_tuned.broken,
        "mcnemar_p": stop.versus_tuned.mcnemar_p,
        "three_way": msgspec.to_builtins(stop.three_way),
        "macro_change": msgspec.to_builtins(stop.macro_change),
        "verified_rows": evaluation["engine"].get("verified_rows"),
        "decoded_rows": evaluation["engine"].get("decoded_rows"),
        "seconds": evaluation["seconds"],
    }


def preview_fields(table: MasteryTable) -> dict[str, Any]:
    """How sure a preview is: facts at each level as estimated with a 95% interval, and how many facts are settled."""
    from analysis.knowledge.mastery_preview import preview_odds

    found = preview_odds(table)
    counts = {str(level): {"facts": told[0], "low": told[1], "high": told[2]} for level, told in found.counts.items()}
    return {"estimated_levels": counts, "settled": int(found.settled.sum())}


def table_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as JSON takes them: what is missing is null."""
    return [plain(row) for row in table.to_dict("records")]


def plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as JSON takes it: NaN, which JSON has no word for, is null."""
    return {str(name): None if value != value else value for name, value in row.items()}  # NaN alone is not itself
