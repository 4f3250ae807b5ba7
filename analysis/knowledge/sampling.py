"""Draws part of a question set so that relations and mastery levels weigh as evenly as their numbers allow.

Does not know files or models.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np

from analysis.errors import QuestionError
from analysis.records import Question

Item = TypeVar("Item")
Group = tuple[str | None, int | None]


def sample_balanced(questions: Sequence[Question], limit: int, seed: int) -> list[Question]:
    """`limit` of the questions (all, where there are fewer), in their given order.

    Every (relation, level) gives equally many until it runs out. The draw depends on the seed and a group's name only,
    and a larger limit holds all that a smaller one held. Raises QuestionError for a limit under 1.
    """
    if limit < 1:
        raise QuestionError(f"The limit is {limit}: ask at least one question.")
    return [questions[place] for place in sorted(islice(balanced_order(questions, seed), limit))]


def balanced_order(questions: Sequence[Question], seed: int) -> Iterator[int]:
    """Every place in `questions` once: each (relation, level) in turn, the turns and each group's order by the seed."""
    groups: dict[Group, list[int]] = {}
    for place, question in enumerate(questions):
        groups.setdefault((question.relation, question.level), []).append(place)
    drawn = {name: _shuffled(places, f"{seed}:{name}") for name, places in groups.items()}
    turns = [name for name in _turns(list(groups), seed) if name in groups]
    turn = 0
    while turns:
        yield from (drawn[name][turn] for name in turns)
        turn += 1
        turns = [name for name in turns if turn < len(drawn[name])]  # so that many small groups cost no empty turns


def _turns(names: Sequence[Group], seed: int) -> Iterator[Group]:
    """Every (relation, level) once, so that any first few hold relations and levels as evenly as their number allows.

    Relation t mod R goes with level t mod L; where R and L have a common divisor that would bring the same pairs again
    after lcm(R, L) turns, so the levels then move on by one.
    """
    relations = _shuffled(sorted({relation for relation, _ in names}, key=str), str(seed))
    levels = _shuffled(sorted({level for _, level in names}, key=str), f"{seed}:levels")
    again = math.lcm(len(relations), len(levels))
    for turn in range(len(relations) * len(levels)):
        yield relations[turn % len(relations)], levels[(turn + turn // again) % len(levels)]


def _shuffled(items: Sequence[Item], seed: str) -> list[Item]:
    if len(items) < 2:
        return list(items)
    state = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "little")
    return [items[place] for place in np.random.default_rng(state).permutation(len(items))]
