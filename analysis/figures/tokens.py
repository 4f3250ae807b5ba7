"""Figures of token disagreement: where along a text it lies, and how it is spread over prompt and answer tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.reading import Measure, measure_name, value_of
from analysis.records import DivergenceReport, TokenDivergence

PART_COLOURS = {"prompt": "#8A8A8A", "answer": "#A647B2"}
BINS_PER_DECADE = 4
LOWEST_NATS = 1e-4  # smaller disagreements share the first bin
PART = alt.Color("part:N", title=None, scale=alt.Scale(domain=list(PART_COLOURS), range=list(PART_COLOURS.values())))


def counted_table(report: DivergenceReport, measure: Measure) -> pd.DataFrame:
    """The counted tokens: text_id, part, nats, and `offset`, how many counted tokens from the first answer token (0),
    or from the text's start where no text has an answer (then a text without one is left out)."""
    rows = [
        (prompt.id, token.part, value_of(token, measure), offset)
        for prompt in report.prompts
        for offset, token in _offsets([token for token in prompt.tokens if token.counted], _anchored(report))
    ]
    return pd.DataFrame(rows, columns=["text_id", "part", "nats", "offset"]).astype({"nats": float, "offset": int})


def _anchored(report: DivergenceReport) -> bool:
    return any(token.part == "answer" for prompt in report.prompts for token in prompt.tokens)


def _offsets(tokens: list[TokenDivergence], anchored: bool) -> Iterator[tuple[int, TokenDivergence]]:
    start = next((at for at, token in enumerate(tokens) if token.part == "answer"), None) if anchored else -1
    if start is not None:
        yield from ((at - start, token) for at, token in enumerate(tokens))


def position_table(report: DivergenceReport, measure: Measure) -> pd.DataFrame:
    """Per offset and part: n tokens, median, lower and upper quartile and the largest disagreement, in nats."""
    groups = counted_table(report, measure).groupby(["offset", "part"])["nats"]
    quantiles = {"median": 0.5, "low": 0.25, "high": 0.75, "largest": 1.0}
    columns = {"n": groups.size(), **{name: groups.quantile(share) for name, share in quantiles.items()}}
    return pd.DataFrame(columns).reset_index()


def by_position(report: DivergenceReport, measure: Measure, state: str = "tuned") -> style.Figure:
    """Median disagreement along the text, with the middle half of the tokens as a band."""
    table = position_table(report, measure)
    anchored = _anchored(report)
    x = alt.X(
        "offset:Q",
        title="Tokens from the first answer token" if anchored else "Tokens from the start",
        axis=alt.Axis(grid=False),
    )
    tips = [alt.Tooltip("offset:Q", title="Offset"), alt.Tooltip("n:Q", title="Tokens")]
    tips += [
        alt.Tooltip(f"{name}:Q", title=f"{name} (nats)", format=".3g") for name in ("median", "low", "high", "largest")
    ]
    chart = alt.Chart(table)
    band = chart.mark_area(opacity=0.22).encode(x=x, y=alt.Y("low:Q", title="nats"), y2="high:Q", color=PART)
    line = chart.mark_line(point=alt.OverlayMarkDef(size=36)).encode(x=x, y="median:Q", color=PART, tooltip=tips)
    figure = alt.layer(band, line).properties(height=style.FIGURE_HEIGHT)
    subtitle = "median and middle half over texts" + (" · 0 is the first answer token" if anchored else "")
    return style.finish(figure, f"{measure_name(report, measure, state)}, by position (nats)", subtitle)


def spread_table(report: DivergenceReport, measure: Measure) -> pd.DataFrame:
    """A histogram on a log scale, per part: bin `low` and `high` in nats, n tokens, `share` of the part's tokens."""
    table = counted_table(report, measure).assign(low=lambda rows: rows["nats"].map(_bin))
    counts = table.groupby(["part", "low"]).size().rename("n").reset_index()
    totals = counts.groupby("part")["n"].transform("sum")
    return counts.assign(share=counts["n"] / totals, high=counts["low"] * 10 ** (1 / BINS_PER_DECADE), total=totals)


def _bin(value: float) -> float:
    if value < LOWEST_NATS:
        return LOWEST_NATS
    step = math.floor(np.round(math.log10(value / LOWEST_NATS) * BINS_PER_DECADE, 9))
    return float(LOWEST_NATS * 10 ** (step / BINS_PER_DECADE))


def spread(report: DivergenceReport, measure: Measure, state: str = "tuned") -> style.Figure:
    """How disagreement is spread over tokens, prompt beside answer, on a log scale."""
    table = spread_table(report, measure)
    totals = dict(zip(table["part"], table["total"], strict=True))
    counts = " · ".join(f"{part} n = {numbers.count(totals[part])}" for part in PART_COLOURS if part in totals)
    tips = [alt.Tooltip("part:N"), alt.Tooltip("low:Q", title="from (nats)", format=".2g")]
    tips += [alt.Tooltip("n:Q", title="tokens"), alt.Tooltip("share:Q", format=".1%")]
    figure = (
        alt.Chart(table)
        .mark_bar(opacity=0.6)
        .encode(
            x=alt.X("low:Q", scale=alt.Scale(type="log"), title="nats", axis=alt.Axis(grid=False, format="~g")),
            x2="high:Q",
            y2=alt.datum(0),
            y=alt.Y("share:Q", stack=None, title="share of the part's tokens", axis=alt.Axis(format="%")),
            color=PART,
            tooltip=tips,
        )
        .properties(height=style.FIGURE_HEIGHT)
    )
    return style.finish(figure, f"{measure_name(report, measure, state)}, over tokens", counts)


def spread_words(report: DivergenceReport, measure: Measure) -> str:
    """The message of both figures, for those who do not see them."""
    parts = [
        f"{part}: median {numbers.significant(float(rows['nats'].median()))} nats over {len(rows)} tokens"
        for part, rows in counted_table(report, measure).groupby("part")
    ]
    return "Disagreement by part of the text. " + "; ".join(parts)
