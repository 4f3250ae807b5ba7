"""What a stop carries: its test against tuned, by domain, and against every draw of as many parameters at random.

The best stop of a curve is chosen on the questions that test it, so its tests are corrected for choosing among all that
were evaluated (verdicts.corrected). Knows stops and evaluations; draws nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from analysis.figures import numbers, verdicts
from analysis.figures.headlines import Scope, headline, scopes
from analysis.figures.verdicts import Verdict
from analysis.records import Evaluation, Question, RestoreSpec, Stop

_MORE: dict[verdicts.Direction, str] = {"up": "more", "down": "less"}


@dataclass(frozen=True)
class Draw:
    """A draw of as many parameters at random: its accuracy (0-1), and the best stop's test against it."""

    accuracy: float
    versus: Verdict


@dataclass(frozen=True)
class Judged:
    """The tests of a curve's best stop, not corrected: against tuned, and against each draw of its control."""

    versus_tuned: Verdict | None = None
    draws: tuple[Draw, ...] = ()


def judged(
    stops: Sequence[Stop],
    scope: Scope,
    tuned: Evaluation,
    questions: Sequence[Question],
    answers: Callable[[RestoreSpec], Evaluation | None],
) -> Judged:
    """The tests of the best stop on the questions of one domain; `answers` gives a stop's evaluation with its rows."""
    best = best_ranked(stops, scope)
    here = answers(best.spec) if best is not None else None
    if best is None or here is None:
        return Judged()
    drawn = [found for stop in controls(stops, best) if (found := answers(stop.spec)) is not None]
    return Judged(_verdict(best, scope, here, tuned, questions), against_draws(here, drawn, scope, questions))


def best_ranked(stops: Sequence[Stop], scope: Scope) -> Stop | None:
    """The stop of the paper's order with the most right answers; None where only 0% was evaluated."""
    return max(ranked(stops), key=lambda stop: headline(stop.evaluation, scope).value, default=None)


def ranked(stops: Sequence[Stop]) -> list[Stop]:
    """The stops of the paper's order that restore anything."""
    return [stop for stop in stops if stop.spec.strategy == "relative-top" and stop.spec.percent > 0]


def controls(stops: Sequence[Stop], best: Stop) -> tuple[Stop, ...]:
    """Every draw of as many parameters of the same ones, whichever seed."""
    wanted = replace(best.spec, strategy="random", seed=0)
    return tuple(stop for stop in stops if replace(stop.spec, seed=0) == wanted)


def against_draws(
    best: Evaluation, drawn: Sequence[Evaluation], scope: Scope, questions: Sequence[Question]
) -> tuple[Draw, ...]:
    """The best stop against every draw of its control, each tested on the same questions; the lowest draw first."""
    by_value = sorted(drawn, key=lambda each: headline(each, scope).value)
    tested = [(headline(each, scope).value, verdicts.of_states(each, best, scope, questions)) for each in by_value]
    return tuple(Draw(value, verdict) for value, verdict in tested if verdict is not None)


def control_words(draws: Sequence[Draw], among: int = 1) -> str:
    """What the tests against the draws carry once corrected for choosing among so many stops; "" without a draw."""
    if not draws:
        return ""
    told = [verdicts.corrected(draw.versus, among) for draw in draws]
    ways = [verdict.direction for verdict in told]
    values = [draw.accuracy for draw in draws]
    there = f"{_draws_words(values)} {told[-1].evidence}"  # against the draw that knows most
    n = numbers.count(told[-1].n)
    if set(ways) == {"unclear"}:
        return f"It is not distinguishable from as many parameters at random at n = {n} ({there})."
    if len(set(ways)) == 1:
        return f"That is {_MORE[ways[0]]} than as many parameters at random give ({there})."
    parts = [f"{_MORE[way]} than {ways.count(way)}" for way in ("up", "down") if way in ways]
    parts += [f"not distinguishable from {ways.count('unclear')}"] if "unclear" in ways else []
    return f"Of {len(ways)} draws of as many parameters at random it is {' and '.join(parts)} at n = {n} ({there})."


def _draws_words(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"one draw: {numbers.share(values[0])};"
    return f"{len(values)} draws: {numbers.share(values[0])} to {numbers.share(values[-1])}; against the highest"


def against_tuned(
    stop: Stop, restored: Evaluation, tuned: Evaluation, questions: Sequence[Question]
) -> dict[Scope, Verdict]:
    """What a stop's change against tuned carries, domain by domain; both evaluations with their rows."""
    found = {scope: _verdict(stop, scope, restored, tuned, questions) for scope in scopes(restored)}
    return {scope: verdict for scope, verdict in found.items() if verdict is not None}


def _verdict(
    stop: Stop, scope: Scope, restored: Evaluation, tuned: Evaluation, questions: Sequence[Question]
) -> Verdict | None:
    known = known_verdict(stop, scope)
    return known if known is not None else verdicts.of_states(tuned, restored, scope, questions)


def known_verdict(stop: Stop, scope: Scope) -> Verdict | None:
    """What the stop itself holds of the test; None for a domain without mastery levels, whose answers are needed."""
    if scope == "all":
        return verdicts.of_flips(stop.versus_tuned)
    change = stop.macro_change.get(scope)
    if change is None or any(math.isnan(bound) for bound in change.interval95):
        return None
    return verdicts.of_change(change, headline(stop.evaluation, scope).n)
