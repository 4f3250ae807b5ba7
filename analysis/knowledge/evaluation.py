"""Asks a model every question of a set, greedily, and sums up what it knew.

The questions are asked in an order and in blocks such that the accuracy shown while it runs, and its interval, hold for
the whole set (order.py). Does not know pairs, restoring or stores.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from analysis.errors import LanguageError, QuestionError
from analysis.knowledge.asking import Asker, Keep
from analysis.knowledge.drafts import Bank
from analysis.knowledge.prompts import Prompt, decide_prompt_bos, encode_prompts, resolve_prompt
from analysis.knowledge.questions import QuestionSet
from analysis.knowledge.summary import summarise
from analysis.language.generate import MAX_NEW_TOKENS, context_length
from analysis.language.memory import rows_at_once
from analysis.records import Answered, Evaluation, Progress, Question, Silent, check_cancelled

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from analysis.language.load import LanguageModel


def evaluate(
    lm: LanguageModel,
    question_set: QuestionSet,
    *,
    prompt: str = "paper",
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    drafts: Bank | None = None,
    known: Mapping[str, Answered] | None = None,
    keep: Keep | None = None,
) -> Evaluation:
    """Ask every question once; the answers in the set's order, and the numbers over them.

    `seed` orders the asking and draws the bootstrap; it changes no answer. After each block progress gets a
    PartialEvaluation, and the work can be cancelled. `drafts`, what other states of the model answered, saves work
    where it still holds, changes no answer, and learns the new answers. Without a `batch_size` memory decides. `keep`
    is given the answers of each block but the last; `known`, what it was given when the same was asked before and cut
    short, is not asked again.
    """
    began = time.perf_counter()
    progress = progress or Silent()
    questions = question_set.questions
    if not questions:
        raise QuestionError("There are no questions to ask.")
    shown = resolve_prompt(prompt, question_set.shots)
    prompts = _encoded(lm.tokenizer, shown, questions)
    _check_context(lm, questions, prompts, max_new_tokens)
    bank = Bank() if drafts is None else drafts
    asker = Asker(
        lm,
        questions,
        prompts,
        bank,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        seed=seed,
        progress=progress,
        known=known or {},
        keep=keep,
    )
    check_cancelled(progress)
    for partial in asker.run():
        progress.report(partial.done, partial.total, "asking", partial)
        if partial.done < partial.total:
            check_cancelled(progress)
    return summarise(
        [asker.rows[row] for row in range(len(questions))],
        questions,
        prompt=prompt,
        dtype=lm.dtype,
        seconds=time.perf_counter() - began,
        engine=_engine(lm, prompts, max_new_tokens, batch_size, shown) | _told(asker),
        seed=seed,
    )


def _told(asker: Asker) -> dict[str, Any]:
    counts = {"verified_rows": asker.verified, "decoded_rows": len(asker.rows) - asker.verified}
    return counts if asker.layout_rows is None else counts | {"layout_rows": asker.layout_rows}


@lru_cache(maxsize=4)
def _encoded(tokenizer: Tokenizer, prompt: Prompt, questions: tuple[Question, ...]) -> list[tuple[int, ...]]:
    """The prompts' token ids; kept, since every stop asks the same."""
    return [tuple(ids) for ids in encode_prompts(tokenizer, prompt, [question.question for question in questions])]


def _check_context(
    lm: LanguageModel, questions: Sequence[Question], prompts: Sequence[Sequence[int]], new_tokens: int
) -> None:
    context = context_length(lm)
    long = [
        f"{question.id}: {len(ids)} tokens"
        for question, ids in zip(questions, prompts, strict=True)
        if len(ids) + new_tokens > context
    ]
    if long:
        raise LanguageError(
            f"{len(long)} questions and {new_tokens} new tokens do not fit in the model's context of {context}. Ask "
            "shorter questions, or with fewer shots.",
            items=long[:20],
        )


def _engine(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int, batch_size: int | None, prompt: Prompt
) -> dict[str, Any]:
    import torch

    bos = decide_prompt_bos(lm.tokenizer, prompt)
    return {
        "batch_rows": batch_size or rows_at_once(lm, max(map(len, prompts)) + new_tokens, new_tokens),
        "threads": torch.get_num_threads(),
        "device": lm.device,
        "bos": bos.token,
        "bos_reason": bos.reason,
        "shots": len(prompt.shots),
        "first_prompt": lm.tokenizer.decode(list(prompts[0]), clean_up_tokenization_spaces=False),
    }
