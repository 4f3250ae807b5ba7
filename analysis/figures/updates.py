"""Where and how strongly fine-tuning changed the weights: layer x module grid, concentration, tensors.

Sources: relative change and its concentration, Ye et al., EMNLP 2025 (arXiv 2509.16596), section 5 and Table 3. The
shuffled null and the share of |d| stand beside it because r is heavy-tailed by construction. Knows profile rows only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import numbers, style
from analysis.records import PAPER_PERCENTS

if TYPE_CHECKING:
    from analysis.weights.tables import Concentration, TensorRow

Measure = Literal["mean_relative", "l2", "changed_fraction"]
CELL_CLICK = "cell"
NO_LAYER = "none"
MODULES = ("embed", "q", "k", "v", "o", "gate", "up", "down", "norm", "head")
PAPER_CONCENTRATION = dict(zip(PAPER_PERCENTS, (70.56, 78.50, 82.24, 86.92, 92.06, 96.26, 98.69), strict=True))


@dataclass(frozen=True)
class MeasureWords:
    """How a measure is written: its title with unit, the number format, what it says."""

    title: str
    format: str
    help: str


MEASURES: dict[Measure, MeasureWords] = {
    "mean_relative": MeasureWords("mean relative change |s − p| / |p|", ".3~g", "Mean of r over the tensor."),
    "l2": MeasureWords("length of the update, L2", ".3~g", "Root of the sum of squared changes; grows with size."),
    "changed_fraction": MeasureWords("share of weights changed", ".1%", "Share with s ≠ p in the stored dtype."),
}


def grid_table(rows: Sequence["TensorRow"]) -> pd.DataFrame:
    """One row a cell (layer, module): parameters, tensors, and the three measures over all its tensors together."""
    return pd.DataFrame(
        [_cell(layer, module, cell) for (layer, module), cell in sorted(_cells(rows).items())],
        columns=["layer", "module", "tensors", "parameters", *MEASURES],
    )


def _cells(rows: Sequence["TensorRow"]) -> dict[tuple[str, str], list["TensorRow"]]:
    cells: dict[tuple[str, str], list[TensorRow]] = {}
    for row in rows:
        cells.setdefault((layer_name(row.layer), row.module), []).append(row)
    return cells


def layer_name(layer: int | None) -> str:
    """A layer number as a label; tensors outside the layers say so."""
    return NO_LAYER if layer is None else str(layer)


def _cell(layer: str, module: str, rows: Sequence["TensorRow"]) -> dict[str, object]:
    sizes = np.array([row.parameters for row in rows], float)
    return {
        "layer": layer,
        "module": module,
        "tensors": len(rows),
        "parameters": int(sizes.sum()),
        "mean_relative": float(np.average([row.mean_relative for row in rows], weights=sizes)),
        "l2": float(np.sqrt(np.sum(np.square([row.l2 for row in rows])))),
        "changed_fraction": float(np.average([row.changed_fraction for row in rows], weights=sizes)),
    }


def layer_module_grid(rows: Sequence["TensorRow"], measure: Measure) -> style.Figure:
    """Layers up the side, modules along the bottom, colour for the measure; a click reports layer and module as `cell`."""
    table, words = grid_table(rows), MEASURES[measure]
    layers = sorted(table["layer"].unique(), key=lambda name: (name != NO_LAYER, int(name) if name != NO_LAYER else -1))
    modules = sorted(table["module"].unique(), key=_module_order)
    chart = (
        alt.Chart(table)
        .mark_rect(cursor="pointer", cornerRadius=2)
        .encode(
            x=alt.X("module:N", sort=modules, title="Module", axis=alt.Axis(labelAngle=0, grid=False)),
            y=alt.Y("layer:N", sort=layers[::-1], title="Layer", axis=alt.Axis(grid=False)),
            color=alt.Color(
                f"{measure}:Q",
                title=words.title,
                scale=alt.Scale(scheme=style.SEQUENTIAL),
                legend=alt.Legend(
                    orient="right", format=words.format, titleLimit=400, titleOrient="right", gradientLength=200
                ),
            ),
            opacity=alt.condition(_click(), alt.value(1.0), alt.value(0.45)),
            tooltip=_cell_tooltip(),
        )
    )
    height = max(style.SLIM_HEIGHT, 22 * len(layers))
    figure = chart.add_params(_click()).properties(height=height)
    return style.finish(figure, f"Where fine-tuning wrote: {words.title}")


def _module_order(module: str) -> tuple[int, str]:
    return (MODULES.index(module) if module in MODULES else len(MODULES), module)


def _click() -> alt.Parameter:
    return alt.selection_point(name=CELL_CLICK, fields=["layer", "module"], on="click")


def _cell_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("layer:N", title="layer"),
        alt.Tooltip("module:N", title="module"),
        alt.Tooltip("mean_relative:Q", title="mean relative change", format=".3~g"),
        alt.Tooltip("l2:Q", title="L2 of the update", format=".3~g"),
        alt.Tooltip("changed_fraction:Q", title="weights changed", format=".1%"),
        alt.Tooltip("parameters:Q", title="parameters", format=","),
    ]


CURVES = {
    "share_relative": ("relative change r", style.RESTORED),
    "share_null": ("r, changes shuffled (null)", style.RANDOM),
    "share_absolute": ("absolute change |d|", style.TUNED),
}


def concentration_table(curve: "Concentration", percents: Sequence[float] = PAPER_PERCENTS) -> pd.DataFrame:
    """Shares (0-1) held by the most changed x% at these percentages, beside the paper's for LLaMA-3-8B, level 0."""
    return pd.DataFrame(
        [
            {"percent": percent}
            | {name: float(np.interp(percent, curve.percent, getattr(curve, name))) for name in CURVES}
            | {"paper": PAPER_CONCENTRATION.get(percent, float("nan")) / 100}
            for percent in percents
        ]
    )


def concentration_curve(curve: "Concentration") -> style.Figure:
    """Share of all change (0-100%) held by the most changed x% of parameters: r, its shuffled null, and |d|."""
    parts = [
        pd.DataFrame({"percent": curve.percent, "share": getattr(curve, name), "what": words})
        for name, (words, _) in CURVES.items()
    ]
    table = pd.concat(parts, ignore_index=True).query("percent >= 0.1")
    order = [words for words, _ in CURVES.values()]
    colours = alt.Scale(domain=order, range=[colour for _, colour in CURVES.values()])
    ticks = [0.1, 0.3, *PAPER_PERCENTS, 100]
    chart = (
        alt.Chart(table)
        .mark_line()
        .encode(
            x=alt.X(
                "percent:Q",
                scale=alt.Scale(type="log", domain=[0.1, 100]),
                axis=alt.Axis(values=ticks, title="Most changed parameters, % of the region", grid=False, format="~g"),
            ),
            y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=None)),
            color=alt.Color("what:N", scale=colours, sort=order, title=None),
            strokeDash=alt.StrokeDash("what:N", sort=order, legend=None, scale=alt.Scale(domain=order, range=_DASHES)),
            tooltip=[
                alt.Tooltip("what:N", title="share of"),
                alt.Tooltip("percent:Q", title="top, %", format=".3~g"),
                alt.Tooltip("share:Q", title="holds", format=".1%"),
            ],
        )
    )
    figure = chart.properties(height=style.FIGURE_HEIGHT)
    return style.finish(figure, "Share of all change held by the most changed parameters (%)", _null_words(curve))


_DASHES = [[1, 0], [2, 3], [6, 3]]


def _null_words(curve: "Concentration") -> str:
    if curve.null_parameters == curve.parameters:
        return f"{numbers.short_count(curve.parameters)} parameters"
    drawn = numbers.short_count(curve.null_parameters)
    return f"{numbers.short_count(curve.parameters)} parameters; null estimated from {drawn} of them"


def concentration_words(curve: "Concentration") -> str:
    """The concentration figure in one sentence."""
    row = concentration_table(curve, (5,)).iloc[0]
    return (
        f"The most changed 5% of parameters hold {numbers.share(row['share_relative'])} of all relative change and "
        f"{numbers.share(row['share_absolute'])} of all absolute change; shuffled changes alone would hold "
        f"{numbers.share(row['share_null'])} of the relative change."
    )


def grid_words(rows: Sequence["TensorRow"], measure: Measure) -> str:
    """The grid in one sentence: where the measure is largest and smallest."""
    table = grid_table(rows)
    most, least = (table.loc[table[measure].idxmax()], table.loc[table[measure].idxmin()])
    return (
        f"{MEASURES[measure].title.capitalize()}: largest in {_where(most)} ({numbers.significant(most[measure])}), "
        f"smallest in {_where(least)} ({numbers.significant(least[measure])})."
    )


def _where(cell: "pd.Series[object]") -> str:
    return (
        f"{cell['module']} outside the layers"
        if cell["layer"] == NO_LAYER
        else f"layer {cell['layer']}, {cell['module']}"
    )


def tensor_table(rows: Sequence["TensorRow"], layer: str | None = None, module: str | None = None) -> pd.DataFrame:
    """One row a tensor, narrowed to a clicked cell where one is given."""
    chosen = [row for row in rows if layer in (None, layer_name(row.layer)) and module in (None, row.module)]
    return pd.DataFrame(
        [
            {
                "tensor": row.name,
                "layer": row.layer,
                "module": row.module,
                "parameters": row.parameters,
                "mean_relative": row.mean_relative,
                "mean_absolute": row.mean_absolute,
                "l2": row.l2,
                "changed_fraction": row.changed_fraction,
                "infinite": row.infinite,
            }
            for row in chosen
        ]
    )
