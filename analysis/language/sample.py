"""Sampling many completions of many prompts, where samples that agree so far are computed once.

Each sample follows its own stream of uniform numbers through the inverse of the distribution function, so it is an
independent draw from softmax(logits / temperature) whatever the others do. As long as two samples of a prompt have the
same tokens they are one row of the batch with a count of two; they part where their draws part. A prompt is computed
once for all its samples, and what several prompts begin with once for them. Does not know facts: whoever does says
through `stop` that a completion need not go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.language.caches import joins
from analysis.language.forward import takes
from analysis.language.generate import check_prompts, pad_left
from analysis.language.load import LanguageModel
from analysis.language.memory import halving
from analysis.language.prefixes import ReadStarts, find_starts
from analysis.language.verify import filled, padding_is_harmless

if TYPE_CHECKING:
    import torch

Integers = np.ndarray[Any, np.dtype[np.int64]]
Truths = np.ndarray[Any, np.dtype[np.bool_]]
Draws = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Branches:
    """Completions that have the same length, one row each: the tokens told so far by some samples of a prompt.

    `prompt` [n] is the prompt's row, `tokens` [n, length] the token ids, `count` [n] how many samples told them.
    """

    prompt: Integers
    tokens: Integers
    count: Integers

    def __len__(self) -> int:
        return len(self.prompt)

    def where(self, wanted: Truths) -> Branches:
        """Some of them."""
        return Branches(self.prompt[wanted], self.tokens[wanted], self.count[wanted])


Stop = Callable[[Branches], Truths]  # which of these need not go on; asked after each token that is not EOS


def sample(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    draws: Draws,
    *,
    temperature: float,
    stop: Stop,
) -> list[Branches]:
    """Every completion of every prompt (token ids, BOS included), those that ended after equally many tokens together.

    `draws` [prompts, samples, new tokens] are numbers in [0, 1) and say how many samples and tokens there are. At
    temperature 0 every sample is the greedy completion. A completion ends at EOS (left out of `tokens`), where `stop`
    says so, or after the last draw. Prompts are taken together as given; where memory does not suffice they are halved.
    """
    check_prompts(lm, prompts, draws.shape[2])

    def work(rows: list[int]) -> list[Branches]:
        names = np.array(rows, dtype=np.int64)
        return list(_grow(lm, [prompts[row] for row in rows], draws[rows], temperature, stop, names))

    return halving(list(range(len(prompts))), work)


def _grow(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    draws: Draws,
    temperature: float,
    stop: Stop,
    names: Integers,
) -> Iterator[Branches]:
    """One batch from its prompts to the last token; `names` are the prompts' numbers outside."""
    eos = np.fromiter(lm.eos_ids, dtype=np.int64)
    samples = draws.shape[1]
    rows = Branches(names, np.empty((len(names), 0), np.int64), np.full(len(names), samples))
    place = np.arange(len(names))  # row -> prompt's place in the batch
    owner = np.repeat(np.arange(len(names)), samples)  # sample -> the row it is in; -1 once it ended
    model = _Stepper(lm, prompts)
    for step in range(draws.shape[2]):
        drawn = _draw(model.logits, draws[place, :, step], temperature)  # [rows, samples]
        alive = np.flatnonzero(owner >= 0)
        tokens = drawn[owner[alive], alive % samples]
        width = model.vocabulary
        pairs, child, count = np.unique(owner[alive] * width + tokens, return_inverse=True, return_counts=True)
        parent, token = pairs // width, pairs % width
        told = np.concatenate([rows.tokens[parent], token[:, None]], axis=1)
        ended = np.isin(token, eos)
        quiet = Branches(rows.prompt[parent][ended], rows.tokens[parent][ended], count[ended])
        rows, place = Branches(rows.prompt[parent], told, count), place[parent]
        stopped = np.zeros(len(rows), dtype=bool)
        stopped[~ended] = stop(rows.where(~ended))
        last = step == draws.shape[2] - 1
        yield quiet
        yield rows.where(~ended & (stopped | last))
        going = ~(ended | stopped)
        if last or not going.any():
            return
        owner[alive] = np.where(going, np.cumsum(going) - 1, -1)[child]
        rows, place = rows.where(going), place[going]
        model.step(parent[going], token[going])


class _Stepper:
    """The model over a batch whose rows branch and end: the logits after the last token of each row."""

    def __init__(self, lm: LanguageModel, prompts: Sequence[Sequence[int]]) -> None:
        import torch

        self._lm = lm
        self._cache: Any = None
        starts = find_starts(prompts, len(prompts)) if self._shares(prompts) else None
        rests: Sequence[Sequence[int]] = prompts
        lengths = [0] * len(prompts)
        if starts is not None:
            read = ReadStarts(lm, starts)
            lengths = read.lengths(range(len(prompts)))
            self._cache = read.of(range(len(prompts)), max(map(len, prompts)))
            rests = [prompt[length:] for prompt, length in zip(prompts, lengths, strict=True)]
        ids, mask = pad_left(rests, lm.device)
        self._mask = torch.cat([filled(lengths, max(lengths), lm.device), mask], dim=1)
        self.logits = self._forward(ids)
        self.vocabulary = int(self.logits.shape[1])

    def _shares(self, prompts: Sequence[Sequence[int]]) -> bool:
        return joins(self._lm) and padding_is_harmless(self._lm, max(map(len, prompts)) + 1)

    def step(self, parent: Integers, token: Integers) -> None:
        """Every new row goes on from its parent with one more token."""
        import torch

        kept = torch.from_numpy(parent).to(self._lm.device)
        if len(parent) != len(self._mask) or not bool((parent == np.arange(len(parent))).all()):
            self._cache.batch_select_indices(kept)
            self._mask = self._mask[kept]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(parent), 1)], dim=1)
        self.logits = self._forward(torch.from_numpy(token).to(self._lm.device)[:, None])

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.inference_mode():
            inputs = {"input_ids": ids, "attention_mask": self._mask, "past_key_values": self._cache}
            if takes(self._lm, "position_ids"):
                inputs["position_ids"] = (self._mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            out = self._lm.model(**inputs, use_cache=True, logits_to_keep=1)
        self._cache = out.past_key_values
        logits: torch.Tensor = out.logits[:, -1]
        return logits


def _draw(logits: torch.Tensor, draws: Draws, temperature: float) -> Integers:
    """For each row and draw the token where the distribution function passes the draw: int64 [rows, samples]."""
    import torch

    with torch.inference_mode():
        if temperature == 0:
            best = logits.argmax(-1)[:, None].expand(-1, draws.shape[1])
            return np.asarray(best.cpu())
        summed = torch.softmax(logits.float() / temperature, dim=-1).cumsum(-1)
        aims = torch.from_numpy(draws).to(logits.device) * summed[:, -1:]  # the last sum is 1 but for rounding
        found = torch.searchsorted(summed, aims, right=True).clamp(max=logits.shape[1] - 1)
    return np.asarray(found.cpu())
