"""Greedy decoding in batches, token for token what transformers' greedy `generate` gives one prompt at a time.

Rows are sorted by length and padded on the left; rows that end leave the batch; the vocabulary projection is computed
at the last position only. In float32 the batch a row sits in does not change its tokens; in bfloat16 it can, so there
the result is bound to the layout (order and batch size) it was made with. Does not know questions or scores: whoever
knows more tells, through `finished`, that a row need not go on.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from analysis.errors import LanguageError
from analysis.language.load import LanguageModel
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
    started: Sequence[Sequence[int]] | None = None,
    progress: Progress | None = None,
    on_rows: OnRows | None = None,
) -> tuple[Generation, ...]:
    """The greedy continuation of each prompt (token ids, BOS included), in the order given.

    A row stops at EOS, at `max_new_tokens`, or when `finished(row, its tokens so far)` names a reason, asked after each
    token that is not EOS. `started` gives tokens a row already has: they count as its own and are not decoded again.
    `on_rows` gets (row, Generation) of every batch that is done; between batches the work can be cancelled. A batch
    that does not fit in memory is halved until it does. Raises LanguageError for a prompt that is empty or, with its
    continuation, longer than the model's context.
    """
    check_prompts(lm, prompts, max_new_tokens)
    progress = progress or Silent()
    have = started or [()] * len(prompts)
    lengths = [len(prompt) + len(told) for prompt, told in zip(prompts, have, strict=True)]
    done: dict[int, Generation] = {}
    for rows in batches(lengths, batch_size or default_rows(lm)):
        check_cancelled(progress)
        new = halving(rows, lambda part: _decode(lm, prompts, have, part, max_new_tokens, finished))
        done.update(new)
        if on_rows:
            on_rows(new)
        progress.report(len(done), len(prompts))
    return tuple(done[row] for row in range(len(prompts)))


def batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Row numbers in batches of at most `size`, shortest rows first, rows of equal length in their given order."""
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    return [order[start : start + size] for start in range(0, len(order), size)]


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


def advance(
    lm: LanguageModel, row: int, token: int, told: list[int], max_new_tokens: int, finished: Finished | None
) -> Stopped | None:
    """Take one more token into `told`, unless it is EOS, and say why the row stops, if it does."""
    if token in lm.eos_ids:
        return "eos"
    told.append(token)
    reason = finished(row, told) if finished else None
    return reason or ("length" if len(told) == max_new_tokens else None)


def _decode(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    started: Sequence[Sequence[int]],
    rows: list[int],
    max_new_tokens: int,
    finished: Finished | None,
) -> list[tuple[int, Generation]]:
    """One batch, from its prompts to its last token."""
    told = {row: list(started[row]) for row in rows}
    ended: dict[int, Stopped] = {}
    for running, tokens in _steps(lm, {row: [*prompts[row], *told[row]] for row in rows}, ended):
        for row, token in zip(running, tokens, strict=True):
            if row not in ended:
                reason = advance(lm, row, token, told[row], max_new_tokens, finished)
                if reason:
                    ended[row] = reason
    return [(row, Generation(tuple(told[row]), ended[row])) for row in rows]


def _steps(
    lm: LanguageModel, inputs: Mapping[int, Sequence[int]], ended: Mapping[int, Stopped]
) -> Iterator[tuple[list[int], list[int]]]:
    """The rows still in the batch and the next token of each, until `ended`, filled by the caller, holds them all."""
    import torch

    with torch.inference_mode():
        running, cache = list(inputs), None
        ids, mask = pad_left(list(inputs.values()), lm.device)
        while True:
            out = lm.model(**_step_inputs(lm, ids, mask), past_key_values=cache, use_cache=True, logits_to_keep=1)
            tokens, cache = out.logits[:, -1].argmax(-1), out.past_key_values
            yield running, tokens.tolist()
            alive = [place for place, row in enumerate(running) if row not in ended]
            if not alive:
                return
            if len(alive) < COMPACT_BELOW * len(running):
                kept = torch.tensor(alive, device=ids.device)
                cache.batch_select_indices(kept)
                tokens, mask = tokens[kept], mask[kept]
                running = [running[place] for place in alive]
            ids, mask = tokens[:, None], torch.cat([mask, mask.new_ones(len(running), 1)], dim=1)


def pad_left(rows: Sequence[Sequence[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (1 real, 0 padding), both int64 [rows, longest]; the ids under the padding do not matter."""
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    mask = torch.arange(longest, device=device)[None, :] >= (longest - lengths)[:, None]
    return ids, mask.long()


def _step_inputs(lm: LanguageModel, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """One forward pass over `ids`, the last of what `mask` covers; models that count positions by themselves may."""
    inputs = {"input_ids": ids, "attention_mask": mask}
    if "position_ids" in inspect.signature(lm.model.forward).parameters:
        inputs["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    return inputs
