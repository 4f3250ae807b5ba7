"""Question by question: what base, tuned and restored answered, and which answers changed side.

Right and wrong are by the paper's rule (score: contains). Knows questions and evaluations; calls no model.
"""

from collections.abc import Sequence
from typing import Literal

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.knowledge.statistics import right_by_id
from analysis.records import Evaluation, Question

State = Literal["base", "tuned", "restored"]
Chip = Literal["fixed", "broken", "still right", "still wrong", "lost against base"]
CHIPS: dict[Chip, str] = {
    "fixed": "wrong before, right after",
    "broken": "right before, wrong after",
    "still right": "right before and after",
    "still wrong": "wrong before and after",
    "lost against base": "right in base, wrong after",
}
FLIP_CLICK = "flip"
_SIDES = {
    (False, True): "fixed",
    (True, False): "broken",
    (True, True): "still right",
    (False, False): "still wrong",
}


def answers_table(
    questions: Sequence[Question], evaluations: dict[State, Evaluation], before: State, after: State
) -> pd.DataFrame:
    """One row a question asked in all given states.

    Columns: id, side (how the answer changed from `before` to `after`), lost (right in base, wrong after), question,
    gold, each state's output and whether it is right, relation, level, domain.
    """
    outputs = {state: {row.id: row.output for row in evaluation.rows} for state, evaluation in evaluations.items()}
    right = {state: right_by_id(evaluation) for state, evaluation in evaluations.items()}
    asked = [question for question in questions if all(question.id in found for found in right.values())]
    rows = [_row(question, outputs, right, before, after) for question in asked]
    return pd.DataFrame(rows, columns=_columns(list(evaluations)))


def _columns(states: Sequence[State]) -> list[str]:
    answers = [name for state in states for name in (state, f"{state} right")]
    return ["id", "side", "lost", "question", "gold", *answers, "relation", "level", "domain"]


def _row(
    question: Question,
    outputs: dict[State, dict[str, str]],
    right: dict[State, dict[str, bool]],
    before: State,
    after: State,
) -> dict[str, object]:
    answers: dict[str, object] = {}
    for state in outputs:
        answers[state] = outputs[state][question.id].strip()
        answers[f"{state} right"] = right[state][question.id]
    return answers | {
        "id": question.id,
        "side": _SIDES[right[before][question.id], right[after][question.id]],
        "lost": "base" in right and right["base"][question.id] and not right[after][question.id],
        "question": question.question,
        "gold": " · ".join(question.answers),
        "relation": question.relation,
        "level": question.level,
        "domain": question.domain,
    }


def chip_counts(table: pd.DataFrame) -> dict[Chip, int]:
    """How many questions each chip holds."""
    return {chip: int(_holds(table, chip).sum()) for chip in CHIPS}


def pick(table: pd.DataFrame, chips: Sequence[Chip] = (), text: str = "") -> pd.DataFrame:
    """The rows under any of these chips (all without one) whose question or any answer contains the text."""
    chosen = table
    if chips:
        chosen = chosen[pd.concat([_holds(chosen, chip) for chip in chips], axis=1).any(axis=1)]
    wanted = text.strip().casefold()
    if wanted and not chosen.empty:
        words = chosen.drop(columns=["side", "lost"]).astype(str).agg(" ".join, axis=1).str.casefold()
        chosen = chosen[words.str.contains(wanted, regex=False)]
    return chosen


def _holds(table: pd.DataFrame, chip: Chip) -> "pd.Series[bool]":
    return table["lost"].astype(bool) if chip == "lost against base" else table["side"] == chip


def flip_grid(table: pd.DataFrame, before: State, after: State) -> style.Figure:
    """The 2 x 2 counts of right and wrong before and after; a click reports the side as `flip`."""
    counts = table["side"].value_counts()
    cells = pd.DataFrame(
        [
            {"before": _word(was), "after": _word(now), "side": side, "n": int(counts.get(side, 0))}
            for (was, now), side in _SIDES.items()
        ]
    )
    cells["label"] = [f"{numbers.count(n)} {side}" for n, side in zip(cells["n"], cells["side"], strict=True)]
    x = alt.X("after:N", sort=["right", "wrong"], title=f"{after} answers", axis=_AXIS)
    y = alt.Y("before:N", sort=["right", "wrong"], title=f"{before} answers", axis=_AXIS)
    colours = alt.Scale(domain=list(CHIPS)[:4], range=[style.RESTORED, style.TUNED, style.BASE, style.RANDOM])
    tiles = alt.Chart(cells).encode(x=x, y=y, tooltip=["side:N", alt.Tooltip("n:Q", title="questions", format=",")])
    click = alt.selection_point(name=FLIP_CLICK, fields=["side"], on="click")
    rects = tiles.mark_rect(cornerRadius=6, cursor="pointer", stroke="transparent", strokeWidth=4).encode(
        color=alt.Color("side:N", scale=colours, legend=None),
        opacity=alt.condition(click, alt.value(0.28), alt.value(0.1)),
    )
    words = tiles.mark_text(fontSize=15, fontWeight=600).encode(text="label:N")
    chart = alt.layer(rects.add_params(click), words, height=style.SLIM_HEIGHT)
    return style.finish(chart, f"Questions, {before} against {after} (count)", f"n = {numbers.count(len(table))}")


_AXIS = alt.Axis(labelAngle=0, grid=False, ticks=False, domain=False)


def _word(right: bool) -> str:
    return "right" if right else "wrong"


def flip_words(table: pd.DataFrame, before: State, after: State) -> str:
    """The 2 x 2 grid in one sentence."""
    counts = chip_counts(table)
    return (
        f"From {before} to {after}, of {numbers.count(len(table))} questions {counts['fixed']} were fixed and "
        f"{counts['broken']} broken; {counts['still right']} stayed right, {counts['still wrong']} stayed wrong."
    )
