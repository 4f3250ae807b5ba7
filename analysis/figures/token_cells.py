"""The grid of prompts and positions as a figure that can be pinned and saved, as far as it is read, and as a table.

The browser's grid (token_grid) holds every text; a figure of more than some dozens is not read. Knows no streamlit.
"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.reading import Shown
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_grid import ALIGNS, ORDERS, Align, Order, offsets, ordered
from analysis.figures.token_measures import WORDS, Measure, measure_name
from analysis.figures.token_text import RISING, SIGNED
from analysis.figures.visible import legible, spoken

MOST_TEXTS, MOST_COLUMNS = 40, 60  # of the figure
BEFORE_ANSWER = 45  # of these columns, where texts stand with their first answer token under one another
ROW_HEIGHT = 16  # pixels
LEGEND = 72  # with the second line of a long title
TITLE_LETTERS = 48
CELL_COLUMNS = ("text", "column", "token", "value")


def cell_table(
    columns: TokenColumns, shown: Shown, order: Order, align: Align, titles: Mapping[str, str]
) -> pd.DataFrame:
    """One row a counted token of the first texts in this order: text, column, token, value.

    `column` is the position in the text, or (with `align` "answer") counted from the first answer token, which is 0.
    """
    at, anchor = offsets(columns, align)
    first = max(0, anchor - BEFORE_ANSWER)
    values, rows = columns.values(shown.measure), []
    for place, number in enumerate(ordered(columns, shown, order)[:MOST_TEXTS].tolist(), start=1):
        name = _name(columns, number, titles, place)
        for row in range(int(columns.starts[number]), int(columns.starts[number + 1])):
            column = row - int(columns.starts[number]) + int(at[number])
            if columns.counted[row] and not np.isnan(values[row]) and 0 <= column - first < MOST_COLUMNS:
                rows.append((name, column - anchor, spoken(columns.tokens[row].text), float(values[row])))
    return pd.DataFrame(rows, columns=list(CELL_COLUMNS))


def _name(columns: TokenColumns, number: int, titles: Mapping[str, str], place: int) -> str:
    """A text on its row, with its place: two texts of one title stay two rows."""
    name = columns.report.prompts[number].id
    return f"{place}. {legible(titles.get(name, name))[:TITLE_LETTERS]}"


def cell_figure(
    columns: TokenColumns, shown: Shown, order: Order, align: Align, titles: Mapping[str, str]
) -> style.Figure:
    """Texts down, positions across, a colour for the value; one scale for all of it."""
    table, name = cell_table(columns, shown, order, align, titles), measure_name(columns.report, shown.measure)
    scale = alt.Scale(range=SIGNED, domainMid=0) if WORDS[shown.measure].signed else alt.Scale(range=RISING)
    texts = list(dict.fromkeys(table["text"]))
    tips = [alt.Tooltip("text:N"), alt.Tooltip("token:N"), alt.Tooltip("value:Q", title=name, format=".4g")]
    chart = alt.Chart(table).mark_rect()
    figure = chart.encode(
        x=alt.X("column:O", title=f"tokens from the {ALIGNS[align]}", axis=alt.Axis(labelOverlap=True, labelAngle=0)),
        y=alt.Y("text:N", sort=texts, title=None, axis=alt.Axis(labelLimit=style.label_limit(260, 110), grid=False)),
        color=alt.Color("value:Q", title=name, scale=scale, legend=alt.Legend(orient="top", titleLimit=400)),
        tooltip=tips,
    ).properties(height=style.HEAD_HEIGHT + LEGEND + ROW_HEIGHT * max(1, len(texts)))
    return style.finish(figure, f"{name}, text by text ({WORDS[shown.measure].unit})", _limits_words(columns, order))


def _limits_words(columns: TokenColumns, order: Order) -> str:
    total = len(columns.report.prompts)
    shown = min(MOST_TEXTS, total)
    return f"{shown} of {numbers.count(total)} texts, {ORDERS[order]} · at most {MOST_COLUMNS} positions"


def text_table(columns: TokenColumns, shown: Shown, order: Order, titles: Mapping[str, str]) -> pd.DataFrame:
    """One row a text in this order: text, tokens counted, mean, the value farthest from 0 and its token."""
    values = columns.values(shown.measure)
    rows = np.flatnonzero(columns.counted & ~np.isnan(values))
    texts = len(columns.starts) - 1
    sizes = np.bincount(columns.text_numbers[rows], minlength=texts)
    by_size = rows[np.lexsort((np.abs(values[rows]), columns.text_numbers[rows]))]
    last = np.cumsum(sizes) - 1  # of each text's rows the farthest from 0
    means = columns.text_means(values)
    found = []
    for number in ordered(columns, shown, order).tolist():
        name = columns.report.prompts[number].id
        most = int(by_size[last[number]]) if sizes[number] else None
        largest = (None, "") if most is None else (float(values[most]), spoken(columns.tokens[most].text))
        found.append((legible(titles.get(name, name)), int(sizes[number]), float(means[number]), *largest))
    return pd.DataFrame(found, columns=["text", "n", "mean", "largest", "at"])


def grid_words(table: pd.DataFrame, columns: TokenColumns, measure: Measure) -> str:
    """The grid in a sentence; `table` is text_table's: how the texts' means spread, which is no interval of a mean."""
    means = table["mean"].dropna().astype(float)
    name = measure_name(columns.report, measure)
    if means.empty:
        return f"{name}: no token of these texts counts."
    low, middle, high = (numbers.significant(float(means.quantile(share))) for share in (0.1, 0.5, 0.9))
    return (
        f"{name}: the mean over a text is {middle} {WORDS[measure].unit} in the middle of {numbers.count(len(means))} "
        f"texts, {low} to {high} in the middle four fifths of them. That is how texts differ, not how sure their mean "
        "is."
    )
