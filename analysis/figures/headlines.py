"""What one evaluation says in one number, with its interval and its name; figures, tables and sentences share it.

With mastery levels the number is the paper's headline (Ye et al., EMNLP 2025): the plain mean of the accuracies of
the levels present, with its bootstrap interval. Without levels it is the share of questions answered right (score:
contains), with its Wilson interval.
"""

import math
from dataclasses import dataclass
from typing import Literal

from analysis.knowledge.statistics import wilson
from analysis.records import Domain, DomainAccuracy, Evaluation, Tally

Scope = Literal["all", "in", "out"]
SCOPE_NAMES: dict[Scope, str] = {"all": "all questions", "in": "in-domain", "out": "out-of-domain"}
LEVEL_MEAN = "mean over mastery levels"
SHARE_RIGHT = "share of questions right"


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
    interval = wilson(round(value * domain.n), domain.n) if domain.n else None
    return Headline(value, interval, domain.n, SHARE_RIGHT)


def levels(evaluation: Evaluation, scope: Scope) -> dict[int, Tally]:
    """Right answers of all asked, per mastery level 0-4; empty without levels."""
    return {} if scope == "all" else dict(sorted(_in_domain(evaluation, scope).levels.items()))


def _in_domain(evaluation: Evaluation, domain: Domain) -> DomainAccuracy:
    empty = DomainAccuracy(n=0, accuracy={}, levels={}, macro=None, macro95=None)
    return evaluation.by_domain.get(domain, empty)
