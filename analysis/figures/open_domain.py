"""Another domain than places in training: two plans' tuned models beside each other, asked on both domains.

Rows come from the plans' result tables (analysis.experiments.results). Ye et al., EMNLP 2025, train on places alone.
Knows no store.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import altair as alt
import pandas as pd

from analysis.experiments.spread import compared, headline, level_name, measured, over_runs, size_name, spread_kind
from analysis.figures import experiments as look
from analysis.figures import numbers, style

PLACES, OTHERS = "places", "people, works and groups"
TRAINED = {PLACES: f"trained on {PLACES}", OTHERS: f"trained on {OTHERS}"}
ASKED = {PLACES: f"asked about {PLACES}", OTHERS: f"asked about {OTHERS}"}
COLOURS = {TRAINED[PLACES]: style.KINDS[0], TRAINED[OTHERS]: style.KINDS[1]}
State = Literal["tuned", "restored", "random"]
STATES: dict[State, str] = {"tuned": "as tuned", "restored": "top 20% restored", "random": "20% at random (control)"}
STOPS: dict[State, tuple[str, float]] = {
    "tuned": ("", 0.0),
    "restored": ("relative-top", 20.0),
    "random": ("random", 20.0),
}


def domain_rows(
    places: pd.DataFrame | None = None, others: pd.DataFrame | None = None, variant: str = "sft"
) -> pd.DataFrame:
    """Headline accuracy (0-1), a row a domain trained on, domain asked, state of the model, level and size.

    `places` and `others` are the result tables of a plan trained on places and of one trained on the other relations;
    of two plans only sizes both have are kept, and one alone is told alone.
    """
    given = [(table, *domains) for table, domains in ((places, (PLACES, OTHERS)), (others, (OTHERS, PLACES)))]
    parts = [
        part
        for table, inside, outside in given
        if table is not None
        for part in _asked(table, inside, outside, variant)
    ]
    rows = pd.concat(parts, ignore_index=True)
    trained = set(rows["trained_on"])
    shared = set.intersection(
        *(set(rows.loc[rows["trained_on"] == each, "size"]) for each in trained), set(rows["size"])
    )
    together = places is not None and others is not None
    kept = rows[rows["size"].isin(shared)] if not together or len(trained) == len(TRAINED) else rows[:0]
    kept = kept.reset_index(drop=True)
    return kept.assign(
        trained=kept["trained_on"].map(TRAINED),
        asked=kept["asked_on"].map(ASKED),
        level_name=[level_name(level) for level in kept["level"]],
        samples=[size_name(size) for size in kept["size"]],
    )


def _asked(table: pd.DataFrame, inside: str, outside: str, variant: str) -> Iterator[pd.DataFrame]:
    for domain, asked in (("in", inside), ("out", outside)):
        for state, (strategy, percent) in STOPS.items():
            fields = {"strategy": strategy, "percent": percent, "domain": domain, "variant": variant}
            rows = measured(table, "accuracy", group=headline(table), **fields)
            yield over_runs(rows, ("level", "size")).assign(trained_on=inside, asked_on=asked, state=state)


def domain_points(rows: pd.DataFrame, asked: str, state: State = "tuned") -> style.Figure:
    """Share right (0-100%) on one domain by the level trained on: a colour a domain trained on, a shape a size."""
    rows = rows[(rows["asked_on"] == asked) & (rows["state"] == state)]
    sizes = [size_name(size) for size in sorted(set(rows["size"]))]
    levels = [level_name(level) for level in sorted(set(rows["level"]))]
    names = [words for domain, words in TRAINED.items() if domain in set(rows["trained_on"])]
    colour = alt.Color(
        "trained:N",
        scale=alt.Scale(domain=names, range=[COLOURS[name] for name in names]),
        title=None,
        legend=alt.Legend(columns=1, labelLimit=300),
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
    notes = [f"mean over mastery levels · n = {_counts(rows['n'])} questions a run · bars: {spread_kind(rows)}"]
    title = f"Right answers about {asked}, {STATES[state]} (%)"
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
    """A row a domain asked, domain trained on, size and level: each state's mean and spread (0-1), runs and n."""
    by = ["asked_on", "trained_on", "size", "level"]
    found = rows.groupby(by, as_index=False).agg(runs=("runs", "max"), n=("n", "max")).set_index(by)
    for state in STATES:
        own = rows[rows["state"] == state].set_index(by)
        for column, name in (("mean", state), ("low", f"{state}_low"), ("high", f"{state}_high")):
            found[name] = own[column]
    numbers_last = [*(name for name in found.columns if name not in ("runs", "n")), "runs", "n"]
    named = {"asked_on": "asked about", "trained_on": "trained on", "size": "facts", "level": "level trained on"}
    return found[numbers_last].reset_index().rename(columns=named)


def domain_words(rows: pd.DataFrame) -> str:
    """Whether level 0 does the most harm, and what restoring 20% does, in each domain: numbers, spread, n."""
    own = rows[rows["trained_on"] == rows["asked_on"]]
    if not len(own):
        return "Nothing is measured yet."
    size = max(own["size"], key=lambda each: (each == 0, each))
    told = [_domain_told(own[(own["trained_on"] == domain) & (own["size"] == size)], domain) for domain in TRAINED]
    kinds = f"In brackets {spread_kind(own)}; n = {_counts(own['n'])} questions a run."
    return " ".join(
        [f"Trained on {size_name(size)} facts and asked about the same domain:", *filter(None, told), kinds]
    )


_NOT_LOWEST, _UNTOLD = "level 0 is not the lowest", "which is lowest cannot be told"


def _domain_told(rows: pd.DataFrame, domain: str) -> str:
    states = {state: {row["level"]: row for row in rows[rows["state"] == state].to_dict("records")} for state in STATES}
    tuned = states["tuned"]
    if not tuned:
        return ""
    words = "; ".join(f"{level_name(level)} {look.spread_words(tuned[level])}" for level in sorted(tuned))
    told = f"{domain}: {words}"
    if "0" in tuned and len(tuned) > 1:
        orders = {compared(tuned["0"], row) for level, row in tuned.items() if level != "0"}
        below, above = orders == {"below"}, "above" in orders
        told += f" ({'level 0 lies below every other' if below else _NOT_LOWEST if above else _UNTOLD})"
    first = min(tuned)
    restored = [
        f"{STATES[state]} {look.spread_words(states[state][first])}" for state in STATES if first in states[state]
    ][1:]
    return f"{told}; {level_name(first)} with {', '.join(restored)}." if restored else f"{told}."


def _counts(values: pd.Series[int]) -> str:
    return " and ".join(numbers.count(n) for n in sorted(set(values)))
