"""A finding of the paper held against results: the record, and how spreads are written in its words. Knows no table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.experiments.spread import Row, level_name

Verdict = Literal["agrees", "differs", "untold", "missing"]


@dataclass(frozen=True)
class Claim:
    """One finding of the paper held against the results: `paper` says it, `here` what was measured, with its spread.

    `missing`: nothing of it is measured; `untold`: measured, and the spreads overlap or tell both.
    """

    where: str
    paper: str
    here: str
    verdict: Verdict


def named_words(row: Row) -> str:
    return f"{level_name(row['level'])}: {spread_words(row)}"


def spread_words(row: Row) -> str:
    bounds = "" if row["low"] != row["low"] else f" [{100 * row['low']:.1f}–{100 * row['high']:.1f}]"
    return f"{share_words(row['mean'])}{bounds}"


def points_words(row: Row) -> str:
    bounds = f" [{signed(row['low'])} to {signed(row['high'])}]" if row["kind"] == "runs" else " (one run)"
    return f"{signed(row['mean'])} points{bounds}"


def nats_words(row: Row) -> str:
    bounds = "" if row["low"] != row["low"] else f" [{row['low']:.2f}–{row['high']:.2f}]"
    return f"{row['mean']:.2f}{bounds}"


def share_words(fraction: float) -> str:
    return f"{100 * fraction:.1f}%"


def signed(fraction: float) -> str:
    """A difference of fractions in points, one digit, signed; what rounds to nothing is '+0.0'."""
    return with_sign(100 * fraction, 1)


def with_sign(value: float, digits: int) -> str:
    """A number with its sign, the minus one that is read (U+2212); what rounds to nothing is '+0.0'."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")
