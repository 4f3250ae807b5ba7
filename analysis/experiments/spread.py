"""From the long table of results to one number a setting with its spread over training sets and draws.

A spread is from the lowest to the highest run: of three seeds a t-interval says little. Where there is one run only,
the 95% interval over its questions stands in its place, and `kind` says which. Knows the columns of the result table
and nothing of figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[Any, Any]  # one line of a table, by column
Order = Literal["above", "below", "overlap", "unknown"]
ALL_FACTS = "all"
PLAIN, BASE = "sft", "base"  # of a table's variants: plain fine-tuning, and the model untrained
PERCENT_ZERO = 0.0
HEADLINE_WORDS = {"macro": "mean over mastery levels", "micro": "all questions together, which carry no mastery levels"}


def measured(table: pd.DataFrame, measure: str, **fields: object) -> pd.DataFrame:
    """The rows of one measure whose columns hold these values."""
    rows = table[table["measure"] == measure]
    for name, value in fields.items():
        rows = rows[rows[name] == value]
    return rows


def variant_of(table: pd.DataFrame) -> str:
    """The way of fine-tuning that figures of this table are of: the plain one where it holds any, else its first."""
    found = [name for name in dict.fromkeys(table["variant"]) if name != BASE]
    return PLAIN if PLAIN in found or not found else str(found[0])


def of_variant(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """The base's rows, and those of the models trained in this way alone."""
    return table[table["variant"].isin([BASE, variant])]


def headline(table: pd.DataFrame) -> str:
    """The group that holds a plan's headline accuracy: "macro", the mean over mastery levels, where questions carry
    levels; else "micro", all questions together."""
    groups = set(table.loc[table["measure"] == "accuracy", "group"])
    return "micro" if "micro" in groups and "macro" not in groups else "macro"


def over_runs(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row a group: mean, low, high (all in the unit of `value`), kind, runs, seeds, n.

    low and high: the lowest and highest run where there are several (kind "runs"), else the run's own 95% interval
    (kind "questions"; NaN where it has none). `n`: what one run was measured on, the largest where they differ.
    """
    import pandas as pd

    grouped = rows.groupby(list(by), sort=False, dropna=False)
    joined = grouped.agg(
        mean=("value", "mean"),
        low=("value", "min"),
        high=("value", "max"),
        own_low=("low", "first"),
        own_high=("high", "first"),
        runs=("value", "size"),
        seeds=("seed", "nunique"),
        n=("n", "max"),
    ).reset_index()
    single = joined["runs"] == 1
    joined.loc[single, "low"], joined.loc[single, "high"] = joined["own_low"], joined["own_high"]
    joined["kind"] = pd.Series(single).map({True: "questions", False: "runs"})
    return joined.drop(columns=["own_low", "own_high"])


def compared(first: Row, second: Row) -> Order:
    """Whether the first spread lies wholly above or below the second, or they overlap; unknown without a spread."""
    if any(map(_missing, (first["low"], first["high"], second["low"], second["high"]))):
        return "unknown"
    if first["low"] > second["high"]:
        return "above"
    return "below" if first["high"] < second["low"] else "overlap"


def spread_kind(rows: pd.DataFrame) -> str:
    """What the bands of these rows are, in words."""
    kinds = set(rows["kind"]) if len(rows) else set()
    runs = int(rows["runs"].max()) if len(rows) else 0
    several, single = f"lowest to highest of up to {runs} runs", "95% interval over the questions of one run"
    if kinds == {"runs"}:
        return several
    return single if kinds == {"questions"} else f"{several}; of single runs the {single}"


def with_restored_start(rows: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Rows of a restoration curve: each strategy's own, and the tuned model itself as the 0% of every one."""
    import pandas as pd

    tuned = rows[rows["strategy"] == ""]
    starts = [tuned.assign(strategy=strategy, percent=PERCENT_ZERO) for strategy in strategies]
    own = rows[rows["strategy"].isin(list(strategies)) & (rows["percent"] > 0)]
    return pd.concat([*starts, own], ignore_index=True)


def size_order(sizes: Iterable[int]) -> list[int]:
    """Sizes as they grow; 0 stands for all facts and comes last."""
    return sorted(set(map(int, sizes)), key=lambda size: (size == 0, size))


def size_name(size: int) -> str:
    """'1,920', or 'all' where every fact of the level is used."""
    return f"{int(size):,}" if size else ALL_FACTS


def layers_name(group: object) -> str:
    """A group of layers: 'layers 0-3', 'layer 0' of one alone."""
    return f"layers {group}" if "-" in str(group) else f"layer {group}"


def level_name(level: str) -> str:
    """'level 0', 'all facts', 'levels 0+4' of a mix."""
    if level == ALL_FACTS:
        return "all facts"
    return f"level {level}" if level.isdecimal() else level.replace("mix:", "levels ")


def _missing(value: float) -> bool:
    return bool(value != value)
