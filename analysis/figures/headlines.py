"""What one evaluation says in one number, with its interval and its name; figures, tables and sentences share it.

With mastery levels the number is the paper's headline (Ye et al., EMNLP 2025): the plain mean of the accuracies of
the levels present, with its bootstrap interval. Without levels it is the share of questions answered right (score:
contains), with its Wilson interval.
"""

import math
from dataclasses import dataclass
from typing import Literal

from analysis.records import Domain, DomainAccuracy, Evaluation

Scope = Literal["all", "in", "out"]
SCOPE_NAMES: dict[Scope, str] = {"all": "all questions", "in": "in-domain", "out": "out-of-domain"}
LEVEL_MEAN = "mean over mastery levels"
SHARE_RIGHT = "share of questions right"
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Headline:
    """An accuracy as a fraction 0-1 with its 95% interval; NaN and None where nothing was scored."""

    value: float
    interval95: tuple[float, float] | None
    n: int
    measure: str


def scopes(evaluation: Evaluation) -> tuple[Scope, ...]:
    """The domains this evaluation holds; `all` alone when its questions name none."""
    found: tuple[Scope, ...] = tuple(domain for domain in ("in", "out") if _in_domain(evaluation, domain).n)
    return found or ("all",)


def headline(evaluation: Evaluation, scope: Scope) -> Headline:
    """The headline number of one evaluation over one domain, or over everything."""
    if scope == "all":
        return Headline(evaluation.accuracy["contains"], evaluation.wilson95["contains"], evaluation.n, SHARE_RIGHT)
    domain = _in_domain(evaluation, scope)
    if domain.macro is not None:
        return Headline(domain.macro, domain.macro95, domain.n, LEVEL_MEAN)
    value = domain.accuracy.get("contains", math.nan)
    return Headline(value, wilson95(value, domain.n), domain.n, SHARE_RIGHT)


def level_accuracies(evaluation: Evaluation, scope: Scope) -> dict[int, Headline]:
    """Accuracy per mastery level 0-4, each with its Wilson interval; empty without levels."""
    if scope == "all":
        return {}
    levels = _in_domain(evaluation, scope).levels
    return {
        level: Headline(tally.accuracy, wilson95(tally.accuracy, tally.n), tally.n, SHARE_RIGHT)
        for level, tally in sorted(levels.items())
    }


def wilson95(fraction: float, n: int) -> tuple[float, float] | None:
    """Wilson's 95% score interval of a share seen in n draws; None for n = 0."""
    if not n or math.isnan(fraction):
        return None
    z2 = NORMAL_95**2
    centre = (fraction + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 / (1 + z2 / n) * math.sqrt(fraction * (1 - fraction) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _in_domain(evaluation: Evaluation, domain: Domain) -> DomainAccuracy:
    empty = DomainAccuracy(n=0, accuracy={}, levels={}, macro=None, macro95=None)
    return evaluation.by_domain.get(domain, empty)
