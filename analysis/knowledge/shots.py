"""Draws the worked examples ("shots") that stand before every question of a set.

The same for all of the set's questions, so that a prefix can be shared; never one of the asked questions, nor one about
the same subject. Does not know files, prompts or models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analysis.errors import QuestionError
from analysis.knowledge.sampling import balanced_order
from analysis.knowledge.scoring import normalise
from analysis.records import Question


@dataclass(frozen=True)
class Held:
    """A set without questions of its own to spare, divided: the drawn shots, and what is left to ask."""

    shots: tuple[Question, ...]
    asked: tuple[Question, ...]


def draw_shots(pool: Sequence[Question], asked: Iterable[Question], count: int, seed: int) -> tuple[Question, ...]:
    """`count` questions of the pool, balanced over relations, that share neither text nor subject with an asked one.

    One a subject. The first n of them are what a count of n would draw. QuestionError where there are not so many.
    """
    taken = {name for question in asked for name in _names(question)}
    drawn = list(_fresh(pool, taken, count, seed))
    if len(drawn) < count:
        raise QuestionError(
            f"{count} shots are wanted, but only {len(drawn)} of {len(pool)} questions share nothing with the asked "
            "ones: ask for fewer shots, or give a dataset with a train split."
        )
    return tuple(drawn)


def hold_out(questions: Sequence[Question], count: int, seed: int) -> Held:
    """Draws the shots from the questions themselves; whatever shares text or subject with a shot is not asked."""
    shots = draw_shots(questions, (), count, seed)
    shown = {name for shot in shots for name in _names(shot)}
    asked = tuple(question for question in questions if shown.isdisjoint(_names(question)))
    if not asked:
        raise QuestionError(f"{count} shots leave none of {len(questions)} questions to ask: ask for fewer shots.")
    return Held(shots, asked)


def _fresh(pool: Sequence[Question], taken: set[str], count: int, seed: int) -> Iterator[Question]:
    left = count
    for place in balanced_order(pool, seed):
        names = _names(pool[place])
        if left and taken.isdisjoint(names):
            taken.update(names)
            left -= 1
            yield pool[place]
        if not left:
            return


def _names(question: Question) -> tuple[str, ...]:
    """What two questions about one thing have in common: the question's text, and its subject where that is known."""
    text = "question " + normalise(question.question)
    return (text, "subject " + normalise(question.subject)) if question.subject else (text,)
