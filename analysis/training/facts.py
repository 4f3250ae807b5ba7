"""Which facts a model is fine-tuned on: of a mastery level or a mix of them, balanced over relations, drawn by a seed.

The draw is `sample_balanced`'s, so a smaller set lies inside a larger one of the same seed. Knows no model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from analysis.errors import TrainingError
from analysis.knowledge.sampling import sample_balanced
from analysis.records import MASTERY_LEVELS, Question

NO_MIX: Mapping[int, float] = MappingProxyType({})
_ROUNDING = 1e-6  # of shares that should add to 1


@dataclass(frozen=True)
class Wanted:
    """Which facts are asked for: `size` of them (None: as many as there are).

    All of one `level`, or of several in the shares of `mix` (level -> share, 0-1, together 1), or of any. `relations`
    (ids) narrows them; None leaves that to the questions.
    """

    size: int | None
    level: int | None = None
    mix: tuple[tuple[int, float], ...] = ()
    relations: tuple[str, ...] | None = None

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels facts are drawn from; empty means any."""
        return tuple(level for level, share in self.mix if share > 0) or (() if self.level is None else (self.level,))


def draw_facts(
    questions: Iterable[Question],
    *,
    size: int | None,
    level: int | None = None,
    seed: int = 0,
    mix: Mapping[int, float] = NO_MIX,
    relations: Sequence[str] | None = None,
) -> tuple[Question, ...]:
    """`size` questions (None: all) of this mastery level (None: of any), balanced over relations, in training order.

    With `mix` (level -> share, together 1) each level gives its share of the size, to within one fact. Raises
    TrainingError with everything that cannot be: unknown levels or relations, no questions, a size below 1, shares
    that do not add to 1, fewer facts than asked; it says how many there are.
    """
    everything = list(questions)
    wanted = Wanted(size, level, tuple(sorted(mix.items())), tuple(relations) if relations is not None else None)
    problems = fact_problems(everything, wanted)
    if problems:
        raise TrainingError("These facts cannot be trained on.", items=problems)
    pool = _pool(everything, wanted)
    taken: list[Question] = []
    for of_level, count in _counts(pool, wanted):
        taken += sample_balanced([each for each in pool if of_level in (None, each.level)], count, seed)
    if wanted.mix:
        places = {question.id: place for place, question in enumerate(pool)}
        taken.sort(key=lambda question: places[question.id])
    Random(seed).shuffle(taken)
    return tuple(taken)


def fact_problems(questions: Sequence[Question], wanted: Wanted) -> list[str]:
    """Everything that keeps these facts from being drawn, each with its way out."""
    if not questions:
        return ["there are no questions: give a file with at least one"]
    problems = [*_level_problems(wanted), *_relation_problems(questions, wanted)]
    if wanted.size is not None and wanted.size < 1:
        problems.append(f"size is {wanted.size}: give 1 or more")
    return problems or _count_problems(questions, wanted)


def _pool(questions: Sequence[Question], wanted: Wanted) -> list[Question]:
    return [
        question
        for question in questions
        if (wanted.relations is None or question.relation in wanted.relations)
        and (not wanted.levels or question.level in wanted.levels)
    ]


def _counts(pool: Sequence[Question], wanted: Wanted) -> list[tuple[int | None, int]]:
    """How many facts of which level (None: of any); a mix by largest remainders, so that they add to the size."""
    if not wanted.mix:
        return [(None, wanted.size or len(pool))]
    shares = {level: share for level, share in wanted.mix if share > 0}
    size = wanted.size or _most(Counter(question.level for question in pool), shares)
    counts = {level: math.floor(size * share + _ROUNDING) for level, share in shares.items()}
    rest = sorted(shares, key=lambda level: (counts[level] - size * shares[level], level))
    for level in rest[: size - sum(counts.values())]:
        counts[level] += 1
    return [(level, count) for level, count in counts.items() if count]


def _most(held: Mapping[int | None, int], shares: Mapping[int, float]) -> int:
    """The largest size at which every level holds its share."""
    return min(math.floor(held.get(level, 0) / share + _ROUNDING) for level, share in shares.items())


def _level_problems(wanted: Wanted) -> list[str]:
    allowed = ", ".join(map(str, MASTERY_LEVELS))
    problems = []
    if wanted.level is not None and wanted.level not in MASTERY_LEVELS:
        problems.append(f"level is {wanted.level!r}: choose one of {allowed}, or none for all facts")
    if wanted.level is not None and wanted.mix:
        problems.append("level and mix are both given: a mix of one level is that level, so leave one of them out")
    if unknown := [level for level, _ in wanted.mix if level not in MASTERY_LEVELS]:
        problems.append(f"mix names {', '.join(map(repr, unknown))}: levels are {allowed}")
    if below := [f"{share:g} of level {level}" for level, share in wanted.mix if not 0 <= share <= 1]:
        problems.append(f"mix takes {', '.join(below)}: give shares from 0 to 1")
    total = sum(share for _, share in wanted.mix)
    if wanted.mix and not abs(total - 1) <= _ROUNDING:
        problems.append(f"the shares of mix add to {total:.6g}: make them add to 1")
    return problems


def _relation_problems(questions: Sequence[Question], wanted: Wanted) -> list[str]:
    if wanted.relations is None:
        return []
    if not wanted.relations:
        return ["relations are empty: name at least one, or leave them out"]
    there = {question.relation for question in questions if question.relation}
    unknown = [relation for relation in wanted.relations if relation not in there]
    held = ", ".join(sorted(there)) or "none has a relation"
    return [f"no question has the relation {', '.join(unknown)} (there are: {held})"] if unknown else []


def _count_problems(questions: Sequence[Question], wanted: Wanted) -> list[str]:
    among = [question for question in questions if wanted.relations is None or question.relation in wanted.relations]
    where = f" of {', '.join(wanted.relations)}" if wanted.relations else ""
    if not wanted.levels:
        short = len(among) < (wanted.size or 1)
        most = f"there are only {len(among)} facts{where}: give a size of at most {len(among)}"
        return [f"size is {wanted.size}, but {most}"] if short else []
    counts = Counter(question.level for question in among)
    if set(counts) == {None}:
        asked = ", ".join(map(str, wanted.levels))
        return [f"level {asked} is asked for, but no question has a level: give the base's mastery table"]
    held = f"(facts{where} by level {', '.join(f'{level}: {counts[level]}' for level in MASTERY_LEVELS)})"
    if not wanted.mix:
        short = counts[wanted.level] < (wanted.size or 1)
        told = f"size is {wanted.size or 'all'}, but level {wanted.level} holds {counts[wanted.level]} facts {held}"
        return [told] if short else []
    fullest = _most(counts, {level: share for level, share in wanted.mix if share > 0})
    return [f"a mix of these shares has at most {fullest} facts {held}"] if fullest < (wanted.size or 1) else []
