"""Disagreement by what the questions ask: by relation, by mastery level, and from state to state.

Means over tokens with 95% intervals, texts drawn (token_intervals). Knows no streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import mastery_tables, numbers, style
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_intervals import mean_by_text
from analysis.figures.token_mass import PARTS, Part, rows_of
from analysis.figures.token_measures import WORDS, Measure, measure_name
from analysis.records import Question

Fact = Literal["relation", "level"]
FACT_NAMES: dict[Fact, str] = {"relation": "relation", "level": "mastery level"}
ROW_HEIGHT = 24  # pixels a group
FEWEST_TEXTS = 5  # for an interval: with two its t quantile is 12.7, and nothing else is seen beside it
COLUMNS = ("group", "n", "texts", "mean", "low", "high")
COMPARISON_COLOURS = {"tuned": style.TUNED, "restored": style.RESTORED}


def fact_table(
    columns: TokenColumns, measure: Measure, questions: Mapping[str, Question], fact: Fact, part: Part
) -> pd.DataFrame:
    """One row a relation or level: n tokens of that part, texts, the mean with `low` and `high` (missing with fewer
    than FEWEST_TEXTS texts); texts without a known question, relation or level are left out."""
    rows = rows_of(columns, part)
    named = [_group(questions.get(prompt.id), fact) for prompt in columns.report.prompts]
    groups = np.array([named[text] for text in columns.text_numbers[rows]], object)
    known = sorted({group for group in groups.tolist() if group is not None}, key=_order)
    return pd.DataFrame(
        [_row(columns, measure, rows[groups == group], group) for group in known], columns=list(COLUMNS)
    )


def _group(question: Question | None, fact: Fact) -> str | None:
    if question is None:
        return None
    if fact == "relation":
        return mastery_tables.relation_name(question.relation) if question.relation else None
    return None if question.level is None else str(question.level)


def _order(group: str) -> tuple[bool, str]:
    return (not group.isdigit(), group)


def _row(columns: TokenColumns, measure: Measure, rows: np.ndarray, name: str) -> dict[str, object]:
    values, texts = columns.values(measure)[rows], columns.text_numbers[rows]
    found, size = mean_by_text(values, texts), len(np.unique(texts))
    low, high = (float(end[0]) if size >= FEWEST_TEXTS else math.nan for end in (found.low, found.high))
    return {"group": name, "n": len(rows), "texts": size, "mean": float(found.estimate[0]), "low": low, "high": high}


def fact_figure(table: pd.DataFrame, columns: TokenColumns, measure: Measure, fact: Fact, part: Part) -> style.Figure:
    """The means as points with their intervals, one row a relation or level."""
    order = list(table["group"]) if fact == "level" else list(table.sort_values("mean", ascending=False)["group"])
    y = alt.Y("group:N", sort=order, title=None, axis=alt.Axis(labelLimit=230))
    colour = COMPARISON_COLOURS.get(columns.report.state, style.TUNED)
    title = f"{measure_name(columns.report, measure)}, by {FACT_NAMES[fact]} ({WORDS[measure].unit})"
    figure = _dots(table, y, colour, WORDS[measure].unit)
    return style.finish(figure, title, _interval_words(part))


def _interval_words(part: Part) -> str:
    return f"mean over {PARTS[part]}, 95% interval over texts where there are {FEWEST_TEXTS} or more"


def _dots(table: pd.DataFrame, y: alt.Y, colour: str, unit: str) -> style.Figure:
    tips = [
        alt.Tooltip("group:N", title="group"),
        alt.Tooltip("mean:Q", title=f"mean ({unit})", format=".3g"),
        alt.Tooltip("low:Q", title="from", format=".3g"),
        alt.Tooltip("high:Q", title="to", format=".3g"),
        alt.Tooltip("n:Q", title="tokens", format=","),
        alt.Tooltip("texts:Q", title="texts", format=","),
    ]
    chart = alt.Chart(table)
    bars = chart.mark_rule(color=colour, strokeWidth=2, opacity=0.55).encode(
        y=y, x=alt.X("low:Q", title=unit), x2="high:Q"
    )
    dots = chart.mark_point(color=colour, filled=True, size=70).encode(y=y, x="mean:Q", tooltip=tips)
    return alt.layer(bars, dots).properties(height=style.HEAD_HEIGHT + ROW_HEIGHT * max(3, len(table)))


def state_table(compared: Mapping[str, TokenColumns], measure: Measure, part: Part) -> pd.DataFrame:
    """One row a comparison ('KL(tuned ‖ base)', ...): n, texts, mean, low, high of the measure over that part."""
    rows = [_row(columns, measure, rows_of(columns, part), name) for name, columns in compared.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def state_figure(table: pd.DataFrame, measure: Measure, part: Part) -> style.Figure:
    """Base to tuned to restored: the three comparisons of the same texts under one another."""
    y = alt.Y("group:N", sort=list(table["group"]), title=None, axis=alt.Axis(labelLimit=260))
    figure = _dots(table, y, style.RESTORED, WORDS[measure].unit)
    title = f"Base, tuned, restored: {WORDS[measure].short.format(top='k')} ({WORDS[measure].unit})"
    return style.finish(figure, title, _interval_words(part))


def fact_words(table: pd.DataFrame, fact: Fact) -> str:
    """The figure's message: the highest and lowest group with their intervals, and whether these tell them apart."""
    if table.empty:
        return f"None of these texts has a known {FACT_NAMES[fact]}."
    rows: list[dict[Hashable, Any]] = table.sort_values("mean").to_dict("records")
    least, most = rows[0], rows[-1]
    if len(rows) == 1:
        return f"By {FACT_NAMES[fact]}, one alone: {_group_words(most)}."
    return (
        f"By {FACT_NAMES[fact]}: highest {_group_words(most)}, lowest {_group_words(least)}. "
        f"{_apart_words(most, least, len(rows))}"
    )


def _group_words(row: Mapping[Hashable, Any]) -> str:
    bounds = "" if math.isnan(row["low"]) else f" [{_range(row)}]"
    return f"{row['group']} ({numbers.significant(row['mean'])}{bounds}, n = {numbers.count(row['n'])})"


def _range(row: Mapping[Hashable, Any]) -> str:
    return f"{numbers.significant(row['low'])} to {numbers.significant(row['high'])}"


def _apart_words(most: Mapping[Hashable, Any], least: Mapping[Hashable, Any], groups: int) -> str:
    if math.isnan(most["low"]) or math.isnan(least["low"]):
        return f"Fewer than {FEWEST_TEXTS} texts stand behind one of them, so no order is shown."
    if least["high"] >= most["low"]:
        return "Their 95% intervals over texts overlap: the order of the two is not shown."
    chosen = f" They are the extremes of {groups}, and look further apart than they are." if groups > 2 else ""
    return f"Their 95% intervals over texts do not meet.{chosen}"


def state_words(table: pd.DataFrame, measure: Measure, part: Part) -> str:
    """Base, tuned and restored in a sentence: every comparison with its interval, over how many tokens and texts."""
    rows: list[dict[Hashable, Any]] = table.to_dict("records")
    told = [f"{row['group']} {numbers.significant(row['mean'])}{_bounds(row)}" for row in rows]
    size = f"n = {numbers.count(rows[0]['n'])} tokens of {numbers.count(rows[0]['texts'])} texts" if rows else "nothing"
    return (
        f"{WORDS[measure].unit.capitalize()}, mean over {PARTS[part]} ({size}): {'; '.join(told)}. Brackets: 95% "
        "intervals over texts; the texts are the same, so overlapping ones may still differ."
    )


def _bounds(row: Mapping[Hashable, Any]) -> str:
    return " (too few texts for an interval)" if math.isnan(row["low"]) else f" [{_range(row)}]"
