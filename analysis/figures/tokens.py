"""Figures of token disagreement: where along a text it lies, and how it is spread over prompt and answer tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.token_columns import ANSWER, TokenColumns
from analysis.figures.token_intervals import mean_by_text
from analysis.figures.token_measures import WORDS, Measure, measure_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART_COLOURS = {"prompt": "#8A8A8A", "answer": "#A647B2"}
BINS_PER_DECADE = 4
SIGNED_BINS = 30
LOWEST_NATS = 1e-4  # smaller disagreements share the first bin
PART = alt.Color("part:N", title=None, scale=alt.Scale(domain=list(PART_COLOURS), range=list(PART_COLOURS.values())))


def counted_table(columns: TokenColumns, measure: Measure) -> pd.DataFrame:
    """The counted tokens: text_id, part, value, and `offset`, how many counted tokens from the first answer token (0),
    or from the text's start (1) where no text has an answer (then a text without one is left out)."""
    rows = np.flatnonzero(columns.counted)
    texts, answers = columns.text_numbers[rows], (columns.flags[rows] & ANSWER) > 0
    within = np.arange(len(rows)) - _first_of(texts, np.ones(len(rows), bool))
    if _anchored(columns):
        anchors = _first_of(texts, answers)
        offsets, kept = np.arange(len(rows)) - anchors, anchors >= 0
    else:
        offsets, kept = within + 1, np.ones(len(rows), bool)
    names = np.array([prompt.id for prompt in columns.report.prompts] or [""], object)
    table = {
        "text_id": names[texts],
        "part": np.where(answers, "answer", "prompt"),
        "value": columns.values(measure)[rows],
        "offset": offsets,
    }
    return pd.DataFrame({name: column[kept] for name, column in table.items()})


def _first_of(texts: NDArray[np.int64], members: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For every place the first place of the same text among the members, -1 where its text has none."""
    found = np.full(int(texts.max()) + 1 if len(texts) else 1, -1)
    places = np.flatnonzero(members)[::-1]
    found[texts[places]] = places  # the last written is the first
    return found[texts]


def _anchored(columns: TokenColumns) -> bool:
    return bool(((columns.flags & ANSWER) > 0).any())


def position_table(columns: TokenColumns, measure: Measure) -> pd.DataFrame:
    """Per offset and part: n tokens, median, lower and upper quartile and the largest value, in the measure's unit."""
    groups = counted_table(columns, measure).groupby(["offset", "part"])["value"]
    quantiles = {"median": 0.5, "low": 0.25, "high": 0.75, "largest": 1.0}
    found = {"n": groups.size(), **{name: groups.quantile(share) for name, share in quantiles.items()}}
    return pd.DataFrame(found).reset_index()


def by_position(columns: TokenColumns, measure: Measure) -> style.Figure:
    """Median of the measure along the text, with the middle half of the tokens as a band."""
    table, unit = position_table(columns, measure), WORDS[measure].unit
    anchored = _anchored(columns)
    x = alt.X(
        "offset:Q",
        title="Tokens from the first answer token" if anchored else "Tokens from the start",
        axis=alt.Axis(grid=False),
    )
    tips = [alt.Tooltip("offset:Q", title="Offset"), alt.Tooltip("n:Q", title="Tokens")]
    tips += [
        alt.Tooltip(f"{name}:Q", title=f"{name} ({unit})", format=".3g")
        for name in ("median", "low", "high", "largest")
    ]
    chart = alt.Chart(table)
    band = chart.mark_area(opacity=0.22).encode(x=x, y=alt.Y("low:Q", title=unit), y2="high:Q", color=PART)
    line = chart.mark_line(point=alt.OverlayMarkDef(size=36)).encode(x=x, y="median:Q", color=PART, tooltip=tips)
    figure = alt.layer(band, line).properties(height=style.FIGURE_HEIGHT)
    subtitle = "median and middle half over texts" + (" · 0 is the first answer token" if anchored else "")
    return style.finish(figure, f"{measure_name(columns.report, measure)}, by position ({unit})", subtitle)


def spread_table(columns: TokenColumns, measure: Measure) -> pd.DataFrame:
    """A histogram per part: bin `low` and `high` in the measure's unit, n tokens, `share` of the part's tokens.

    Bins are even on a log scale, or even from minus to plus the largest size where the measure has a sign.
    """
    table = counted_table(columns, measure).dropna(subset=["value"])
    if WORDS[measure].signed:
        width = 2 * (float(table["value"].abs().max()) if len(table) else 1.0) / SIGNED_BINS or 1.0
        low = (table["value"] / width).map(math.floor).clip(upper=SIGNED_BINS // 2 - 1) * width
        high = low + width
    else:
        low = table["value"].map(_bin)
        high = low * 10 ** (1 / BINS_PER_DECADE)
    counts = table.assign(low=low, high=high).groupby(["part", "low", "high"]).size().rename("n").reset_index()
    totals = counts.groupby("part")["n"].transform("sum")
    return counts.assign(share=counts["n"] / totals, total=totals)


def _bin(value: float) -> float:
    if value < LOWEST_NATS:
        return LOWEST_NATS
    step = math.floor(np.round(math.log10(value / LOWEST_NATS) * BINS_PER_DECADE, 9))
    return float(LOWEST_NATS * 10 ** (step / BINS_PER_DECADE))


def spread(columns: TokenColumns, measure: Measure) -> style.Figure:
    """How the measure is spread over tokens, prompt beside answer; on a log scale where it has no sign."""
    table, words = spread_table(columns, measure), WORDS[measure]
    totals = dict(zip(table["part"], table["total"], strict=True))
    counts = " · ".join(f"{part} n = {numbers.count(totals[part])}" for part in PART_COLOURS if part in totals)
    tips = [alt.Tooltip("part:N"), alt.Tooltip("low:Q", title=f"from ({words.unit})", format=".2g")]
    tips += [alt.Tooltip("n:Q", title="tokens"), alt.Tooltip("share:Q", format=".1%")]
    scale = alt.Scale(type="linear" if words.signed else "log")
    figure = (
        alt.Chart(table)
        .mark_bar(opacity=0.6)
        .encode(
            x=alt.X("low:Q", scale=scale, title=words.unit, axis=alt.Axis(grid=False, format="~g")),
            x2="high:Q",
            y2=alt.datum(0),
            y=alt.Y("share:Q", stack=None, title="share of the part's tokens", axis=alt.Axis(format="%")),
            color=PART,
            tooltip=tips,
        )
        .properties(height=style.FIGURE_HEIGHT)
    )
    return style.finish(figure, f"{measure_name(columns.report, measure)}, over tokens", counts)


def spread_words(columns: TokenColumns, measure: Measure) -> str:
    """The message of both figures: each part's median, and its mean with the interval over texts."""
    every, unit = columns.values(measure), WORDS[measure].unit
    rows = np.flatnonzero(columns.counted & ~np.isnan(every))
    values, texts = every[rows], columns.text_numbers[rows]
    answers = (columns.flags[rows] & ANSWER) > 0
    parts = []
    for part, inside in (("prompt", ~answers), ("answer", answers)):
        if inside.any():
            parts.append(f"{part}: {_part_words(values[inside], texts[inside], unit)}")
    return f"Disagreement by part of the text. {'; '.join(parts)}. Brackets: 95% intervals over texts."


def _part_words(values: NDArray[np.float64], texts: NDArray[np.int64], unit: str) -> str:
    found, size = mean_by_text(values, texts), len(np.unique(texts))
    low, high = float(found.low[0]), float(found.high[0])
    bounds = "" if math.isnan(low) else f" [{numbers.significant(low)} to {numbers.significant(high)}]"
    return (
        f"median {numbers.significant(float(np.median(values)))} {unit}, mean "
        f"{numbers.significant(float(found.estimate[0]))}{bounds} over {numbers.count(len(values))} tokens of "
        f"{numbers.count(size)} texts"
    )
