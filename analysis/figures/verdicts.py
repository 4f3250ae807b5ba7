"""What a comparison of two states carries, in words: a difference only where its test or interval shows one.

Two states are compared on the same questions, so every test is a paired one: the paired bootstrap of the mean over
mastery levels where the headline is that mean, else McNemar's exact test. "Not distinguishable" is not "equal": the
words never say that two states are alike.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import NormalDist
from typing import Literal

from analysis.figures import numbers
from analysis.figures.headlines import LEVEL_MEAN, SCOPE_NAMES, Scope, headline, scopes
from analysis.knowledge.statistics import compare, wilson
from analysis.knowledge.stops import mean_changes
from analysis.records import Change, Evaluation, Flips, Question

SIGNIFICANT = 0.05
FEWEST_FLIPS = 6  # all to one side: with five, the exact two-sided p is 0.0625 and no test at 5% can tell
Direction = Literal["up", "down", "unclear"]


@dataclass(frozen=True)
class Verdict:
    """A comparison of `after` with `before` over n questions: which way, its p, and its numbers in words."""

    direction: Direction
    n: int
    evidence: str
    p: float


@dataclass(frozen=True)
class Step:
    """A state against the one before it: the verdict of each domain that can be tested."""

    before: str
    after: str
    found: Mapping[Scope, Verdict]


def of_flips(flips: Flips) -> Verdict:
    """By McNemar's exact test on the questions whose answer changed side."""
    n = flips.fixed + flips.broken + flips.still_right + flips.still_wrong
    evidence = f"{flips.fixed} fixed, {flips.broken} broken, McNemar {numbers.probability(flips.mcnemar_p)}"
    if flips.mcnemar_p >= SIGNIFICANT:
        return Verdict("unclear", n, evidence, flips.mcnemar_p)
    return Verdict("up" if flips.fixed > flips.broken else "down", n, evidence, flips.mcnemar_p)


def of_change(change: Change, n: int) -> Verdict:
    """By the 95% interval of a paired difference: a direction where it leaves out 0."""
    low, high = change.interval95
    evidence = f"{numbers.points(change.estimate)}, 95%: {numbers.signed(100 * low)} to {numbers.signed(100 * high)}"
    if low > 0 or high < 0:
        return Verdict("up" if low > 0 else "down", n, evidence, _interval_p(change))
    return Verdict("unclear", n, evidence, _interval_p(change))


def _interval_p(change: Change) -> float:
    """Two-sided p of no change, by the normal curve through estimate and interval: < 0.05 where that leaves out 0."""
    near = abs(change.estimate - change.interval95[0 if change.estimate > 0 else 1])
    normal = NormalDist()
    z = abs(change.estimate) / near * normal.inv_cdf(1 - SIGNIFICANT / 2) if near else math.inf * abs(change.estimate)
    return 1.0 if math.isnan(z) else 2 * normal.cdf(-z)


def corrected(verdict: Verdict, among: int) -> Verdict:
    """The verdict on the best of `among`, chosen on the very questions that test it: Bonferroni, p times `among`.

    Whichever was chosen, a false direction is then claimed in at most 5% of the cases, however the stops hang together.
    """
    if among < 2:
        return verdict
    p = min(1.0, among * verdict.p)
    evidence = f"{verdict.evidence}; as the best of {among}: {numbers.probability(p)}"
    direction: Direction = verdict.direction if p < SIGNIFICANT else "unclear"
    return Verdict(direction, verdict.n, evidence, p)


def of_states(
    before: Evaluation, after: Evaluation, scope: Scope, questions: Sequence[Question] = ()
) -> Verdict | None:
    """The headline's change over one domain, tested on that domain's questions; None where these are not given."""
    if scope == "all":
        return of_flips(compare(before, after))
    inside = {question.id for question in questions if question.domain == scope}
    if not inside:
        return None
    first, second = _only(before, inside), _only(after, inside)
    if headline(after, scope).measure == LEVEL_MEAN:
        change = mean_changes(first, second, [question for question in questions if question.id in inside]).get(scope)
        if change is not None and not any(math.isnan(bound) for bound in change.interval95):
            return of_change(change, len(first.rows))
    return of_flips(compare(first, second))


def _only(evaluation: Evaluation, names: set[str]) -> Evaluation:
    return replace(evaluation, rows=tuple(row for row in evaluation.rows if row.id in names))


def against(verdict: Verdict, other: str) -> str:
    """The verdict in words: 'more than tuned (...)', 'not distinguishable from tuned at n = 500 (...)'."""
    if verdict.direction == "unclear":
        return f"not distinguishable from {other} at n = {numbers.count(verdict.n)} ({verdict.evidence})"
    return f"{'more' if verdict.direction == 'up' else 'fewer'} than {other} ({verdict.evidence})"


def flips_words(flips: Flips, before: str, after: str) -> str:
    """What the questions that changed side carry, in a sentence."""
    found = of_flips(flips)
    p = numbers.probability(flips.mcnemar_p)
    if found.direction != "unclear":
        side = "more" if found.direction == "up" else "fewer"
        return f"{after.capitalize()} answers {side} of them rightly than {before} (McNemar {p})."
    few = flips.fixed + flips.broken < FEWEST_FLIPS
    why = "too few answers changed side for any test" if few else f"McNemar {p}"
    return f"{after.capitalize()} is not distinguishable from {before} at n = {numbers.count(found.n)} ({why})."


def of_steps(states: Mapping[str, Evaluation], questions: Sequence[Question]) -> tuple[Step, ...]:
    """Each state against the one before it, domain by domain."""
    steps = []
    for before, after in pairwise(states):
        found = {scope: of_states(states[before], states[after], scope, questions) for scope in scopes(states[before])}
        steps.append(Step(before, after, {scope: verdict for scope, verdict in found.items() if verdict}))
    return tuple(steps)


def states_words(states: Mapping[str, Evaluation], steps: Sequence[Step], *, chosen: str = "") -> str:
    """Base, tuned and restored by domain, each with its interval, and what their comparison (of_steps) carries.

    `chosen` says how the restored stop was come by, where that is a caveat.
    """
    first = next(iter(states.values()))
    told = [_domain_words(states, scope, steps) for scope in scopes(first)]
    caveat = f" {chosen}" if chosen and "restored" in states else ""
    return f"{' '.join(told)} Brackets: 95% intervals.{caveat}"


def _domain_words(states: Mapping[str, Evaluation], scope: Scope, steps: Sequence[Step]) -> str:
    tested = {step.after: f", {against(step.found[scope], step.before)}" for step in steps if scope in step.found}
    parts = []
    for name, state in states.items():
        number = headline(state, scope)
        share = f"{numbers.share(number.value)} [{numbers.interval(number.interval95)}]"
        parts.append(f"{name} {share}{tested.get(name, '')}")
    n = numbers.count(headline(next(iter(states.values())), scope).n)
    return f"Right answers, {SCOPE_NAMES[scope]} (n = {n}): {'; '.join(parts)}."


def noise_points(n: int) -> float:
    """Half the width of Wilson's widest 95% interval at n questions, in percentage points: what chance alone moves."""
    low, high = wilson(n // 2, n)
    return 50 * (high - low)
