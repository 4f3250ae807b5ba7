"""How the curves of restorations look: a colour and a mark of its own for each, a dash for each kind. Draws nothing."""

from collections.abc import Hashable, Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures import style
from analysis.figures.strategies import STRATEGY_NAMES
from analysis.records import BLENDS

_LONG_NAME = 14  # letters: two such names beside each other fill a phone, three shorter ones too


def series(table: pd.DataFrame) -> pd.DataFrame:
    """One row a curve, in the order the strategies are listed everywhere."""
    place = {strategy: number for number, strategy in enumerate(STRATEGY_NAMES)}
    curves = table.drop_duplicates("order")
    return curves.assign(place=curves["strategy"].map(place)).sort_values(["place", "among"])


def columns(table: pd.DataFrame) -> int:
    """Of the legend, so that it fits a phone."""
    return 2 if any(len(name) > _LONG_NAME for name in table["order"]) else 3


def _legend(curves: pd.DataFrame) -> alt.Legend:
    return alt.Legend(
        orient="top",
        columns=columns(curves),
        labelLimit=220,
        symbolSize=130,
        symbolOpacity=1,
    )


def colour(curves: pd.DataFrame) -> alt.Color:
    """Each strategy's fixed colour; `curves` as `series` gives them."""
    colours = [style.STRATEGY_COLOURS[strategy] for strategy in curves["strategy"]]
    return alt.Color(
        "order:N", title=None, legend=_legend(curves), scale=alt.Scale(domain=list(curves["order"]), range=colours)
    )


def dashed_as(table: pd.DataFrame) -> dict[str, str]:
    """Which dash each curve of a curve table has, by its name."""
    return {row["order"]: _kind(row) for row in table.to_dict("records")}


def _kind(row: Mapping[Hashable, Any]) -> str:
    return "blend" if row["strategy"] in BLENDS else "changed only" if row["among"] == "changed" else "ranked"


# By a field of its own: the legend, which shows the marks, would take the dashes in. What shares one has its own mark.
_DASHES = {"ranked": [1, 0], "changed only": [7, 4], "blend": [2, 3]}
DASH = alt.StrokeDash("dashed_as:N", legend=None, scale=alt.Scale(domain=list(_DASHES), range=list(_DASHES.values())))


def shape(curves: pd.DataFrame) -> alt.Shape:
    """Every curve's own mark, so that no two are told apart by colour alone."""
    shapes = [
        (style.CHANGED_SHAPES if among == "changed" else style.STRATEGY_SHAPES)[strategy]
        for strategy, among in zip(curves["strategy"], curves["among"], strict=True)
    ]
    return alt.Shape(
        "order:N", title=None, legend=_legend(curves), scale=alt.Scale(domain=list(curves["order"]), range=shapes)
    )
