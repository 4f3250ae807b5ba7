"""What a restoration did to the answers: against the tuned model, and against base and tuned together.

Does not know weights or how the answers came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import get_args

from analysis.knowledge.statistics import compare, compare_levels, stratified_difference, three_way
from analysis.records import Change, Domain, Evaluation, Question, RestoreCount, RestoreSpec, Stop

ALL = "all"


@dataclass(frozen=True)
class Band:
    """One stop under several seeds: mean, lowest and highest accuracy (contains, 0-1), and their mean effective k.

    Lowest and highest, not a t-interval: three seeds' would be 2.5 standard deviations wide either way and say little.
    """

    strategy: str
    percent: float
    effective_percent: float
    seeds: tuple[int, ...]
    mean: float
    low: float
    high: float


def seed_bands(stops: Sequence[Stop]) -> tuple[Band, ...]:
    """A band for every restoration that was done under more than one seed."""
    groups: dict[RestoreSpec, list[Stop]] = {}
    for stop in stops:
        groups.setdefault(replace(stop.spec, seed=0), []).append(stop)
    return tuple(_band(spec, group) for spec, group in groups.items() if len(group) > 1)


def _band(spec: RestoreSpec, stops: Sequence[Stop]) -> Band:
    found = [stop.evaluation.accuracy["contains"] for stop in stops]
    return Band(
        spec.strategy,
        spec.percent,
        fmean(stop.count.effective_percent for stop in stops),
        tuple(stop.spec.seed for stop in stops),
        fmean(found),
        min(found),
        max(found),
    )


def make_stop(
    spec: RestoreSpec,
    count: RestoreCount,
    restored: Evaluation,
    *,
    tuned: Evaluation,
    base: Evaluation | None,
    questions: Sequence[Question],
) -> Stop:
    """A slider position with all that is said of it; the three evaluations are of these questions."""
    return Stop(
        spec,
        count,
        restored,
        versus_tuned=compare(tuned, restored),
        three_way=three_way(base, tuned, restored) if base else None,
        macro_change=mean_changes(tuned, restored, questions),
    )


def mean_changes(before: Evaluation, after: Evaluation, questions: Sequence[Question]) -> dict[str, Change]:
    """How the five-level mean moved, in each domain and over "all"; empty where no question has a level."""
    found = {}
    for name, part in _parts(questions):
        levels = {question.id: question.level for question in part if question.level is not None}
        if levels:
            change = stratified_difference(compare_levels(_only(before, levels), _only(after, levels), levels))
            found[name] = Change(change.estimate, (change.low, change.high))
    return found


def _parts(questions: Sequence[Question]) -> Iterator[tuple[str, list[Question]]]:
    for domain in get_args(Domain):
        yield domain, [question for question in questions if question.domain == domain]
    yield ALL, list(questions)


def _only(evaluation: Evaluation, names: dict[str, int]) -> Evaluation:
    return replace(evaluation, rows=tuple(row for row in evaluation.rows if row.id in names))
