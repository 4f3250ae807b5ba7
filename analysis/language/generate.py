"""Greedy decoding in batches, token for token what transformers' greedy `generate` gives one prompt at a time.

Rows are sorted by length, and rows that end leave the batch. The first pass reads prompts and drafts (verify.py);
what it leaves open is decoded token by token over the same cache. In float32 the batch a row sits in does not change
its tokens; in bfloat16 it can, so there the result is bound to the layout (order and batch size) it was made with.
Does not know questions or scores: whoever knows more tells, through `finished`, that a row need not go on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from analysis.errors import LanguageError
from analysis.language.load import LanguageModel
from analysis.language.verify import Draft, can_drop_rows, follow, padding_is_harmless, read_drafts, step, usable_drafts
from analysis.records import Progress, Silent, Stopped, check_cancelled

if TYPE_CHECKING:
    import torch

MAX_NEW_TOKENS = 16
ROWS = {"cpu": 128, "mps": 128, "cuda": 512}
COMPACT_BELOW = 0.75  # of the rows still running: dropping one row copies the whole cache, so it waits for a few


@dataclass(frozen=True)
class Generation:
    """What one prompt was continued with: token ids without EOS, and why it stopped."""

    token_ids: tuple[int, ...]
    stopped: Stopped
    verified: bool = field(default=False, compare=False)  # settled whole by its draft: nothing was decoded


Result = TypeVar("Result")
Finished = Callable[[int, Sequence[int]], Stopped | None]
OnRows = Callable[[Sequence[tuple[int, Generation]]], None]


def greedy(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    finished: Finished | None = None,
    drafts: Sequence[Draft | None] | None = None,
    progress: Progress | None = None,
    on_rows: OnRows | None = None,
) -> tuple[Generation, ...]:
    """The greedy continuation of each prompt (token ids, BOS included), in the order given.

    A row stops at EOS, at `max_new_tokens`, or when `finished(row, its tokens so far)` names a reason, asked after each
    token that is not EOS. `drafts` (token ids without EOS, None for no draft) save decoding where they hold and change
    no answer. `on_rows` gets (row, Generation) of every batch that is done; between batches the work can be cancelled.
    A batch that does not fit in memory is halved until it does. Raises LanguageError for a prompt that is empty or,
    with its continuation, longer than the model's context.
    """
    check_prompts(lm, prompts, max_new_tokens)
    progress = progress or Silent()
    padded = padding_is_harmless(lm, max(map(len, prompts), default=0) + max_new_tokens)
    used = usable_drafts(lm, drafts, len(prompts), max_new_tokens) if padded else [None] * len(prompts)
    lengths = [len(prompt) + len(draft or ()) for prompt, draft in zip(prompts, used, strict=True)]
    done: dict[int, Generation] = {}
    for rows in batches(lengths, batch_size or default_rows(lm), equal=not padded):
        check_cancelled(progress)
        new = halving(rows, lambda part: _decode(lm, prompts, used, part, max_new_tokens, finished, padded))
        done.update(new)
        if on_rows:
            on_rows(new)
        progress.report(len(done), len(prompts))
    return tuple(done[row] for row in range(len(prompts)))


def batches(lengths: Sequence[int], size: int, *, equal: bool = False) -> list[list[int]]:
    """Row numbers in batches of at most `size`, shortest rows first, rows of equal length in their given order.

    With `equal` a batch holds rows of one length only, so that nothing is padded.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    groups = [list(rows) for _, rows in groupby(order, key=lambda row: lengths[row])] if equal else [order]
    return [group[start : start + size] for group in groups for start in range(0, len(group), size)]


def default_rows(lm: LanguageModel) -> int:
    """Rows a batch starts with on this device, before memory has its say."""
    return ROWS[lm.device.split(":")[0]]


def context_length(lm: LanguageModel) -> int:
    """Tokens the model takes at most, prompt and answer together, as its configuration says."""
    config = lm.model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or sys.maxsize)


def check_prompts(lm: LanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int) -> None:
    """Raise LanguageError, naming every row that is empty or does not fit in the model's context."""
    context = context_length(lm)
    problems = [f"row {row}: the prompt has no tokens" for row, prompt in enumerate(prompts) if not prompt]
    problems += [
        f"row {row}: {len(prompt)} tokens and {new_tokens} new ones, more than the model's context of {context}"
        for row, prompt in enumerate(prompts)
        if len(prompt) + new_tokens > context
    ]
    if problems:
        raise LanguageError("Some prompts cannot be given to this model.", items=problems)


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that memory ran out, on an accelerator or on the CPU."""
    import torch

    words = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in words or "out of memory" in words


def halving(rows: list[int], work: Callable[[list[int]], list[Result]]) -> list[Result]:
    """`work` over the rows, in ever smaller parts as long as memory runs out; a single row that does not fit raises."""
    try:
        return work(rows)
    except RuntimeError as error:
        if not out_of_memory(error) or len(rows) == 1:
            raise
    half = len(rows) // 2  # outside the handler: the traceback would keep the failed batch's tensors alive
    return halving(rows[:half], work) + halving(rows[half:], work)


def _decode(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    drafts: Sequence[Draft | None],
    rows: list[int],
    max_new_tokens: int,
    finished: Finished | None,
    share: bool,
) -> list[tuple[int, Generation]]:
    """One batch: a pass over prompts and drafts, then one token at a time for the rows that pass left open."""
    import torch

    told: dict[int, list[int]] = {row: [] for row in rows}
    ended: dict[int, Stopped] = {}

    def take(row: int, token: int) -> bool:
        """Give the row its next token; whether it goes on."""
        if token in lm.eos_ids:
            ended[row] = "eos"
            return False
        told[row].append(token)
        reason = finished(row, told[row]) if finished else None
        if reason or len(told[row]) == max_new_tokens:
            ended[row] = reason or "length"
        return row not in ended

    with torch.inference_mode():
        read = read_drafts(lm, [prompts[row] for row in rows], [drafts[row] or () for row in rows], share=share)
        for row, predicted in zip(rows, read.predicted, strict=True):
            follow(drafts[row] or (), predicted, partial(take, row))
        settled = {row for row in ended if drafts[row] is not None}
        _finish(lm, read.cache, prompts, told, ended, take)
    return [(row, Generation(tuple(told[row]), ended[row], verified=row in settled)) for row in rows]


def _finish(
    lm: LanguageModel,
    cache: Any,
    prompts: Sequence[Sequence[int]],
    told: dict[int, list[int]],
    ended: Mapping[int, Stopped],
    take: Callable[[int, int], bool],
) -> None:
    """Decode the rows that have not ended until all have; each one's last token is still to be fed."""
    import torch

    width = cache.get_seq_length()
    running = list(told)
    fed = torch.tensor([len(prompts[row]) + len(told[row]) - 1 for row in running], device=lm.device)
    mask = (torch.arange(width, device=lm.device) < fed[:, None]).long()  # the rest is padding and refuted draft
    while True:
        alive = [place for place, row in enumerate(running) if row not in ended]
        if not alive:
            return
        if len(alive) < COMPACT_BELOW * len(running) and can_drop_rows(cache):
            kept = torch.tensor(alive, device=lm.device)
            cache.batch_select_indices(kept)
            mask, running = mask[kept], [running[place] for place in alive]
        mask = torch.cat([mask, mask.new_ones(len(running), 1)], dim=1)
        last = torch.tensor([[(told[row] or [0])[-1]] for row in running], device=lm.device)
        tokens, cache = step(lm, last, mask, cache)
        for row, token in zip(running, tokens, strict=True):
            if row not in ended:
                take(row, token)


def pad_left(rows: Sequence[Sequence[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (1 real, 0 padding), both int64 [rows, longest]; the ids under the padding do not matter."""
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    mask = torch.arange(longest, device=device)[None, :] >= (longest - lengths)[:, None]
    return ids, mask.long()
