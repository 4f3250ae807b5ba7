"""Why low-mastery data does more harm: the levels' gradients by place, their directions, what restoration shares.

An open question of Ye et al., EMNLP 2025; the numbers come from analysis.experiments.gradient_tables. Each figure says
its n, what its bars are, and the control beside it. Knows no store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.experiments.gradient_overlap import Overlap
from analysis.experiments.gradient_tables import By, cosine_table, level_table, norm_table
from analysis.experiments.gradients import Gathered
from analysis.figures import experiments as look
from analysis.figures import numbers, style

MODULES = ("q", "k", "v", "o", "gate", "up", "down")
SCORE_NAMES = {
    "gradient": "largest gradient |g|",
    "relative gradient": "largest |g| / |p|",
    "shuffled relative gradient": "the same, g shuffled (control)",
    "small base": "smallest |p| alone (control)",
}
GRID_HEIGHT = 380
NO_SAMPLES = "no samples needed"


def _level(level: object) -> str:
    return f"level {int(float(str(level)))}"


def level_colours(levels: Sequence[int]) -> alt.Scale:
    """The colour every figure of experiments gives these mastery levels."""
    return alt.Scale(
        domain=[_level(level) for level in levels], range=[look.LEVEL_COLOURS[str(level)] for level in levels]
    )


def cosine_grid(found: Gathered) -> style.Figure:
    """Cosine between the gradients of two levels (-1 to 1), half of the samples each; a level's own halves bordered."""
    table = cosine_table(found)
    turned = table.rename(columns={"first": "second", "second": "first"})
    both = pd.concat([table, turned[turned["first"] != turned["second"]]])
    both = both.assign(
        row=[_level(level) for level in both["first"]],
        column=[_level(level) for level in both["second"]],
        text=[numbers.minus(f"{value:.2f}") for value in both["cosine"]],
        own=both["first"] == both["second"],
        light=both["cosine"].abs() > 0.6,
    )
    x = alt.X("column:N", title=None, axis=alt.Axis(labelAngle=0, orient="top", domain=False, ticks=False))
    y = alt.Y("row:N", title=None, axis=alt.Axis(domain=False, ticks=False))
    colour = alt.Color(
        "cosine:Q",
        scale=alt.Scale(scheme="purpleorange", domain=[-1, 1], reverse=True),
        legend=alt.Legend(title="cosine", orient="right", gradientLength=160),
    )
    tooltip = [
        alt.Tooltip("row:N", title="half of"),
        alt.Tooltip("column:N", title="against half of"),
        alt.Tooltip("cosine:Q", format=".3f"),
        alt.Tooltip("low:Q", title="95% from", format=".3f"),
        alt.Tooltip("high:Q", title="95% to", format=".3f"),
        alt.Tooltip("shared:Q", title="with noise divided out", format=".2f"),
        alt.Tooltip("n:Q", title="samples a half"),
    ]
    chart = alt.Chart(both).encode(x=x, y=y, tooltip=tooltip)
    boxes = chart.mark_rect(cornerRadius=3).encode(color=colour)
    rings = chart.transform_filter("datum.own").mark_rect(
        cornerRadius=3, filled=False, strokeWidth=3, stroke=style.RANDOM
    )
    words = chart.mark_text(fontSize=13, fontWeight=600).encode(
        text="text:N", color=alt.condition("datum.light", alt.value("#FFFFFF"), alt.value("#1A1020"))
    )
    notes = [
        f"halves of {numbers.count(found.settings.n // 2)} samples a level, all ways to halve {found.settings.groups} "
        "groups",
        "bordered: two halves of one level (the control: what noise leaves of 1)",
    ]
    return style.finish(
        alt.layer(boxes, rings, words, height=GRID_HEIGHT),
        "Do the levels' gradients point the same way? (cosine)",
        notes,
    )


def norm_lines(found: Gathered, by: By) -> style.Figure:
    """Norm of each level's mean gradient by layer (or kind of module), with 95% intervals, and the noise it holds."""
    table = norm_table(found, by)
    table = table.assign(named=[_level(level) for level in table["level"]])
    levels = found.settings.levels
    order = sorted(set(table["layer"])) if by == "layer" else [m for m in MODULES if m in set(table["module"])]
    order = [*order, *sorted(set(table[by]) - set(order))]
    shared: dict[str, Any] = {
        "x": alt.X(f"{by}:O", sort=order, title=by, axis=alt.Axis(labelAngle=0, grid=False)),
        "color": alt.Color("named:N", scale=level_colours(levels), title=None, legend=alt.Legend(columns=3)),
        "xOffset": alt.XOffset("named:N", sort=[_level(level) for level in levels]),
        "tooltip": [
            alt.Tooltip("named:N", title="samples of"),
            alt.Tooltip(f"{by}:O", title=by),
            alt.Tooltip("norm:Q", format=".3g"),
            alt.Tooltip("low:Q", title="95% from", format=".3g"),
            alt.Tooltip("high:Q", title="95% to", format=".3g"),
            alt.Tooltip("share:Q", title="of the level's squared norm", format=".1%"),
            alt.Tooltip("noise_share:Q", title="of it noise", format=".0%"),
            alt.Tooltip("n:Q", title="samples"),
        ],
    }
    chart = alt.Chart(table).encode(**shared)
    shapes = alt.Scale(
        domain=[_level(level) for level in levels], range=[look.LEVEL_SHAPES[str(level)] for level in levels]
    )
    points = chart.mark_point(filled=True, size=70, opacity=1).encode(
        y=alt.Y("norm:Q", title=None),
        shape=alt.Shape("named:N", scale=shapes, title=None, legend=alt.Legend(columns=3)),
    )
    rules = chart.mark_rule(strokeWidth=1.75, opacity=0.7).encode(y=alt.Y("low:Q"), y2="high:Q")
    words = f"n = {numbers.count(found.settings.n)} samples a level · bars: 95%, groups left out one at a time"
    return style.finish(
        alt.layer(rules, points, height=style.FIGURE_HEIGHT),
        f"Norm of the mean gradient by {by} (nats per unit of weight)",
        words,
    )


def overlap_dots(overlaps: Sequence[Overlap], percent: float) -> style.Figure:
    """Of what restoration picks first, how much is in the top of each score (0-100%), against chance."""
    table = overlap_table(overlaps)
    table = table[table["percent"] == percent]
    order = [name for name in SCORE_NAMES.values() if name in set(table["score"])]
    levels = sorted({int(level) for level in table["level"].dropna()})
    y = alt.Y("score:N", sort=order, title=None, axis=alt.Axis(labelLimit=260, domain=False, ticks=False))
    x = alt.X("overlap:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT), scale=alt.Scale(domain=[0, 1]))
    names = [*(_level(level) for level in levels), NO_SAMPLES]
    slots = {name: float(number) for number, name in enumerate(names)} | {NO_SAMPLES: (len(levels) - 1) / 2}
    table = table.assign(slot=table["named"].map(slots))
    colours = [*(look.LEVEL_COLOURS[str(level)] for level in levels), style.RANDOM]
    shapes = [*(look.LEVEL_SHAPES[str(level)] for level in levels), "diamond"]
    tooltip = [
        alt.Tooltip("named:N", title="samples of"),
        alt.Tooltip("score:N", title="top of"),
        alt.Tooltip("overlap:Q", title="of the picked", format=".1%"),
        alt.Tooltip("chance:Q", title="by chance", format=".1%"),
        alt.Tooltip("ceiling:Q", title="the score with itself, other samples", format=".1%"),
        alt.Tooltip("picked:Q", title="parameters picked", format=","),
    ]
    chart = alt.Chart(table).encode(y=y, tooltip=tooltip)
    legend = alt.Legend(columns=3)
    points = chart.mark_point(filled=True, size=80, opacity=1).encode(
        x=x,
        color=alt.Color("named:N", scale=alt.Scale(domain=names, range=colours), title=None, legend=legend),
        shape=alt.Shape("named:N", scale=alt.Scale(domain=names, range=shapes), title=None, legend=legend),
        yOffset=alt.YOffset("slot:Q", scale=alt.Scale(domain=[-1, len(levels)])),
    )
    chance = chart.mark_tick(thickness=2.5, color=style.RANDOM, size=40).encode(x=alt.X("chance:Q"))
    picked = numbers.count(table["picked"].max())
    notes = [
        f"of the {picked} parameters with the largest relative change |s − p| / |p|, the share in the top "
        f"{numbers.percent(percent)} of each score",
        "grey ticks: by chance · the two controls know nothing of what was trained on",
    ]
    return style.finish(
        alt.layer(chance, points, height=style.HEAD_HEIGHT + 60 + 62 * max(1, len(order))),
        f"Are the top {numbers.percent(percent)} restored also those with the largest gradients?",
        notes,
    )


def overlap_table(overlaps: Sequence[Overlap]) -> pd.DataFrame:
    """The overlaps as a table, scores in words; `named` says which samples gave the gradient."""
    rows = [vars(one) | {"score": SCORE_NAMES[one.score]} for one in overlaps]
    table = pd.DataFrame(rows)
    return table.assign(
        named=[NO_SAMPLES if level is None or np.isnan(level) else _level(level) for level in table["level"]]
    )


def gradient_words(found: Gathered) -> str:
    """What the levels' gradients say of each other, in a few sentences with their numbers."""
    cosines = {(row["first"], row["second"]): row for row in cosine_table(found).to_dict("records")}
    norms = {row["level"]: row for row in level_table(found).to_dict("records")}
    low, high = found.settings.levels[0], found.settings.levels[-1]
    n, half = numbers.count(found.settings.n), numbers.count(found.settings.n // 2)

    def norm(level: int) -> str:
        row = norms[level]
        return f"{row['norm']:.2g} [{row['low']:.2g}–{row['high']:.2g}] at level {level}"

    def cosine(first: int, second: int) -> str:
        row = cosines[first, second]
        value, low, high = (numbers.minus(f"{row[name]:.2f}") for name in ("cosine", "low", "high"))
        return f"{value} [{low} to {high}]"

    told = f"The mean gradient of {n} samples a level has norm {norm(low)} and {norm(high)}"
    if low != high:
        told += (
            f". Two halves (n = {half} each) of level {low} agree with cosine {cosine(low, low)}, two of level {high} "
            f"with {cosine(high, high)}; across the two levels it is {cosine(low, high)}"
        )
    return f"{told} (95%, groups of samples left out one at a time)."


def norm_words(found: Gathered, by: By) -> str:
    """Where each level's mean gradient is largest, in a sentence."""
    table = norm_table(found, by)
    told = []
    for level in found.settings.levels:
        row = max(table[table["level"] == level].to_dict("records"), key=lambda row: row["norm"])
        place = f"layer {row['layer']}" if by == "layer" else str(row["module"])
        told.append(f"{_level(level)} in {place} ({row['norm']:.2g} [{row['low']:.2g}–{row['high']:.2g}])")
    return (
        f"The norm of the mean gradient is largest for {'; '.join(told)}; n = {numbers.count(found.settings.n)} "
        "samples a level, in brackets 95%."
    )


def overlap_words(overlaps: Sequence[Overlap], percent: float) -> str:
    """How much of what restoration picks first has a large gradient, beside chance and the controls, in a sentence."""
    table = overlap_table(overlaps)
    rows = table[table["percent"] == percent]
    if not len(rows):
        return "This percentage was not compared."
    told = []
    for name, part in rows.groupby("score", sort=False):
        low, high = part["overlap"].min(), part["overlap"].max()
        told.append(f"{name} {numbers.share(low)}" + (f" to {numbers.share(high)} by level" if high > low else ""))
    picked, top = numbers.count(rows["picked"].max()), numbers.percent(percent)
    chance = numbers.share(rows["chance"].mean())
    within = f"{'; '.join(told)}; by chance {chance}"
    return f"Of the {picked} parameters restored first at {top}, in the top {top} of: {within}."
