"""Which facts a model is fine-tuned on: of one mastery level, balanced over relations, drawn by a seed.

The draw is `sample_balanced`'s, so a smaller set lies inside a larger one of the same seed. Knows no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from analysis.errors import TrainingError
from analysis.knowledge.sampling import sample_balanced
from analysis.records import MASTERY_LEVELS, Question


def draw_facts(
    questions: Iterable[Question], *, size: int | None, level: int | None = None, seed: int = 0
) -> tuple[Question, ...]:
    """`size` questions (None: all) of this mastery level (None: of any), balanced over relations, in training order.

    Raises TrainingError for an unknown level, no questions, a size below 1, or fewer facts than asked; it says how
    many there are.
    """
    everything = list(questions)
    problems = _problems(everything, size, level)
    if problems:
        raise TrainingError("These facts cannot be trained on.", items=problems)
    pool = [question for question in everything if level is None or question.level == level]
    taken = sample_balanced(pool, size or len(pool), seed)
    Random(seed).shuffle(taken)
    return tuple(taken)


def _problems(questions: Sequence[Question], size: int | None, level: int | None) -> list[str]:
    if not questions:
        return ["there are no questions: give a file with at least one"]
    if level is not None and level not in MASTERY_LEVELS:
        return [f"level is {level!r}: choose one of {', '.join(map(str, MASTERY_LEVELS))}, or none for all facts"]
    if size is not None and size < 1:
        return [f"size is {size}: give 1 or more"]
    counts = Counter(question.level for question in questions)
    there = len(questions) if level is None else counts[level]
    if there >= (size or 1):
        return []
    if level is None:
        return [f"size is {size}, but there are only {there} facts: give a size of at most {there}"]
    if set(counts) == {None}:
        return [f"level {level} is asked for, but no question has a level: give the base's mastery table"]
    held = ", ".join(f"{name}: {counts[name]}" for name in MASTERY_LEVELS)
    return [f"size is {size or 'all'}, but level {level} holds {there} facts (facts by level {held})"]
