"""Asks a model every question of a set, greedily, and sums up what it knew.

The questions are asked in blocks of a seeded random order, so that the accuracy shown while it runs, and its interval,
are those of a random sample; inside a block the rows are sorted by length. Does not know pairs, restoring or stores.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import LanguageError, QuestionError
from analysis.knowledge.prompts import Prompt, decide_prompt_bos, encode_prompts, resolve_prompt
from analysis.knowledge.questions import QuestionSet
from analysis.knowledge.scoring import score, scores_fixed
from analysis.knowledge.statistics import anytime_interval
from analysis.knowledge.summary import summarise
from analysis.language.generate import MAX_NEW_TOKENS, Finished, Generation, context_length, default_rows, greedy
from analysis.records import (
    Answered,
    Evaluation,
    PartialEvaluation,
    Progress,
    Question,
    Silent,
    Stopped,
    check_cancelled,
)

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

Drafts = Mapping[str, Sequence[int]]
BATCHES_A_BLOCK = 2  # two batches sorted by length waste less padding; more would make partial results rare
HOLDING_FRACTION = 0.75  # measured on short answers: below this, checking drafts costs more than decoding


def evaluate(
    lm: LanguageModel,
    question_set: QuestionSet,
    *,
    prompt: str = "paper",
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    drafts: Drafts | None = None,
) -> Evaluation:
    """Ask every question once; the answers in the set's order, and the numbers over them.

    `seed` orders the asking and draws the bootstrap; in float32 it changes no answer. After each block progress gets a
    PartialEvaluation, and the work can be cancelled. `drafts`, earlier answers' token ids by question id, save work
    where they still hold and change no answer.
    """
    began = time.perf_counter()
    progress = progress or Silent()
    questions = question_set.questions
    if not questions:
        raise QuestionError("There are no questions to ask.")
    shown = resolve_prompt(prompt, question_set.shots)
    prompts = _encode(lm, shown, questions, max_new_tokens)
    size = batch_size or default_rows(lm)
    rows: dict[int, Answered] = {}
    drafted = _Drafts(drafts or {})
    for block in random_blocks(len(questions), BATCHES_A_BLOCK * size, seed):
        check_cancelled(progress)
        asked = [questions[row] for row in block]
        told = _ask(lm, asked, [prompts[row] for row in block], drafted, max_new_tokens, size, progress)
        rows.update(zip(block, told, strict=True))
        right = sum(row.correct["contains"] for row in rows.values())
        progress.report(len(rows), len(questions), "asking", partial(right, len(rows), len(questions)))
    return summarise(
        [rows[row] for row in range(len(questions))],
        questions,
        prompt=prompt,
        dtype=lm.dtype,
        seconds=time.perf_counter() - began,
        engine=_engine(lm, size, shown)
        | {"verified_rows": drafted.verified, "decoded_rows": len(rows) - drafted.verified},
        seed=seed,
    )


def _ask(
    lm: LanguageModel,
    questions: Sequence[Question],
    prompts: Sequence[tuple[int, ...]],
    drafted: _Drafts,
    max_new_tokens: int,
    size: int,
    progress: Progress,
) -> list[Answered]:
    """One block of questions, answered and scored."""
    told = greedy(
        lm,
        prompts,
        max_new_tokens=max_new_tokens,
        batch_size=size,
        finished=stop_at_scores(lm.tokenizer, questions),
        drafts=drafted.of(questions),
        progress=_Cancelling(progress),
    )
    drafted.learn(told)
    texts = decode(lm.tokenizer, [generation.token_ids for generation in told])
    return [
        Answered(question.id, prompt, generation.token_ids, text, generation.stopped, score(text, question))
        for question, prompt, generation, text in zip(questions, prompts, told, texts, strict=True)
    ]


class _Drafts:
    """Earlier answers, used as long as enough of them hold: checking one that does not costs more than it saves."""

    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts
        self._tried = 0
        self.verified = 0

    def of(self, questions: Sequence[Question]) -> list[Sequence[int] | None]:
        """A draft or None for each question."""
        found = [self._drafts.get(question.id) for question in questions]
        if self.verified < HOLDING_FRACTION * self._tried:
            found = [None] * len(questions)
        self._tried += sum(draft is not None for draft in found)
        return found

    def learn(self, told: Sequence[Generation]) -> None:
        """Count what the last ones were worth."""
        self.verified += sum(generation.verified for generation in told)


class _Cancelling:
    """Hands cancellation inwards; what an inner loop reports is not about the whole evaluation and is dropped."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Drop it."""

    def cancelled(self) -> bool:
        """Whether the evaluation is cancelled."""
        return self._progress.cancelled()


def random_blocks(n: int, size: int, seed: int) -> Iterator[list[int]]:
    """Row numbers 0..n-1 in a seeded random order, in blocks of at most `size`."""
    order = np.random.default_rng(seed).permutation(n).tolist()
    return (order[start : start + size] for start in range(0, n, size))


def partial(right: int, done: int, total: int) -> PartialEvaluation:
    """Accuracy so far with its anytime interval; both are about the whole set, the accuracy as an estimate."""
    return PartialEvaluation(done, total, right / done, anytime_interval(right, done, total))


def stop_at_scores(tokenizer: Any, questions: Sequence[Question]) -> Finished | None:
    """A `finished` that stops a row once its scores can no longer change; None where that cannot be warranted.

    It needs a tokenizer whose text up to a line break stays as it is when tokens follow: true of byte-level decoding,
    where a line break is a byte of its own and no other character holds it; others are never stopped early.
    """
    if not decodes_bytewise(tokenizer):
        return None
    breaks: dict[int, bool] = {}

    def finished(row: int, token_ids: Sequence[int]) -> Stopped | None:
        last = token_ids[-1]
        if last not in breaks:
            breaks[last] = "\n" in decode(tokenizer, [[last]])[0]
        if not breaks[last]:
            return None
        return "scores" if scores_fixed(decode(tokenizer, [token_ids])[0], questions[row]) else None

    return finished


def decodes_bytewise(tokenizer: Any) -> bool:
    """Whether the tokenizer turns ids into text by joining bytes (GPT-2's scheme) and nothing else."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and type(backend.decoder).__name__ == "ByteLevel"


def decode(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    """The text of each row of token ids, special tokens left out, spaces as they are."""
    texts = tokenizer.batch_decode(
        [list(row) for row in rows], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return [str(text) for text in texts]


def _encode(
    lm: LanguageModel, prompt: Prompt, questions: Sequence[Question], max_new_tokens: int
) -> list[tuple[int, ...]]:
    prompts = encode_prompts(lm.tokenizer, prompt, [question.question for question in questions])
    context = context_length(lm)
    long = [
        f"{question.id}: {len(ids)} tokens"
        for question, ids in zip(questions, prompts, strict=True)
        if len(ids) + max_new_tokens > context
    ]
    if long:
        raise LanguageError(
            f"{len(long)} questions and {max_new_tokens} new tokens do not fit in the model's context of {context}.",
            items=long[:20],
        )
    return [tuple(ids) for ids in prompts]


def _engine(lm: LanguageModel, batch_rows: int, prompt: Prompt) -> dict[str, Any]:
    import torch

    bos = decide_prompt_bos(lm.tokenizer, prompt)
    return {
        "batch_rows": batch_rows,
        "threads": torch.get_num_threads(),
        "device": lm.device,
        "bos": bos.token,
        "bos_reason": bos.reason,
        "shots": len(prompt.shots),
    }
