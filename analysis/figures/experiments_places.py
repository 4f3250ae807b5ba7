"""Where the restored parameters lie, by layer and kind of module (Tables 9, 10), and whole layer groups (Table 11).

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596). A place's share of all weights is the control: what a random draw
would put there. Knows the result table, the paper's numbers, and shares of weights it is given.
"""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.experiments import paper
from analysis.experiments.spread import (
    Row,
    headline,
    layers_name,
    level_name,
    measured,
    over_runs,
    size_name,
    spread_kind,
    variant_of,
)
from analysis.figures import experiments as look
from analysis.figures import numbers, style
from analysis.figures.experiments_sizes import DOMAIN_NAMES

MEASURES = {"restored_layer": "layer", "restored_module": "kind of module"}
PAPER_VALUES = {"restored_layer": paper.LAYERS, "restored_module": paper.MODULES}
PAPER_PERCENT, PAPER_LAYERS = 20.0, 32  # what Tables 9 and 10 are of
BAR = 24  # pixels a bar


def percents_present(table: pd.DataFrame, measure: str = "restored_layer") -> list[float]:
    """The percentages whose restored parameters were counted by place."""
    return sorted(set(measured(table, measure)["percent"]))


def place_rows(table: pd.DataFrame, measure: str, percent: float, *, papers: bool = True) -> pd.DataFrame:
    """Shares (0-1) of the restored parameters by place, over all runs: mean, low, high, runs.

    `paper`: the paper's share, where it is of the same: of its 20%, and of layers only where there are as many.
    """
    own = measured(table, measure, percent=percent, strategy="relative-top", variant=variant_of(table))
    rows = over_runs(own, ("group",))
    if measure == "restored_layer":
        rows = rows.iloc[[number for number, _ in sorted(enumerate(rows["group"]), key=lambda each: int(each[1]))]]
    else:
        rows = rows.sort_values("mean", ascending=False)
    same = percent == PAPER_PERCENT and (measure != "restored_layer" or len(rows) == PAPER_LAYERS)
    told = look.beside(PAPER_VALUES[measure], table, papers)
    held = {value.group: value.value for value in told} if same else {}
    return rows.assign(paper=[held.get(group, float("nan")) for group in rows["group"]])


def unlike_paper(table: pd.DataFrame, percent: float) -> str:
    """Why the paper's shares do not stand beside these, in a sentence; empty where they do."""
    if percent != PAPER_PERCENT:
        return f"The paper's shares are of the most changed {PAPER_PERCENT:g}%: they stand beside ours there only."
    layers = len(place_rows(table, "restored_layer", percent))
    if layers == PAPER_LAYERS or not layers:
        return ""
    return (
        f"The paper's shares by layer are of {PAPER_LAYERS} layers, where an even share is "
        f"{numbers.share(1 / PAPER_LAYERS)}; of {numbers.count(layers)} it is {numbers.share(1 / layers)}. They do not "
        "stand beside ours."
    )


def place_bars(
    table: pd.DataFrame,
    measure: str,
    percent: float,
    weights: Mapping[str, float] | None = None,
    *,
    papers: bool = True,
) -> style.Figure:
    """Share of the restored parameters (percent) by place; a tick is the place's share of all weights."""
    rows = place_rows(table, measure, percent, papers=papers)
    rows = rows.assign(weights=[(weights or {}).get(group, float("nan")) for group in rows["group"]])
    rows = rows.assign(measure=measure, strategy="relative-top", percent=percent)
    order = list(rows["group"])
    y = alt.Y("group:N", sort=order, title=MEASURES[measure], axis=alt.Axis(labelLimit=140))
    x = alt.X("mean:Q", axis=alt.Axis(format=style.PERCENT_FORMAT, title=None), scale=alt.Scale(zero=True))
    tooltip = [
        alt.Tooltip("group:N", title=MEASURES[measure]),
        alt.Tooltip("mean:Q", title="of the restored", format=".2%"),
        alt.Tooltip("low:Q", title="lowest run", format=".2%"),
        alt.Tooltip("high:Q", title="highest run", format=".2%"),
        alt.Tooltip("weights:Q", title="of all weights", format=".2%"),
        alt.Tooltip("paper:Q", title="the paper's model", format=".2%"),
        alt.Tooltip("runs:Q", title="runs"),
    ]
    chart = alt.Chart(rows)
    layers = [
        chart.mark_bar(color=style.RESTORED, opacity=0.8, cursor="pointer")
        .encode(x=x, y=y, tooltip=tooltip)
        .add_params(look.click("measure", "group", "strategy", "percent")),
        chart.mark_rule(color=style.RANDOM, strokeWidth=1.75).encode(x="low:Q", x2="high:Q", y=y),
    ]
    notes = look.variant_lines(table)
    if rows["weights"].notna().any():
        layers.append(chart.mark_tick(thickness=3, size=BAR - 4, color=style.RANDOM).encode(x="weights:Q", y=y))
        notes.append("upright ticks: share of all weights, where a random draw would put them")
    if measure == "restored_module" and rows["paper"].notna().any():
        marks = alt.Chart(rows[rows["paper"].notna()])
        layers.append(
            marks.mark_point(shape="diamond", filled=False, size=95, strokeWidth=1.75, color=style.KINDS[0]).encode(
                x="paper:Q", y=y, tooltip=tooltip
            )
        )
        notes.append(look.PAPER_NOTE)
    kind = f"grey: {spread_kind(rows)}" if len(rows) and rows["runs"].max() > 1 else "one run"
    return style.finish(
        alt.layer(*layers, height=style.HEAD_HEIGHT + BAR * max(1, len(rows))),
        f"The restored {percent:g}% by {MEASURES[measure]} (%)",
        [f"share of the restored · {int(rows['runs'].max()) if len(rows) else 0} runs · {kind}", *notes],
    )


def place_words(table: pd.DataFrame, measure: str, percent: float, weights: Mapping[str, float] | None = None) -> str:
    """Which place holds the largest part of the restored, beside its share of all weights, in a sentence."""
    rows = place_rows(table, measure, percent)
    if not len(rows):
        return "Where the restored parameters lie is not measured yet."
    most = max(rows.to_dict("records"), key=lambda row: row["mean"])
    place = f"layer {most['group']}" if measure == "restored_layer" else f"{most['group']} projections"
    several = f"lowest to highest of {int(most['runs'])} runs" if most["runs"] > 1 else "one run"
    bounds = f" [{numbers.interval((most['low'], most['high']))}]" if most["runs"] > 1 else ""
    held = f"{numbers.share(most['mean'])}{bounds} ({several})"
    told = f"Of the most changed {percent:g}%{look.variant_words(table)}, the largest part lies in {place}: {held}"
    share = (weights or {}).get(most["group"])
    return f"{told}; {numbers.share(share)} of all weights lie there." if share is not None else f"{told}."


def place_table(table: pd.DataFrame, measure: str, percent: float, *, papers: bool = True) -> pd.DataFrame:
    """The bars as a table (fractions 0-1), with the paper's share where it has one."""
    rows = place_rows(table, measure, percent, papers=papers)
    return rows[["group", "mean", "low", "high", "runs", "paper"]].rename(columns={"group": MEASURES[measure]})


# --- Table 11: whole groups of layers --------------------------------------------------------------------------


def group_rows(table: pd.DataFrame, domain: str) -> pd.DataFrame:
    """Accuracy (0-1) with a whole group of layers restored, by training set; `tuned`: with none restored."""
    own = {"domain": domain, "variant": variant_of(table)}
    rows = over_runs(measured(table, "layer_group", **own), ("level", "size", "group"))
    tuned = measured(table, "accuracy", **own, strategy="", group=headline(table))
    start = tuned.groupby(["level", "size"])["value"].mean().rename("tuned")
    return rows.merge(start, on=["level", "size"], how="left")


def group_grid(table: pd.DataFrame, domain: str) -> style.Figure:
    """Accuracy (percent) with a group of layers restored, a row a training set; beneath, the change against tuned."""
    rows = group_rows(table, domain).sort_values(["size", "level"], ascending=[False, True])
    most = (rows["mean"] - rows["tuned"]).abs().max()
    cells = [_group_cell(row, most) for row in rows.to_dict("records")]
    groups = sorted(set(rows["group"]), key=lambda group: int(str(group).split("-")[0]))
    return look.grid(
        pd.DataFrame(cells),
        title=f"Right, layers restored, {DOMAIN_NAMES[domain]} (%)",
        subtitle=[
            f"n = {numbers.count(rows['n'].max())} questions a run · {look.runs_words(rows)}",
            *look.variant_lines(table),
            "below: change against the tuned model, in points",
        ],
        x_title="Layers given all their base values back",
        columns=[layers_name(group) for group in groups],
        rows=list(dict.fromkeys(cell["row"] for cell in cells)),
        fields=look.NUMBER_FIELDS,
        tooltip=[
            alt.Tooltip("row:N", title="trained on"),
            alt.Tooltip("column:N", title="restored"),
            alt.Tooltip("words:N", title="right"),
        ],
    )


def group_words(table: pd.DataFrame, domain: str) -> str:
    """By how much each group of layers moves the accuracy of the training sets, in a sentence."""
    rows = group_rows(table, domain)
    rows = rows.assign(change=rows["mean"] - rows["tuned"])
    told = []
    for group in sorted(set(rows["group"]), key=lambda group: int(str(group).split("-")[0])):
        change = rows.loc[rows["group"] == group, "change"]
        told.append(f"{layers_name(group)} {numbers.points(change.min())} to {numbers.points(change.max())}")
    sets = len(rows[["level", "size"]].drop_duplicates())
    return (
        f"With one group of layers restored{look.variant_words(table)}, {DOMAIN_NAMES[domain]} accuracy changes by: "
        f"{'; '.join(told)} (lowest to highest of {numbers.count(sets)} training sets, {look.runs_words(rows)}, n = "
        f"{numbers.count(rows['n'].max())} questions a run)."
    )


def _group_cell(row: Row, most: float) -> dict[str, Any]:
    mean, start = row["mean"], row["tuned"]
    change = mean - start
    bounds = numbers.interval((row["low"], row["high"]))
    return {
        "level": row["level"],
        "size": row["size"],
        "measure": "layer_group",
        "group": row["group"],
        "row": f"{level_name(row['level'])} · {size_name(row['size'])}",
        "column": layers_name(row["group"]),
        "text": look.hundredths(mean),
        "detail": look.change_mark(change),
        "fill": look.change_colour(change),
        "strength": look.strength(change, most),
        "words": f"{numbers.share(mean)} [{bounds}], tuned {numbers.share(start)}",
    }
