"""Where and how strongly fine-tuning changed the weights: layer x module grid, tensors.

Source of the measure: Ye et al., EMNLP 2025 (arXiv 2509.16596), section 5. Knows a profile's rows only.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import numbers, style
from analysis.records import Arithmetic

if TYPE_CHECKING:
    from analysis.weights.tables import TensorRow

Measure = Literal["mean_relative", "l2", "changed_fraction"]
CELL_CLICK = "cell"
NO_LAYER = "none"
ROW_HEIGHT = 24  # pixels a layer
MODULES = ("embed", "q", "k", "v", "o", "gate", "up", "down", "norm", "head")


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


# What a sentence over a measure must add: |p| stands below the line, so the mean's tail is heavy.
RATIO_CAVEAT: dict[Measure, str] = {
    "mean_relative": " The mean relative change is a mean of ratios: a few base weights near zero can carry it."
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


def layer_module_grid(
    rows: Sequence["TensorRow"], measure: Measure, *, arithmetic: Arithmetic = "exact"
) -> style.Figure:
    """Layers up the side, modules along the bottom, colour for the measure; a click reports the cell."""
    table, words = grid_table(rows), MEASURES[measure]
    layers = sorted(table["layer"].unique(), key=lambda name: (name != NO_LAYER, int(name) if name != NO_LAYER else -1))
    modules = sorted(table["module"].unique(), key=module_order)
    height = max(style.FIGURE_HEIGHT, style.HEAD_HEIGHT + ROW_HEIGHT * len(layers))
    chart = (
        alt.Chart(table)
        .mark_rect(cursor="pointer", cornerRadius=2)
        .encode(
            x=alt.X("module:N", sort=modules, title="Module", axis=alt.Axis(labelAngle=0, grid=False)),
            y=alt.Y("layer:N", sort=layers[::-1], title="Layer", axis=alt.Axis(grid=False)),
            color=alt.Color(
                f"{measure}:Q",
                title=None,
                scale=alt.Scale(scheme=style.SEQUENTIAL),
                legend=alt.Legend(orient="right", format=words.format, gradientLength=height - style.HEAD_HEIGHT),
            ),
            opacity=alt.condition(_click(), alt.value(1.0), alt.value(0.45)),
            tooltip=_cell_tooltip(),
        )
    )
    figure = chart.add_params(_click()).properties(height=height)
    return style.finish(figure, f"Where fine-tuning wrote: {words.title}", f"arithmetic: {arithmetic}")


def module_order(module: str) -> tuple[int, str]:
    """A sort key: the kinds of a decoder in the order data passes them, then the others by name."""
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


def grid_words(rows: Sequence["TensorRow"], measure: Measure) -> str:
    """The grid in one sentence: where the measure is largest and smallest, and what a mean of ratios does not show."""
    table = grid_table(rows)
    if table.empty:
        return "This region holds no parameters."
    cells = table.sort_values(measure).to_dict("records")
    least, most = cells[0], cells[-1]
    return (
        f"{MEASURES[measure].title.capitalize()}: largest in {_where(most)} ({numbers.significant(most[measure])}), "
        f"smallest in {_where(least)} ({numbers.significant(least[measure])}).{RATIO_CAVEAT.get(measure, '')}"
    )


def _where(cell: dict[Hashable, Any]) -> str:
    return (
        f"{cell['module']} outside the layers"
        if cell["layer"] == NO_LAYER
        else f"layer {cell['layer']}, {cell['module']}"
    )


def tensor_table(
    rows: Sequence["TensorRow"],
    layer: str | None = None,
    module: str | None = None,
    *,
    arithmetic: Arithmetic = "exact",
) -> pd.DataFrame:
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
                "arithmetic": arithmetic,
            }
            for row in chosen
        ]
    )
