"""Whether probability moves from facts to format: disagreement and probability mass by the kind of token.

Two tables over the same places: on which kinds of tokens the disagreement lies, and how much probability each model
gives to each kind among its five likeliest next tokens. Intervals: 95%, texts drawn. Knows no streamlit.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analysis.figures import numbers
from analysis.figures.token_columns import ANSWER, TokenColumns
from analysis.figures.token_intervals import Ratios, ratios
from analysis.figures.token_measures import Measure
from analysis.figures.token_types import KINDS, expected_kind, kinds, words_begun

if TYPE_CHECKING:
    from numpy.typing import NDArray

Part = Literal["all", "prompt", "answer", "first"]
PARTS: dict[Part, str] = {
    "first": "first answer token",
    "answer": "answer tokens",
    "prompt": "prompt tokens",
    "all": "all counted tokens",
}
UNLISTED = "outside the five likeliest"


def rows_of(columns: TokenColumns, part: Part) -> NDArray[np.int64]:
    """The rows of one part of the texts, counted tokens only."""
    answers = (columns.flags & ANSWER) > 0
    chosen = {
        "all": columns.counted,
        "prompt": columns.counted & ~answers,
        "answer": columns.counted & answers,
        "first": columns.first_answers(),
    }[part]
    return np.flatnonzero(chosen)


def kind_table(columns: TokenColumns, measure: Measure) -> pd.DataFrame:
    """On which kinds of tokens disagreement lies: `kind`, `n` tokens, `tokens` (their share, 0-1), `mean` (the
    measure's unit), `share` of its total over all kinds (0-1) with `low` and `high`; template and special tokens are
    the format, predicted tokens all. Totals are of sizes, so that a signed measure has shares too."""
    found, values = kinds(columns), columns.values(measure)
    predicted = ~np.isnan(values)
    texts = len(columns.starts) - 1
    place = columns.text_numbers[predicted] * len(KINDS) + found[predicted]
    sizes = _spread(place, np.ones(predicted.sum()), texts)
    sums, amounts = (_spread(place, part, texts) for part in (values[predicted], np.abs(values[predicted])))
    shares = ratios(amounts, np.repeat(amounts.sum(1, keepdims=True), len(KINDS), axis=1))
    counts = sizes.sum(0)
    with np.errstate(invalid="ignore"):
        means = sums.sum(0) / counts
    return pd.DataFrame(
        {
            "kind": KINDS,
            "n": counts.astype(int),
            "tokens": counts / max(counts.sum(), 1.0),
            "mean": means,
            "share": shares.estimate,
            "low": np.clip(shares.low, 0, 1),
            "high": np.clip(shares.high, 0, 1),
        }
    )


def _spread(place: NDArray[np.int64], amounts: NDArray[np.float64], texts: int) -> NDArray[np.float64]:
    return np.bincount(place, amounts, minlength=texts * len(KINDS)).astype(float).reshape(texts, len(KINDS))


def mass_table(columns: TokenColumns, part: Part) -> pd.DataFrame:
    """Mean probability (0-1) on each kind among both models' five likeliest tokens: `kind`, `base`, `tuned`, `change`
    with `low` and `high`, `n` places; the last row is the probability outside the five."""
    rows = rows_of(columns, part)
    base, tuned = (_masses(columns, rows, side) for side in ("base_top", "tuned_top"))
    texts = columns.text_numbers[rows]
    change = _mean_over(tuned - base, texts)
    with np.errstate(invalid="ignore"):
        means = [side.sum(0) / len(rows) if len(rows) else np.full(len(KINDS) + 1, np.nan) for side in (base, tuned)]
    return pd.DataFrame(
        {
            "kind": [*KINDS, UNLISTED],
            "base": means[0],
            "tuned": means[1],
            "change": change.estimate,
            "low": np.clip(change.low, -1, 1),
            "high": np.clip(change.high, -1, 1),
            "n": len(rows),
        }
    )


def _masses(columns: TokenColumns, rows: NDArray[np.int64], side: str) -> NDArray[np.float64]:
    """Probability by kind at every row, (rows, kinds + 1), the last the remainder."""
    places = {name: number for number, name in enumerate(KINDS)}
    found = np.zeros((len(rows), len(KINDS) + 1))
    for at, (row, begun) in enumerate(zip(rows.tolist(), words_begun(columns, rows), strict=True)):
        for other in getattr(columns.tokens[row], side):
            found[at, places[expected_kind(begun, other.text)]] += other.probability
    found[:, -1] = np.clip(1.0 - found.sum(1), 0.0, 1.0)
    return found


def _mean_over(values: NDArray[np.float64], texts: NDArray[np.int64]) -> Ratios:
    names, inverse = np.unique(texts, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, inverse, values)
    sizes = np.bincount(inverse, minlength=len(names)).astype(float)
    return ratios(sums, np.repeat(sizes[:, None], values.shape[1], axis=1))


def mass_words(table: pd.DataFrame, part: Part, against: str, state: str) -> str:
    """Whether the mass moves from facts to format, in a sentence: both changes with interval and n."""
    found = {str(row["kind"]): row for row in table.to_dict("records")}
    n = int(table["n"].iloc[0])
    if not n:
        return f"There is nothing to measure: no {PARTS[part].removesuffix('s')} counts."
    moves = [f"{name} {_points(found[kind])}" for kind, name in (("entity", "entities"), ("format", "format"))]
    entity, layout = found["entity"], found["format"]
    moved = entity["high"] < 0 < layout["low"]
    opposite = entity["low"] > 0 > layout["high"]
    verdict = "it does here" if moved else "here it moves the other way" if opposite else "it does not show here"
    return (
        f"Does probability move from facts to format? Over the {PARTS[part]} (n = {numbers.count(n)}), "
        f"{state} − {against}: {'; '.join(moves)} (95%, texts drawn): {verdict}."
    )


def _points(row: Mapping[Hashable, Any]) -> str:
    if np.isnan(row["low"]):
        return numbers.points(float(row["change"]))
    return f"{numbers.points(float(row['change']))} [{_signed(row['low'])} to {_signed(row['high'])}]"


def _signed(share: float) -> str:
    written = numbers.signed(100 * share)
    return "0.0" if written == "+0.0" else written
