"""Remembers what other states of a pair answered to the same questions: drafts for the next state, and how sure it was.

A draft never changes an answer, it only saves decoding it; so a bank may forget, and may be filled from anywhere. Knows
no models and no stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.knowledge.prompts import Prompt
from analysis.language.worth import Worth
from analysis.records import Answered, Question

DRAFTS_A_QUESTION = 8
Tokens = tuple[int, ...]


class Bank:
    """Every different answer of each question, the newest first; its last margin, and whether it was right."""

    def __init__(self, drafts: Mapping[str, Sequence[Sequence[int]]] | None = None) -> None:
        self._drafts = {name: [tuple(draft) for draft in group] for name, group in (drafts or {}).items()}
        self._margins: dict[str, float] = {}
        self._right: dict[str, bool] = {}
        self.worth = Worth()
        self.rows_per_second: float | None = None

    def __len__(self) -> int:
        return len(self._drafts)

    def of(self, name: str) -> Sequence[Tokens]:
        """A question's drafts, the newest first; () where there are none."""
        return self._drafts.get(name, ())

    def margin(self, name: str) -> float | None:
        """The smallest logit margin on the way to the question's newest answer, where it is known."""
        return self._margins.get(name)

    def right(self, name: str) -> bool | None:
        """Whether the newest answer was right (contains); None before there is one."""
        return self._right.get(name)

    def learn(self, rows: Iterable[Answered]) -> None:
        """These are the newest answers."""
        for row in rows:
            before = [draft for draft in self.of(row.id) if draft != row.token_ids]
            self._drafts[row.id] = [row.token_ids, *before][:DRAFTS_A_QUESTION]
            self._right[row.id] = row.correct["contains"]
            if row.margin is not None:
                self._margins[row.id] = row.margin


def gold_drafts(tokenizer: Any, prompt: Prompt, questions: Sequence[Question]) -> dict[str, list[Tokens]]:
    """The gold answers as they are trained, by question: drafts for models nobody has asked before."""
    told = [prompt.answer.replace("{answer}", question.answers[0]) for question in questions]
    ids = tokenizer(told, add_special_tokens=False)["input_ids"]
    return {question.id: [tuple(answer)] for question, answer in zip(questions, ids, strict=True)}
