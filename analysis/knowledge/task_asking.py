"""Asks a model a task's documents, greedily, each answer cut at the task's `until`, and scores them.

BOS stands before a prompt as the tokenizer's own decision has it (prompts.decide_bos). Does not know files or stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.knowledge.asking import decode
from analysis.knowledge.prompts import encode_text
from analysis.knowledge.task_files import Task
from analysis.knowledge.task_scores import Scored, apply_filters, score, summarise
from analysis.language.generate import Finished, greedy
from analysis.records import Progress, Stopped

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

TAIL_TOKENS = 32  # of an answer, looked at for a stop: no `until` is longer


@dataclass(frozen=True)
class TaskAnswers:
    """Every answer, cut, and the scores over them."""

    answers: tuple[str, ...]
    scores: tuple[Scored, ...]


def ask_task(lm: LanguageModel, task: Task, progress: Progress) -> TaskAnswers:
    """Ask every document. Raises LanguageError where a prompt does not fit in the model's context; Cancelled."""
    prompts = [encode_text(lm.tokenizer, text) for text in task.prompts]
    found = greedy(
        lm,
        prompts,
        max_new_tokens=task.max_new_tokens,
        finished=_stops(lm.tokenizer, task.until),
        progress=progress,
    )
    answers = tuple(cut(text, task.until) for text in decode(lm.tokenizer, [one.token_ids for one in found]))
    return TaskAnswers(answers, tuple(score_task(task, answers)))


def score_task(task: Task, answers: Sequence[str]) -> list[Scored]:
    """Every metric behind every filter."""
    return [
        summarise(
            [
                score(apply_filters(told, steps), target, metric)
                for told, target in zip(answers, task.targets, strict=True)
            ],
            metric,
            name,
        )
        for name, steps in task.filters.items()
        for metric in task.metrics
    ]


def cut(text: str, until: Sequence[str]) -> str:
    """The answer up to the first of the stop texts."""
    for stop in until:
        text = text.split(stop)[0] if stop else text
    return text


def _stops(tokenizer: Any, until: Sequence[str]) -> Finished:
    def finished(_: int, token_ids: Sequence[int]) -> Stopped | None:
        tail = decode(tokenizer, [token_ids[-TAIL_TOKENS:]])[0]
        return "scores" if any(stop in tail for stop in until if stop) else None

    return finished
