"""The slider of a pinned restoration: its stops as readings, and the mark that follows it in the figure.

Everything it shows was evaluated when the figure was pinned; it knows no model and no store.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.headlines import Scope
from analysis.figures.stops import curve_table
from analysis.records import Stop
from analysis.report.records import StopReading

PARAMETER = "stop_at"  # of the figure: the percentage its mark stands on
HEADS = ("restored as", "right", "95%", "n", "effective k", "fixed, all questions", "broken", "McNemar")


def readings(stops: Sequence[Stop], scope: Scope) -> tuple[StopReading, ...]:
    """What the slider tells at every percentage that was evaluated: a row a curve (and seed)."""
    rows = sorted(curve_table(stops, scope).to_dict("records"), key=itemgetter("percent"))
    return tuple(
        StopReading(float(percent), HEADS, tuple(_row(row) for row in here))
        for percent, here in groupby(rows, key=itemgetter("percent"))
    )


def _row(row: dict[Any, Any]) -> tuple[str, ...]:
    seed = f", seed {row['seed']}" if row["seed"] else ""
    return (
        f"{row['order']}{seed}",
        numbers.share(row["accuracy"]),
        numbers.interval((row["low"], row["high"])),
        numbers.count(row["n"]),
        numbers.percent(row["effective_percent"]),
        numbers.count(row["fixed"]),
        numbers.count(row["broken"]),
        numbers.probability(row["mcnemar_p"]),
    )


def mark(scale: alt.Scale, axis: alt.Axis, at: float) -> alt.Chart:
    """A rule at the slider's percentage on this scale, which a page moves through the figure's parameter."""
    place = alt.XDatum({"expr": PARAMETER}, type="quantitative", scale=scale, axis=axis)
    rule = alt.Chart(pd.DataFrame([{"slider": at}])).mark_rule(
        color=style.RESTORED, opacity=0.25, strokeWidth=7, description="where the slider stands"
    )
    marked: alt.Chart = rule.encode(x=place).add_params(alt.param(name=PARAMETER, value=at))
    return marked


def move(spec: dict[str, Any], at: float) -> None:
    """Put the mark of a kept figure's specification on this percentage, in place."""
    for holder in (spec, *spec.get("layer", [])):
        holder["params"] = [
            {**param, "value": at} if param.get("name") == PARAMETER else param for param in holder.get("params", [])
        ]
        if not holder["params"]:
            del holder["params"]
