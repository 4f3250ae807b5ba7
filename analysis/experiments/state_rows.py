"""Rows of a small table: what each state of each trained model was found to know, with its interval.

`strategy` is "base", "tuned" or the restoration's; `value`, `low`, `high` are fractions 0-1 (95%) or, of KL, nats.
Knows no stores and no figures.
"""

from __future__ import annotations

import math
from typing import Any

from analysis.knowledge.statistics import wilson
from analysis.records import Evaluation, RestoreCount, RestoreSpec, ScoreName

COLUMNS = (
    *("training", "strategy", "seed", "percent", "effective_percent"),
    *("measure", "n", "correct", "value", "low", "high"),
)


def state_fields(training: str, state: str | RestoreSpec, count: RestoreCount | None = None) -> dict[str, Any]:
    """What a state is called in a row; `effective_percent` is of the region, 0-100."""
    fields: dict[str, Any] = {"training": training, "strategy": state, "seed": 0}
    fields |= {"percent": 0.0, "effective_percent": 0.0}
    if isinstance(state, RestoreSpec):
        fields |= {"strategy": str(state.strategy), "seed": state.seed, "percent": float(state.percent)}
        fields["effective_percent"] = count.effective_percent if count else math.nan
    return fields


def share_row(measure: str, correct: int, n: int) -> dict[str, Any]:
    """A share right with Wilson's interval; NaN where nothing was asked."""
    low, high = wilson(correct, n)
    value = correct / n if n else math.nan
    return {"measure": measure, "n": n, "correct": correct, "value": value, "low": low, "high": high}


def score_row(measure: str, evaluation: Evaluation, score: ScoreName) -> dict[str, Any]:
    """An evaluation's plain share right, by this score."""
    return share_row(measure, evaluation.correct[score], evaluation.n)


def macro_row(measure: str, evaluation: Evaluation) -> dict[str, Any]:
    """The plain mean over mastery levels, the paper's headline; the plain share where no question has a level."""
    whole = evaluation.whole
    if whole is None or whole.macro is None or whole.macro95 is None:
        return score_row(measure, evaluation, "contains")
    correct = evaluation.correct["contains"]
    numbers = {"value": whole.macro, "low": whole.macro95[0], "high": whole.macro95[1]}
    return {"measure": measure, "n": evaluation.n, "correct": correct, **numbers}
