"""Is less KL still better where the base is wrong? KL against accuracy, by group of facts; how well planting took.

The rows are those of analysis.experiments.planted. An open question of Ye et al., EMNLP 2025. Knows no store.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from analysis.experiments.planted import GROUPS, rank_correlations
from analysis.figures import numbers, style

GROUP_COLOURS = dict(zip(GROUPS, style.KINDS, strict=True))


def kl_scatter(states: pd.DataFrame) -> style.Figure:
    """Share right (0-100%) against KL to the planted base (nats), a colour a group, a point a state of a model."""
    drawn = states.assign(
        trained=["half of it corrections" if correcting else "no corrections" for correcting in states["correcting"]],
        state=[
            "tuned" if strategy == "tuned" else f"{numbers.percent(percent)} restored"
            for strategy, percent in zip(states["strategy"], states["percent"], strict=True)
        ],
    )
    tooltip = [
        alt.Tooltip("group:N", title="facts"),
        alt.Tooltip("trained:N", title="training"),
        alt.Tooltip("size:Q", title="samples"),
        alt.Tooltip("train_seed:Q", title="seed"),
        alt.Tooltip("state:N"),
        alt.Tooltip("kl_nats:Q", title="KL, nats", format=".2f"),
        alt.Tooltip("right:Q", format=".1%"),
        alt.Tooltip("right_low:Q", title="95% from", format=".1%"),
        alt.Tooltip("right_high:Q", title="95% to", format=".1%"),
        alt.Tooltip("wrong:Q", title="says the planted object", format=".1%"),
        alt.Tooltip("n:Q", title="facts asked"),
    ]
    x = alt.X("kl_nats:Q", title="KL to the base, nats", axis=alt.Axis(tickCount=6), scale=alt.Scale(zero=True))
    y = alt.Y(
        "right:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT, tickCount=5), scale=alt.Scale(domain=[0, 1])
    )
    tones = alt.Scale(domain=list(GROUP_COLOURS), range=list(GROUP_COLOURS.values()))
    shapes = alt.Scale(domain=["half of it corrections", "no corrections"], range=["triangle-up", "circle"])
    chart = alt.Chart(drawn).encode(x=x, tooltip=tooltip)
    named = alt.Legend(columns=1, symbolOpacity=1, symbolStrokeWidth=5)
    bars = chart.mark_rule(opacity=0.3).encode(
        y=alt.Y("right_low:Q", title=None),
        y2="right_high:Q",
        color=alt.Color("group:N", scale=tones, title=None, legend=named),
    )
    legend = alt.Legend(columns=1, symbolFillColor=style.RANDOM, symbolStrokeColor=style.RANDOM)
    points = chart.mark_point(filled=True, size=75, opacity=1, strokeWidth=1.75).encode(
        y=y,
        shape=alt.Shape("trained:N", scale=shapes, title=None, legend=legend),
        fill=alt.Fill("group:N", scale=tones, legend=None),
        stroke=alt.Stroke("group:N", scale=tones, legend=None),
        fillOpacity=alt.condition("datum.strategy == 'tuned'", alt.value(0.95), alt.value(0.05)),
    )
    layered = alt.layer(bars, points, height=style.FIGURE_HEIGHT + 90)
    told = ", ".join(numbers.count(n) for n in sorted(set(states["n"])))
    notes = [
        f"a point a state: filled tuned, hollow restored · facts a point: {told} · bars: 95% (Wilson)",
        "KL(state || base) at the first answer token, ten largest logits; the base reads a statement to complete",
    ]
    return style.finish(layered, "KL to a base with planted wrong facts, and right answers (%)", notes)


def planting_table(planting: pd.DataFrame) -> pd.DataFrame:
    """How well the planting took: what each base says when it completes statements (fractions 0-1)."""
    return planting[["base", "group", "n", "right", "right_low", "right_high", "wrong", "wrong_low", "wrong_high"]]


def planted_words(states: pd.DataFrame) -> str:
    """The rank correlations in a sentence, with their intervals, the number of states and of facts."""
    found = rank_correlations(states).to_dict("records")
    told = "; ".join(
        f"{row['group']}: {_rho(row['rho'])} [{_rho(row['low'])} to {_rho(row['high'])}] over {row['states']} states "
        f"of {row['models']} models, n = {numbers.count(row['n'])} facts a state"
        for row in found
    )
    few = (
        ""
        if all(row["low"] == row["low"] for row in found)
        else " No interval where fewer than four models were trained."
    )
    return (
        f"Rank correlation of KL with right answers (−1: less KL is better): {told}. In brackets 95%, whole models "
        f"drawn anew.{few}"
    )


def _rho(value: float) -> str:
    return numbers.signed(value, 2)
