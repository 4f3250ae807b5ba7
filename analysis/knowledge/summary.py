"""Sums up answers: accuracy by every score, by domain, level and relation, each with its uncertainty.

Does not know models or how the answers came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from analysis.knowledge.scoring import FLAGS, credit
from analysis.knowledge.statistics import stratified_mean, wilson
from analysis.records import (
    MASTERY_LEVELS,
    SCORES,
    Answered,
    Domain,
    DomainAccuracy,
    Evaluation,
    Question,
    ScoreName,
    Tally,
)

DOMAINS: tuple[Domain, ...] = get_args(Domain)
Name = TypeVar("Name", int, str)
Pairs = Sequence[tuple[Answered, Question]]


def summarise(
    rows: Sequence[Answered],
    questions: Sequence[Question],
    *,
    prompt: str,
    dtype: str,
    seconds: float,
    engine: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Evaluation:
    """The numbers over these answers; `rows` and `questions` stand in the same order."""
    pairs = list(zip(rows, questions, strict=True))
    correct: dict[ScoreName, int] = {name: sum(row.correct[name] for row in rows) for name in SCORES}
    return Evaluation(
        n=len(rows),
        prompt=prompt,
        dtype=dtype,
        rows=tuple(rows),
        correct=correct,
        accuracy={name: Tally(len(rows), correct[name]).accuracy for name in SCORES},
        wilson95={name: wilson(correct[name], len(rows)) for name in SCORES},
        by_domain=_by_domain(pairs, seed),
        seconds=seconds,
        engine=dict(engine or {}),
        whole=accuracy_of(pairs, seed) if pairs else None,
        doubtful=count_doubts(pairs),
    )


def accuracy_of(pairs: Pairs, seed: int = 0) -> DomainAccuracy:
    """Accuracy over these answers, at least one, with their levels and relations."""
    levels = _tallies([(asked.level, row) for row, asked in pairs])
    relations = _tallies([(asked.relation, row) for row, asked in pairs])
    mean = stratified_mean(levels, seed=seed)
    return DomainAccuracy(
        n=len(pairs),
        accuracy={name: sum(row.correct[name] for row, _ in pairs) / len(pairs) for name in SCORES},
        levels={level: levels[level] for level in MASTERY_LEVELS if level in levels},
        macro=mean.estimate if levels else None,
        macro95=(mean.low, mean.high) if levels else None,
        relations=relations,
    )


def count_doubts(pairs: Pairs) -> dict[str, int]:
    """How many right answers (contains) carry each flag of a doubtful credit, and "any" of them."""
    counts: Counter[str] = Counter()
    for row, asked in pairs:
        found = credit(row.output, asked) if row.correct["contains"] else None
        if found and found.flags:
            counts.update([*found.flags, "any"])
    return {name: counts[name] for name in (*FLAGS, "any")} if pairs else {}


def _by_domain(pairs: Pairs, seed: int) -> dict[Domain, DomainAccuracy]:
    parts = {domain: [pair for pair in pairs if pair[1].domain == domain] for domain in DOMAINS}
    return {domain: accuracy_of(part, seed) for domain, part in parts.items() if part}


def _tallies(rows: Sequence[tuple[Name | None, Answered]]) -> dict[Name, Tally]:
    """Right answers (contains) by name, in the order of first appearance; None is left out."""
    asked: Counter[Name] = Counter()
    right: Counter[Name] = Counter()
    for name, row in rows:
        if name is not None:
            asked[name] += 1
            right[name] += row.correct["contains"]
    return {name: Tally(asked[name], right[name]) for name in asked}
