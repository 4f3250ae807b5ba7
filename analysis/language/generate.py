"""Greedy decoding in batches, token for token what transformers' greedy `generate` gives one prompt at a time.

Batches of like length read prompts and drafts in one pass (verify.py); rows left open wait until a batch of them can be
decoded token by token, with what their other drafts say put to the test on the way. In float32 the batch a row sits in
does not change its tokens; in other dtypes it can: see frozen.py. Does not know questions or scores: whoever knows more
tells, through `finished`, that a row need not go on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from analysis.errors import LanguageError
from analysis.language.answers import Answers, Draft, Finished, Generation
from analysis.language.caches import joins
from analysis.language.load import LanguageModel
from analysis.language.memory import rows_at_once
from analysis.language.prefixes import ReadStarts, find_starts
from analysis.language.rows import Decoder
from analysis.language.verify import padding_is_harmless
from analysis.language.worth import PROBE_ROWS, Worth
from analysis.records import Progress, Silent, check_cancelled

if TYPE_CHECKING:
    import torch

__all__ = ["MAX_NEW_TOKENS", "Finished", "Generation", "batches", "check_prompts", "context_length", "greedy"]

MAX_NEW_TOKENS = 16


def greedy(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    finished: Finished | None = None,
    drafts: Sequence[Sequence[Draft]] | None = None,
    worth: Worth | None = None,
    progress: Progress | None = None,
) -> tuple[Generation, ...]:
    """The greedy continuation of each prompt (token ids, BOS included), in the order given.

    A row stops at EOS, at `max_new_tokens`, or when `finished(row, its tokens so far)` names a reason, asked after each
    token that is not EOS. `drafts` (for each row token ids without EOS, the likeliest first) save decoding where they
    hold and change no answer; `worth` remembers whether they do. Between batches the work can be cancelled. Without a
    `batch_size` memory decides; a batch that does not fit after all is halved until it does. Raises LanguageError for
    a prompt that is empty or, with its continuation, longer than the model's context.
    """
    check_prompts(lm, prompts, max_new_tokens)
    if not prompts:
        return ()
    progress = progress or Silent()
    longest = max(map(len, prompts))
    padded = padding_is_harmless(lm, longest + max_new_tokens)
    answers = Answers(len(prompts), drafts if padded else None, lm.eos_ids, max_new_tokens, finished)
    size = batch_size or rows_at_once(lm, longest + max_new_tokens, max_new_tokens)
    found = find_starts(prompts, size) if padded and joins(lm) else None
    worth = worth or Worth()
    decoder = Decoder(lm, prompts, answers, ReadStarts(lm, found) if found else None, worth, size)
    lengths = [len(prompt) + len(answers.guess(row)) for row, prompt in enumerate(prompts)]
    probe = PROBE_ROWS if any(answers.drafts) and not worth.proven else 0
    for done in decoder.run(_probing(batches(lengths, size, equal=not padded), probe)):
        progress.report(done, len(prompts))
        check_cancelled(progress)
    return tuple(answers.generation(row) for row in range(len(prompts)))


def batches(lengths: Sequence[int], size: int, *, equal: bool = False) -> list[list[int]]:
    """Row numbers in batches of at most `size`, shortest rows first, rows of equal length in their given order.

    With `equal` a batch holds rows of one length only, so that nothing is padded.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    groups = [list(rows) for _, rows in groupby(order, key=lambda row: lengths[row])] if equal else [order]
    return [group[start : start + size] for group in groups for start in range(0, len(group), size)]


def _probing(groups: list[list[int]], rows: int) -> list[list[int]]:
    """The same batches, the middle one's first rows taken apart and first: whether drafts hold is seen from few."""
    if not rows:
        return groups
    middle = len(groups) // 2
    whole = groups[middle]
    rest = [group for group in [*groups[:middle], whole[rows:], *groups[middle + 1 :]] if group]
    return [whole[:rows], *rest]


def context_length(lm: LanguageModel) -> int:
    """Tokens the model takes at most, prompt and answer together, as its configuration says."""
    config = lm.model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or sys.maxsize)


def check_prompts(lm: LanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int) -> None:
    """Raise LanguageError, naming every row that is empty or does not fit in the model's context."""
    context = context_length(lm)
    problems = [
        f"row {row}: the prompt has no tokens (the tokenizer puts no BOS in front, and the text is empty)"
        for row, prompt in enumerate(prompts)
        if not prompt
    ]
    problems += [
        f"row {row}: {len(prompt)} tokens and {new_tokens} new ones, more than the model's context of {context}"
        for row, prompt in enumerate(prompts)
        if len(prompt) + new_tokens > context
    ]
    if problems:
        way = "shorten them, give fewer examples in front, or ask for fewer new tokens"
        raise LanguageError(f"Some prompts cannot be given to this model: {way}.", items=problems)


def pad_left(rows: Sequence[Sequence[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (1 real, 0 padding), both int64 [rows, longest]; the ids under the padding do not matter."""
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    mask = torch.arange(longest, device=device)[None, :] >= (longest - lengths)[:, None]
    return ids, mask.long()
