"""Every tensor at a glance as altair draws it: the likeness of tensors.tensor_scatter for files, without a browser."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.figures import plotly_style, style
from analysis.figures.tensors import upward
from analysis.figures.updates import MEASURES, Measure, layer_name, module_order
from analysis.records import Arithmetic

if TYPE_CHECKING:
    from analysis.weights.tables import TensorRow

_COLUMNS = ("tensor", "layer", "module", "parameters", "changed_fraction", "value")
_LARGEST = 700  # square pixels
_SYMBOLS = {"triangle-up": "triangle-up", "triangle-down": "triangle-down", "x": "cross"}


def tensor_points(
    rows: Sequence["TensorRow"], measure: Measure = "mean_relative", *, arithmetic: Arithmetic = "exact"
) -> style.Figure:
    """Share of a tensor's parameters changed (%) against `upward(measure)`, a colour and symbol a module kind.

    The upper axis is symmetric-logarithmic where a tensor's value is 0, else logarithmic.
    """
    kind = upward(measure)
    table = pd.DataFrame([_row(row, kind) for row in rows], columns=list(_COLUMNS))
    modules = sorted(set(table["module"]), key=module_order)
    inks = [plotly_style.module_ink(module) for module in modules]
    symbols = [_SYMBOLS.get(ink.symbol, ink.symbol) for ink in inks]
    title = MEASURES[kind].title[:1].upper() + MEASURES[kind].title[1:]
    chart = alt.Chart(table, height=style.FIGURE_HEIGHT + 80).mark_point(filled=True, opacity=0.8)
    chart = chart.encode(
        x=alt.X("changed_fraction:Q", title="Share of its parameters changed", axis=alt.Axis(format="~%")),
        y=alt.Y("value:Q", title=title, scale=_scale(table["value"]), axis=alt.Axis(format="~g")),
        size=alt.Size("parameters:Q", legend=None, scale=alt.Scale(range=[20, _LARGEST])),
        color=alt.Color("module:N", title=None, scale=alt.Scale(domain=modules, range=[ink.colour for ink in inks])),
        shape=alt.Shape("module:N", title=None, scale=alt.Scale(domain=modules, range=symbols)),
        tooltip=list(_COLUMNS),
    )
    return style.finish(chart, "Every tensor at a glance", f"Area: number of parameters. Arithmetic: {arithmetic}.")


def _row(row: "TensorRow", kind: Measure) -> dict[str, object]:
    where = "outside the layers" if row.layer is None else layer_name(row.layer)
    values = (row.name, where, row.module, row.parameters, row.changed_fraction, getattr(row, kind))
    return dict(zip(_COLUMNS, values, strict=True))


def _scale(values: "pd.Series[float]") -> alt.Scale:
    above = values[values > 0]
    if above.empty:
        return alt.Scale()
    if len(above) == len(values):
        return alt.Scale(type="log")
    return alt.Scale(type="symlog", constant=float(above.min()))
