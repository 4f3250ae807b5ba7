"""Draws part of a question set so that relations and mastery levels weigh as evenly as their numbers allow.

Does not know files or models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
    groups: dict[Group, list[int]] = {}
    for place, question in enumerate(questions):
        groups.setdefault((question.relation, question.level), []).append(place)
    drawn = {name: _shuffled(places, f"{seed}:{name}") for name, places in groups.items()}
    turns = _shuffled(sorted(drawn, key=str), str(seed))
    rounds = max(map(len, drawn.values()), default=0)
    order = (drawn[name][turn] for turn in range(rounds) for name in turns if turn < len(drawn[name]))
    chosen = [place for place, _ in zip(order, range(limit), strict=False)]
    return [questions[place] for place in sorted(chosen)]


def _shuffled(items: Sequence[Item], seed: str) -> list[Item]:
    state = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "little")
    return [items[place] for place in np.random.default_rng(state).permutation(len(items))]
