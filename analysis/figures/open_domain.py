"""Another domain than places in training: two plans' tuned models beside each other, asked on both domains.

Rows come from the plans' result tables (analysis.experiments.results). Ye et al., EMNLP 2025, train on places alone.
Knows no store.
"""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import pandas as pd

from analysis.experiments.spread import level_name, measured, over_runs, size_name, spread_kind
from analysis.figures import numbers, style

PLACES, OTHERS = "places", "people, works and groups"
TRAINED = {PLACES: f"trained on {PLACES}", OTHERS: f"trained on {OTHERS}"}
ASKED = {PLACES: f"asked about {PLACES}", OTHERS: f"asked about {OTHERS}"}
COLOURS = ("#2F86B0", "#A67C00")


def domain_rows(places: pd.DataFrame, others: pd.DataFrame, variant: str = "sft") -> pd.DataFrame:
    """Mean accuracy over mastery levels (0-1), a row a domain trained on, domain asked, level and size.

    `places` and `others` are the result tables of a plan trained on places and of one trained on the other relations;
    only sizes both have are kept.
    """
    parts = [*_asked(places, PLACES, OTHERS, variant), *_asked(others, OTHERS, PLACES, variant)]
    rows = pd.concat(parts, ignore_index=True)
    shared = set.intersection(*(set(rows.loc[rows["trained_on"] == each, "size"]) for each in (PLACES, OTHERS)))
    kept = rows[rows["size"].isin(shared)].reset_index(drop=True)
    return kept.assign(
        trained=kept["trained_on"].map(TRAINED),
        asked=kept["asked_on"].map(ASKED),
        level_name=[level_name(level) for level in kept["level"]],
        samples=[size_name(size) for size in kept["size"]],
    )


def _asked(table: pd.DataFrame, inside: str, outside: str, variant: str) -> Iterator[pd.DataFrame]:
    for domain, asked in (("in", inside), ("out", outside)):
        rows = measured(table, "accuracy", strategy="", domain=domain, group="macro", variant=variant)
        yield over_runs(rows, ("level", "size")).assign(trained_on=inside, asked_on=asked)


def domain_points(rows: pd.DataFrame, asked: str) -> style.Figure:
    """Share right (0-100%) on one domain by the level trained on: a colour a domain trained on, a shape a size."""
    rows = rows[rows["asked_on"] == asked]
    sizes = [size_name(size) for size in sorted(set(rows["size"]))]
    levels = [level_name(level) for level in sorted(set(rows["level"]))]
    names = [TRAINED[each] for each in (PLACES, OTHERS)]
    colour = alt.Color(
        "trained:N", scale=alt.Scale(domain=names, range=list(COLOURS)), title=None, legend=alt.Legend(columns=1)
    )
    shapes = alt.Scale(domain=sizes, range=["circle", "square", "triangle-up", "diamond", "cross"][: len(sizes)])
    legend = alt.Legend(symbolFillColor=style.RANDOM)
    slots = [f"{name} {size}" for name in names for size in sizes]
    drawn = rows.assign(slot=[f"{row['trained']} {row['samples']}" for row in rows.to_dict("records")])
    x = alt.X("level_name:N", sort=levels, title=None, axis=alt.Axis(labelAngle=0, grid=False))
    chart = alt.Chart(drawn).encode(x=x, color=colour, xOffset=alt.XOffset("slot:N", sort=slots))
    y = alt.Y(
        "mean:Q",
        title=None,
        axis=alt.Axis(format=style.PERCENT_FORMAT, tickCount=5),
        scale=style.accuracy_scale(drawn["high"].fillna(drawn["mean"])),
    )
    rules = chart.mark_rule(strokeWidth=1.75, opacity=0.7).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    points = chart.mark_point(filled=True, size=85, opacity=1).encode(
        y=y, shape=alt.Shape("samples:N", scale=shapes, title="facts", legend=legend), tooltip=_tooltip()
    )
    told = " and ".join(numbers.count(n) for n in sorted(set(rows["n"])))
    notes = [f"mean over mastery levels · n = {told} questions a run · bars: {spread_kind(rows)}"]
    title = f"Right answers about {asked}, by what was trained on (%)"
    return style.finish(alt.layer(rules, points, height=style.FIGURE_HEIGHT + 40), title, notes)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("trained:N", title=" "),
        alt.Tooltip("asked:N", title=" "),
        alt.Tooltip("level_name:N", title="facts of"),
        alt.Tooltip("samples:N", title="facts"),
        alt.Tooltip("mean:Q", title="right, mean", format=".1%"),
        alt.Tooltip("low:Q", title="from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("runs:Q", title="runs"),
        alt.Tooltip("n:Q", title="questions a run"),
    ]


def domain_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The panels as one table, places beside the others (fractions 0-1): mean, low and high of the runs."""
    kept = rows.sort_values(["asked_on", "size", "level"])
    wide = kept.pivot(index=["asked_on", "size", "level"], columns="trained_on", values=["mean", "low", "high"])
    wide.columns = [f"{column[1]}: {column[0]}" for column in wide.columns.to_flat_index()]
    return wide.reset_index().rename(columns={"asked_on": "asked about", "size": "facts", "level": "level trained on"})


def domain_words(rows: pd.DataFrame) -> str:
    """Whether level 0 does the most harm in both domains, in a sentence with its numbers."""
    size = max(rows["size"])
    parts = []
    for trained in (PLACES, OTHERS):
        own = rows[(rows["trained_on"] == trained) & (rows["asked_on"] == trained) & (rows["size"] == size)]
        found = own.set_index("level")["mean"].to_dict()
        worst = min(found, key=lambda level: found[level], default=None)
        best = max(found, key=lambda level: found[level], default=None)
        if worst is not None and best is not None:
            parts.append(
                f"trained on {size_name(size)} facts about {trained}, worst is {level_name(worst)} "
                f"({numbers.share(found[worst])}) and best {level_name(best)} ({numbers.share(found[best])})"
            )
    told = "; ".join(parts)
    return f"Asked about the same domain: {told}." if told else "Nothing is measured in both plans yet."
