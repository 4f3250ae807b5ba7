"""A report as the grid view needs it: prompts down, positions across, a colour a token, rows in the order asked for.

Only classes and ids cross to the browser, a few bytes a token, so that thousands of prompts fit; the browser draws the
rows on screen. Knows no streamlit; pages/components/token_grid_view.py draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.figures.packed import packed
from analysis.figures.reading import Shown, coloured
from analysis.figures.token_columns import ANSWER, TokenColumns
from analysis.figures.token_measures import WORDS, measure_name
from analysis.figures.visible import spoken

if TYPE_CHECKING:
    from numpy.typing import NDArray

Order = Literal["given", "mean", "largest", "first", "length"]
Align = Literal["start", "answer"]
ORDERS: dict[Order, str] = {
    "given": "as given",
    "mean": "mean, largest first",
    "largest": "largest token first",
    "first": "first answer token, largest first",
    "length": "longest first",
}
ALIGNS: dict[Align, str] = {"start": "start of the text", "answer": "first answer token"}


def grid(
    columns: TokenColumns,
    shown: Shown | None = None,
    *,
    order: Order = "given",
    align: Align = "start",
    titles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything the grid draws: `rows` in order, each text's place in the packed columns and its first column.

    With `align` "answer" every first answer token stands in the same column; a text without one begins there.
    """
    shown = shown or Shown()
    report, found, words = columns.report, coloured(columns, shown), WORDS[shown.measure]
    places, anchor = offsets(columns, align)
    means, names = columns.text_means(columns.values(shown.measure)), titles or {}
    scale = found.scales[0] if found.scales else shown.scale(np.zeros(0))
    return {
        "title": measure_name(report, shown.measure),
        "unit": words.unit,
        "signed": words.signed,
        "states": [report.against, report.state],
        "scale": {
            "edges": list(scale.edges),
            "spacing": shown.spacing,
            "clipped": sum(one.clipped for one in found.scales),
            "shared": shown.sharing == "all",
        },
        "colours": {paper: list(colours) for paper, colours in scale.colours.items()},
        "inks": {paper: list(inks) for paper, inks in scale.inks.items()},
        "anchor": anchor,
        "texts": [
            {
                "id": report.prompts[n].id,
                "title": names.get(report.prompts[n].id, report.prompts[n].id),
                "start": int(columns.starts[n]),
                "end": int(columns.starts[n + 1]),
                "offset": int(places[n]),
                "mean": None if np.isnan(means[n]) else float(means[n]),
            }
            for n in ordered(columns, shown, order).tolist()
        ],
        "names": _names(columns),
        "columns": {
            "ids": packed(columns.ids, "int32"),
            "flags": packed(columns.flags, "uint8"),
            "classes": packed(found.classes, "int8"),
            "value": packed(found.values, "float32"),
        },
    }


def ordered(columns: TokenColumns, shown: Shown, order: Order) -> NDArray[np.int64]:
    """The numbers of the texts in this order; texts without the value they are ordered by come last."""
    values = np.where(columns.counted, np.abs(columns.values(shown.measure)), np.nan)
    if order == "mean":
        keys = np.abs(columns.text_means(columns.values(shown.measure)))
    elif order in ("largest", "first"):
        keys = _largest(columns, values if order == "largest" else np.where(columns.first_answers(), values, np.nan))
    else:
        keys = np.diff(columns.starts) * float(order == "length")
    return np.argsort(-np.where(np.isnan(keys), -np.inf, keys), kind="stable")


def _largest(columns: TokenColumns, values: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.full(len(columns.starts) - 1, -np.inf)
    np.maximum.at(found, columns.text_numbers, np.where(np.isnan(values), -np.inf, values))
    return found


def offsets(columns: TokenColumns, align: Align) -> tuple[NDArray[np.int64], int]:
    """In which column each text begins, and the column of the first answer tokens (0 when not aligned on them)."""
    texts = len(columns.starts) - 1
    if align == "start" or not texts:
        return np.zeros(texts, np.int64), 0
    answers = np.flatnonzero((columns.flags & ANSWER) > 0)
    numbers, first = np.unique(columns.text_numbers[answers], return_index=True)
    before = np.zeros(texts, np.int64)
    before[numbers] = answers[first] - columns.starts[numbers]
    anchor = int(before.max())
    return anchor - before, anchor


def _names(columns: TokenColumns) -> dict[str, str]:
    return {str(token.id): spoken(token.text) for token in columns.tokens}
