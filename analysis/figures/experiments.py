"""What the figures of an experiment share: the look of levels and the paper's marks, a clickable grid, axes of sizes.

Knows spreads (analysis.experiments.spread) and draws; streamlit it does not know.
"""

import math
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import altair as alt
import pandas as pd

from analysis.experiments.paper import PaperValue
from analysis.experiments.spread import PLAIN, Row, level_name, size_name, size_order, spread_kind, variant_of
from analysis.figures import numbers, style
from analysis.training.variants import VARIANTS

CELL_CLICK = "cell"  # the name of the click on a grid's cell or a curve's point
RUN_FIELDS = ("level", "size")  # what a click names, beside what a figure adds
NUMBER_FIELDS = (*RUN_FIELDS, "measure", "group")  # and of what number the mark is
PAPER_GROUP = "paper"  # the group of a cell that holds the paper's own number
LEVEL_COLOURS = {str(level): colour for level, colour in enumerate(style.LEVEL_COLOURS)}
LEVEL_SHAPES = {"0": "circle", "1": "square", "2": "triangle-up", "3": "triangle-down", "4": "cross"}
OTHER_COLOUR = style.RANDOM
OTHER_SHAPES = ("triangle-right", "triangle-left", "diamond")  # of all levels and of mixes, in the order they come in
PAPER_NOTE = "hollow diamonds: the paper's LLaMA-3-8B"
BETTER, WORSE, _ = style.KINDS
VARIANT_TITLES: dict[str, str] = {name: about.title for name, about in VARIANTS.items()}
SHOWN_FROM = 0.0005  # a change that shows in the digits written
GRID_HEAD = 124  # pixels: title, two lines beneath it, the axis
_LEVEL_LEGEND = alt.Legend(orient="top", columns=3, symbolSize=90)
_GRID_AXIS = alt.Axis(labelAngle=0, orient="top", domain=False, labelOverlap=False)
ROW_HEIGHT = 46  # pixels of a grid's row: two lines of text
DODGE = 0.06  # of a step between sizes, so that levels do not hide each other


def variant_name(variant: str) -> str:
    """A way of fine-tuning by its name: 'LoRA', 'Pull toward the base (L2-SP) (strength=0.05)'."""
    name, _, settings = variant.partition(" ")
    return VARIANT_TITLES.get(name, name) + (f" ({settings})" if settings else "")


def variant_lines(table: pd.DataFrame) -> list[str]:
    """The line under a title that names how the models of this table were trained, where that is not plainly."""
    variant = variant_of(table)
    return [] if variant == PLAIN else [f"models trained by: {variant_name(variant)}"]


def variant_words(table: pd.DataFrame) -> str:
    """The same within a sentence: ' · LoRA' after what was trained on; empty where plainly."""
    variant = variant_of(table)
    return "" if variant == PLAIN else f" · {variant_name(variant)}"


def beside(values: Sequence[PaperValue], table: pd.DataFrame, papers: bool) -> tuple[PaperValue, ...]:
    """The paper's numbers that stand beside this table's: all, or none where its models were trained in another way.

    `papers` is False where they were trained on other facts than the paper's kind, which no result table tells.
    """
    return tuple(values) if papers and variant_of(table) == PLAIN else ()


def levels_of(rows: pd.DataFrame) -> list[str]:
    """The training levels present, 0 to 4 first, mixes and all facts after them."""
    return sorted(set(rows["level"]), key=lambda level: (not str(level).isdecimal(), str(level)))


def level_scale(levels: Sequence[str]) -> alt.Scale:
    """The fixed colour of each training level."""
    colours = [LEVEL_COLOURS.get(level, OTHER_COLOUR) for level in levels]
    return alt.Scale(domain=[level_name(level) for level in levels], range=colours)


def shape_scale(levels: Sequence[str]) -> alt.Scale:
    """The fixed shape of each training level, so that none is told by its colour alone."""
    others = [level for level in levels if level not in LEVEL_SHAPES]
    shapes = LEVEL_SHAPES | dict(zip(others, cycle(OTHER_SHAPES), strict=False))
    return alt.Scale(domain=[level_name(level) for level in levels], range=[shapes[level] for level in levels])


def placed(rows: pd.DataFrame, sizes: Sequence[int], levels: Sequence[str]) -> pd.DataFrame:
    """Rows with `x`: the number of their size along the axis, levels a little beside each other, and names in words."""
    at = {size: number for number, size in enumerate(size_order(sizes))}
    aside = {level: DODGE * (number - (len(levels) - 1) / 2) for number, level in enumerate(levels)}
    return rows.assign(
        x=[at[int(size)] + aside[level] for size, level in zip(rows["size"], rows["level"], strict=True)],
        trained=[level_name(level) for level in rows["level"]],
        samples=[size_name(size) for size in rows["size"]],
    )


def size_axis(sizes: Sequence[int]) -> alt.X:
    """The axis on which `placed` puts rows, each size named."""
    ordered = size_order(sizes)
    names = [size_name(size) for size in ordered]
    return alt.X(
        "x:Q",
        scale=alt.Scale(domain=[-0.35, len(ordered) - 0.65], nice=False),
        axis=alt.Axis(
            values=list(range(len(ordered))),
            labelExpr=f"{names!r}[datum.value]",
            title="Training samples",
            grid=False,
            tickCount=len(ordered),
        ),
    )


def level_colour(levels: Sequence[str]) -> alt.Color:
    """Marks of `placed` coloured by training level."""
    return alt.Color("trained:N", scale=level_scale(levels), title=None, legend=_LEVEL_LEGEND)


def size_layers(placed: pd.DataFrame, levels: Sequence[str], y: alt.Y, tooltip: Sequence[alt.Tooltip]) -> list[Any]:
    """A line a level through `mean`, its `low` to `high`, and a clickable point a training set, over sizes.

    `placed` has the measure and group that its points are of.
    """
    x, colour = size_axis(list(placed["size"])), level_colour(levels)
    shape = alt.Shape("trained:N", scale=shape_scale(levels), title=None, legend=_LEVEL_LEGEND)
    chart = alt.Chart(placed)
    return [
        chart.mark_line(opacity=0.75).encode(x=x, y=y, color=colour),
        chart.mark_rule(strokeWidth=1.75, opacity=0.7).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
        chart.mark_point(filled=True, opacity=1, size=85, cursor="pointer")
        .encode(x=x, y=y, color=colour, shape=shape, tooltip=list(tooltip))
        .add_params(click(*NUMBER_FIELDS)),
    ]


def click(*fields: str) -> alt.Parameter:
    """A click on a mark reports these fields under CELL_CLICK."""
    return alt.selection_point(name=CELL_CLICK, fields=list(fields), on="click", nearest=False, toggle=False)


def grid(
    cells: pd.DataFrame,
    *,
    title: str,
    subtitle: str | list[str],
    x_title: str,
    columns: Sequence[str],
    rows: Sequence[str],
    fields: Sequence[str],
    tooltip: Sequence[alt.Tooltip],
) -> style.Figure:
    """A table as a figure: a cell a row of `cells`, coloured and written in, each reporting `fields` when clicked.

    `cells` has row, column (both words), text and detail (two lines written in the cell), fill (a colour) and strength
    (0-1, how strongly it is filled).
    """
    x = alt.X("column:N", sort=list(columns), title=x_title, axis=_GRID_AXIS)
    y = alt.Y("row:N", sort=list(rows), title=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=190))
    chart = alt.Chart(cells).encode(x=x, y=y, tooltip=list(tooltip))
    chosen = click(*fields)
    boxes = chart.mark_rect(cornerRadius=3, stroke="#8A8A8A", cursor="pointer").encode(
        color=alt.Color("fill:N", scale=None),
        fillOpacity=alt.FillOpacity("strength:Q", scale=None),
        strokeWidth=alt.condition(chosen, alt.value(2.5), alt.value(0.75), empty=False),
        strokeOpacity=alt.condition(chosen, alt.value(1.0), alt.value(0.35), empty=False),
    )
    words = chart.mark_text(fontSize=12.5, fontWeight=600, dy=-7).encode(text="text:N")
    details = chart.mark_text(fontSize=10.5, dy=9).encode(text="detail:N")
    layered = alt.layer(boxes.add_params(chosen), words, details, height=GRID_HEAD + ROW_HEIGHT * max(1, len(rows)))
    return style.finish(layered, title, subtitle)


def strength(value: float, most: float) -> float:
    """How strongly a cell is filled: from barely to half, so that text reads on it in light and in dark.

    By the square root of its share of the most, so that small differences are seen beside large ones.
    """
    share = abs(value) / most if most and value == value else 0.0
    return 0.05 + 0.45 * math.sqrt(min(1.0, share))


def spread_words(row: Row) -> str:
    """A mean with its spread: '42.5% [41.6–43.8%]'."""
    return f"{numbers.share(row['mean'])} [{numbers.interval((row['low'], row['high']))}]"


def asked_words(rows: pd.DataFrame) -> str:
    """What the spreads of these rows are and what a run was asked, in brackets at a sentence's end."""
    return f"(in brackets {spread_kind(rows)}; n = {numbers.count(rows['n'].max())} questions a run)"


def runs_words(rows: pd.DataFrame) -> str:
    """How many runs a mean is over: 'mean of up to 3 runs', or 'one run each'."""
    most = int(rows["runs"].max()) if len(rows) else 0
    return f"mean of up to {most} runs" if most > 1 else "one run each"


def change_mark(change: float) -> str:
    """A change of a fraction in points with a sign to see: '▲ 3.1', '▼ 0.4', '= 0'."""
    if not abs(change) >= SHOWN_FROM:
        return "= 0"
    return f"{'▲' if change > 0 else '▼'} {abs(100 * change):.1f}"


def change_colour(change: float) -> str:
    """Blue for a gain, red for a loss, grey where nothing shows; the mark beside it says the same."""
    if not abs(change) >= SHOWN_FROM:
        return style.RANDOM
    return BETTER if change > 0 else WORSE


def hundredths(fraction: float, digits: int = 1) -> str:
    """A fraction 0-1 in percent, without its sign: for cells whose title names the unit."""
    return numbers.share(fraction, digits).rstrip("%")


def run_tooltip(*more: alt.Tooltip) -> list[alt.Tooltip]:
    """What a mark says of its runs."""
    return [
        alt.Tooltip("trained:N", title="trained on"),
        alt.Tooltip("samples:N", title="samples"),
        *more,
        alt.Tooltip("runs:Q", title="runs"),
        alt.Tooltip("n:Q", title="questions a run", format=","),
    ]


def picked(event: Any) -> dict[str, Any]:
    """The fields of the mark that was clicked last, or nothing."""
    found = ((event or {}).get("selection") or {}).get(CELL_CLICK) or [{}]
    return dict(found[0])
