"""What the base knew, drawn: levels by relation, R against how often a fact was seen, which templates elicit best.

Source of the measure: Ye et al., EMNLP 2025 (arXiv 2509.16596), section 3. Knows the tables of mastery_tables.py only.
"""

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.mastery_tables import LEVEL_NAMES
from analysis.records import MASTERY_LEVELS

LEVEL_CLICK = "level"
BAR_HEIGHT = 19  # pixels a relation
TEMPLATE_HEIGHT = 17  # pixels a template
MOST_BINS = 12
DOUBLINGS = (-1, 0, *(2**power for power in range(40)))


def level_bars(by_relation: pd.DataFrame) -> style.Figure:
    """The share of each relation's facts (0-100%) at each level, best known relation first."""
    long = by_relation.melt(
        ["relation", "name", "facts", "R"], [f"level {level}" for level in MASTERY_LEVELS], "column", "n"
    )
    long["order"] = long["column"].str.removeprefix("level ").astype(int)
    long["level"] = [LEVEL_NAMES[order] for order in long["order"]]
    long["share"] = long["n"] / long["facts"]
    chart = (
        alt.Chart(long)
        .mark_bar(stroke="transparent")
        .encode(
            x=alt.X("share:Q", stack="zero", scale=alt.Scale(domain=[0, 1]), axis=_share_axis("Facts at each level")),
            y=alt.Y(
                "name:N",
                sort=list(by_relation["name"]),
                title=None,
                axis=alt.Axis(labelLimit=260, grid=False, labelOverlap=False, labelFlush=False),
            ),
            color=_level_colour(),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("name:N", title="relation"),
                alt.Tooltip("level:N"),
                alt.Tooltip("n:Q", title="facts", format=","),
                alt.Tooltip("share:Q", title="of the relation", format=".1%"),
                alt.Tooltip("R:Q", title="mean R", format=".2f"),
            ],
        )
    )
    height = style.HEAD_HEIGHT + BAR_HEIGHT * len(by_relation)
    note = f"n = {numbers.count(by_relation['facts'].sum())} facts, best known relation first"
    return style.finish(chart.properties(height=height), "Mastery of facts by relation (%)", note)


def progress_bar(levels: Mapping[int, int]) -> style.Figure:
    """The facts measured so far by level (count), as one bar."""
    table = pd.DataFrame(
        [{"level": LEVEL_NAMES[level], "order": level, "n": levels.get(level, 0)} for level in MASTERY_LEVELS]
    )
    chart = (
        alt.Chart(table, height=46)
        .mark_bar()
        .encode(
            x=alt.X("n:Q", stack="zero", title="Facts measured so far", axis=alt.Axis(format=",d", grid=False)),
            color=_level_colour(),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("level:N"), alt.Tooltip("n:Q", title="facts", format=",")],
        )
    )
    return style.finish(chart, "So far, by level (count)")


def sighting_table(facts: pd.DataFrame) -> pd.DataFrame:
    """R (0-1) of the facts by how often each was seen: facts, mean, and the quantiles p10, p25, p50, p75, p90.

    Each count is a row of its own where there are few of them, else counts are taken together in doublings.
    """
    known = facts.dropna(subset=["sightings"])
    seen = known["sightings"].astype(int)
    if seen.nunique() > MOST_BINS:
        places = np.searchsorted(DOUBLINGS, seen)
        lows = [DOUBLINGS[place - 1] + 1 for place in places]
        seen = pd.Series(lows, index=known.index)
    grouped = known["R"].groupby(seen)
    found = grouped.quantile(np.array([0.1, 0.25, 0.5, 0.75, 0.9])).unstack()
    found.columns = ["p10", "p25", "p50", "p75", "p90"]
    found.insert(0, "facts", grouped.size())
    found.insert(1, "mean", grouped.mean())
    return found.rename_axis("seen").reset_index()


def sighting_boxes(facts: pd.DataFrame) -> style.Figure:
    """R (0-100%) against how often a fact was seen in training: median, mean, middle half, 10th to 90th percentile."""
    table = sighting_table(facts)
    tooltip = [
        alt.Tooltip("seen:O", title="seen at least" if _binned(facts) else "seen (times)"),
        alt.Tooltip("facts:Q", format=","),
        alt.Tooltip("mean:Q", title="mean R", format=".1%"),
        alt.Tooltip("p50:Q", title="median", format=".1%"),
        alt.Tooltip("p25:Q", title="middle half from", format=".1%"),
        alt.Tooltip("p75:Q", title="to", format=".1%"),
    ]
    title = "Times the fact was seen" + (", at least" if _binned(facts) else "")
    x = alt.X("seen:O", title=title, axis=alt.Axis(labelAngle=0, grid=False))
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(format=style.PERCENT_FORMAT, title=None)
    chart = alt.Chart(table).encode(x=x, tooltip=tooltip)
    layers = [
        chart.mark_rule(color=style.BASE, strokeWidth=2).encode(y=alt.Y("p10:Q", scale=scale, axis=axis), y2="p90:Q"),
        chart.mark_bar(color=style.BASE, opacity=0.35, size=34).encode(y="p25:Q", y2="p75:Q"),
        chart.mark_tick(color=style.BASE, thickness=3, size=34).encode(y="p50:Q"),
        chart.mark_point(color=style.BASE, size=55).encode(y="mean:Q"),
    ]
    figure = alt.layer(*layers, height=style.FIGURE_HEIGHT)
    key = "line: median, dot: mean, box: middle half, rule: 10–90%"
    note = [f"n = {numbers.count(table['facts'].sum())}", key]
    return style.finish(figure, "R against how often the fact was seen (%)", note)


def sighting_words(facts: pd.DataFrame) -> str:
    """The boxes in a sentence."""
    table = sighting_table(facts)
    parts = [
        f"seen {numbers.count(row['seen'])}×: median {numbers.share(row['p50'])} of {numbers.count(row['facts'])} facts"
        for row in table.to_dict("records")
    ]
    few = " A preview: each R is of fewer samples than a full measurement's." if "sure" in facts else ""
    return f"R by how often a fact was seen: {'; '.join(parts)}.{few}"


def _binned(facts: pd.DataFrame) -> bool:
    return int(facts["sightings"].nunique()) > MOST_BINS


def template_bars(rates: pd.DataFrame) -> style.Figure:
    """How often each template of one relation elicits the object (0-100%), best first, with its interval."""
    table = rates.assign(template=rates["template"].str.replace("{subject}", "…", regex=False))
    y = alt.Y(
        "template:N",
        sort=list(table["template"]),
        title=None,
        axis=alt.Axis(labelLimit=330, grid=False, labelOverlap=False, labelFlush=False),
    )
    tooltip = [
        alt.Tooltip("template:N"),
        alt.Tooltip("rate:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="95% to", format=".1%"),
        alt.Tooltip("facts:Q", format=","),
    ]
    chart = alt.Chart(table).encode(y=y, tooltip=tooltip)
    axis = alt.Axis(format=style.PERCENT_FORMAT, title="Completions that hold the object", tickCount=5)
    x = alt.X("rate:Q", scale=style.accuracy_scale(table["high"]), axis=axis)
    bars = chart.mark_bar(color=style.BASE, opacity=0.5).encode(x=x)
    rules = chart.mark_rule(color=style.RANDOM, strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
    figure = alt.layer(bars, rules, height=style.HEAD_HEIGHT + TEMPLATE_HEIGHT * len(table))
    facts = numbers.count(table["facts"].iloc[0])
    note = f"n = {facts} facts · rule: 95% Wilson interval, the fact as its unit"
    return style.finish(figure, f"Templates of {table['name'].iloc[0]} (% right)", note)


def _share_axis(title: str) -> alt.Axis:
    return alt.Axis(format=style.PERCENT_FORMAT, title=title, grid=False, tickCount=5)


def _level_colour() -> alt.Color:
    scale = alt.Scale(domain=list(LEVEL_NAMES), range=list(style.LEVEL_COLOURS))
    legend = alt.Legend(orient="top", columns=style.legend_columns(5, 2, below=360))
    return alt.Color("level:N", scale=scale, sort=list(LEVEL_NAMES), title=None, legend=legend)
