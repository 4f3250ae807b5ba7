"""Greedy decoding in low precision: one answer a weight state, whatever was guessed and in whatever order.

In bfloat16 a token's logits depend on the shapes it is computed in, so plain decoding disagrees with itself. Here the
layout is frozen: which rows share a batch, and its padded width, follow from the prompts alone, and every pass has this
one shape. The answer is the fixed point of teacher-forced argmax there: each token is the likeliest one after the
tokens before it. By induction over places it exists and is the only one, so drafts change the number of passes and
nothing else. What is guessed comes from drafts, else from plain decoding. Does not know questions or scores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.language.answers import Answers, Draft, Finished, Generation
from analysis.language.forward import predict
from analysis.language.generate import batches, check_prompts, context_length, greedy
from analysis.language.load import LanguageModel
from analysis.language.memory import halving
from analysis.language.verify import by_row
from analysis.language.worth import Worth
from analysis.records import Progress, Silent, check_cancelled

if TYPE_CHECKING:
    import torch

LAYOUT_ROWS = 32  # part of what an answer is: raise the evaluation's version in cache/keys.py with it
BATCHES_A_BLOCK = 8  # sorted by length inside a block, so that padding stays small and a block a random sample


def frozen_blocks(prompts: Sequence[Sequence[int]]) -> list[list[list[int]]]:
    """The layout: blocks of batches of row numbers, by a fixed random order of the rows and their lengths alone."""
    order = np.random.default_rng(0).permutation(len(prompts)).tolist()
    size = LAYOUT_ROWS * BATCHES_A_BLOCK
    blocks = [order[start : start + size] for start in range(0, len(order), size)]
    return [
        [[block[place] for place in batch] for batch in batches([len(prompts[row]) for row in block], LAYOUT_ROWS)]
        for block in blocks
    ]


@dataclass(frozen=True)
class FrozenAnswers:
    """The answers of a batch in its rows' order, and the most rows that really shared a pass.

    Fewer than the batch holds where memory did not suffice: the answers are then bound to that smaller layout.
    """

    generations: tuple[Generation, ...]
    rows: int


def settle(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    finished: Finished | None = None,
    drafts: Sequence[Sequence[Draft]] | None = None,
    worth: Worth | None = None,
    progress: Progress | None = None,
) -> FrozenAnswers:
    """The fixed point of one frozen batch; arguments as in `generate.greedy`."""
    check_prompts(lm, prompts, max_new_tokens)
    answers = Answers(len(prompts), drafts, lm.eos_ids, max_new_tokens, finished)
    progress, worth = progress or Silent(), worth or Worth()
    shared: list[int] = []

    def work(rows: list[int]) -> list[int]:
        _settle_rows(_Batch(lm, prompts, rows, max_new_tokens), answers, worth, progress)
        shared.append(len(rows))
        return rows

    halving(list(range(len(prompts))), work)
    return FrozenAnswers(tuple(answers.generation(row) for row in range(len(prompts))), max(shared))


@dataclass(frozen=True)
class _Batch:
    """Rows that share every pass."""

    lm: LanguageModel
    prompts: Sequence[Sequence[int]]
    rows: list[int]
    new_tokens: int

    def predict(self, told: Sequence[Sequence[int]]) -> tuple[tuple[tuple[int, float], ...], ...]:
        """For each row (token, margin) at every place an answer may have, given what is told or guessed in front."""
        import torch

        width = max(len(prompt) for prompt in self.prompts) + self.new_tokens - 1
        texts = [
            [*self.prompts[row], *tokens][: len(self.prompts[row]) + self.new_tokens - 1]
            for row, tokens in zip(self.rows, told, strict=True)
        ]
        ids = torch.tensor([text + [0] * (width - len(text)) for text in texts], device=self.lm.device)
        with torch.inference_mode():
            found = predict(self.lm, self._kept(width).to(self.lm.device), cached=False, input_ids=ids)
        return by_row(found, [self.new_tokens] * len(self.rows))

    def _kept(self, width: int) -> torch.Tensor:
        import torch

        first = torch.tensor([len(self.prompts[row]) - 1 for row in self.rows])[:, None]
        places = torch.arange(width)[None, :]
        return (places >= first) & (places < first + self.new_tokens)


def _settle_rows(batch: _Batch, answers: Answers, worth: Worth, progress: Progress) -> None:
    first, use_drafts = True, worth.pays
    drafted = [row for row in batch.rows if use_drafts and (answers.guess(row) or answers.silence_is_likely(row))]
    while going := answers.open(batch.rows):
        check_cancelled(progress)
        guesses = _guesses(batch, answers, going, worth, use_drafts=use_drafts or not first)
        began = time.perf_counter()
        told = [[*answers.told[row], *guesses.get(row, ())] for row in batch.rows]
        predicted = dict(zip(batch.rows, batch.predict(told), strict=True))
        held = 0
        for row in going:
            before = len(answers.told[row])
            answers.follow(row, guesses[row], predicted[row][before : before + len(guesses[row]) + 1])
            if first and row in drafted:
                held += sum(a == b for a, b in zip(answers.told[row], guesses[row], strict=False))
        if first:
            counted = sum(len(guesses[row]) for row in drafted if row in guesses)
            worth.read(time.perf_counter() - began, sum(map(len, told)), counted, held)
            answers.settle(drafted)
        first = False


def _guesses(
    batch: _Batch, answers: Answers, rows: Sequence[int], worth: Worth, *, use_drafts: bool
) -> dict[int, tuple[int, ...]]:
    """For each open row what may come next: a draft's rest, else what plain decoding says."""
    found = {row: answers.guess(row) if use_drafts else () for row in rows}
    bare = [row for row in rows if not found[row] and not (use_drafts and answers.silence_is_likely(row))]
    if bare:
        begun = [[*batch.prompts[row], *answers.told[row]] for row in bare]
        left = batch.new_tokens - min(len(answers.told[row]) for row in bare)
        left = min(left, context_length(batch.lm) - max(map(len, begun)))
        for row, told in zip(bare, greedy(batch.lm, begun, max_new_tokens=left, worth=worth), strict=True):
            found[row] = told.token_ids[: batch.new_tokens - len(answers.told[row])]
    return found
