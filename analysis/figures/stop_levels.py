"""Right answers by mastery level at a stop: base, tuned and restored beside each other, each with its 95% interval."""

from collections.abc import Sequence

import pandas as pd

from analysis.figures import numbers
from analysis.figures.headlines import SCOPE_NAMES, Scope, levels
from analysis.knowledge.statistics import wilson
from analysis.records import Evaluation, Tally

STATES = ("base", "tuned", "restored")


def level_table(
    scope: Scope, base: Evaluation | None, tuned: Evaluation | None, restored: Evaluation | None
) -> pd.DataFrame:
    """Accuracy per mastery level 0-4 in the states that were asked (fractions 0-1), with n.

    `<state>_low` and `<state>_high` are the 95% interval (Wilson); NaN where a level was not asked.
    """
    found = zip(STATES, (base, tuned, restored), strict=True)
    columns = {name: levels(state, scope) for name, state in found if state is not None}
    present = sorted({level for column in columns.values() for level in column})
    bounds = [f"{name}_{end}" for name in columns for end in ("low", "high")]
    return pd.DataFrame([_row(level, columns) for level in present], columns=["level", "n", *columns, *bounds])


def _row(level: int, columns: dict[str, dict[int, Tally]]) -> dict[str, object]:
    cells = {name: column[level] for name, column in columns.items() if level in column}
    row: dict[str, object] = {"level": level, "n": max((cell.n for cell in cells.values()), default=0)}
    for name, cell in cells.items():
        low, high = wilson(cell.correct, cell.n)
        row |= {name: cell.accuracy, f"{name}_low": low, f"{name}_high": high}
    return row


def states_of(table: pd.DataFrame) -> Sequence[str]:
    """The states that have a column."""
    return [name for name in STATES if name in table]


def written(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read: '42.9% [29–58]', the interval in whole % as the few questions of a level allow."""
    told = {
        name: [
            f"{numbers.share(share)} [{100 * low:.0f}–{100 * high:.0f}]" if low == low else numbers.MISSING
            for share, low, high in zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
        ]
        for name in states_of(table)
    }
    return pd.DataFrame({"level": table["level"].astype(str), "n": table["n"].map(numbers.count)} | told)


def level_words(table: pd.DataFrame, scope: Scope) -> str:
    """The table in a sentence: which states, and how many questions a level holds."""
    fewest, most = int(table["n"].min()), int(table["n"].max())
    held = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return (
        f"Right answers by mastery level, {SCOPE_NAMES[scope]}: {', '.join(states_of(table))}, "
        f"each with its 95% interval (Wilson). A level holds {held} questions."
    )
