"""The forward passes of greedy decoding: one over prompts and drafts at once, then one a token.

A draft is what another state of the model answered to the same prompt. One teacher-forced pass predicts every token of
it at the same time; up to its first wrong token it is what greedy decoding gives, and so is the token predicted there.
Exact in float32, where a token's logits do not depend on what it is batched with; in other dtypes drafts could change
answers, so they are not used. Does not know questions, scores or when a row is to stop.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from analysis.language.load import LanguageModel

if TYPE_CHECKING:
    import torch

Draft = Sequence[int]
WORTH_SHARING = 0.125  # of the tokens: below this the second pass costs more than it saves
ATTENTION = ("full_attention", "sliding_attention")


@dataclass(frozen=True)
class Reading:
    """What one pass told: each row's tokens predicted at every place of its draft and after it, and the cache.

    The cache is as wide as the longest row and holds every row from its first place on, padding behind it.
    """

    predicted: tuple[tuple[int, ...], ...]
    cache: Any


def read_drafts(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], drafts: Sequence[Draft], *, share: bool = True
) -> Reading:
    """One pass over each prompt and its draft (empty for none).

    What many prompts begin with is read once (`share`). Padding stands on the right, where causal attention cannot see
    it. The vocabulary projection is computed only where a token of the answer is predicted.
    """
    import torch

    shared = shared_length(prompts) if share else 0
    texts = [[*prompt[shared:], *draft] for prompt, draft in zip(prompts, drafts, strict=True)]
    longest = max(map(len, texts))
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts], device=lm.device)
    kept = _answer_places([len(prompt) - shared for prompt in prompts], list(map(len, texts)), longest).to(lm.device)
    tokens, cache = _predict(lm, kept, input_ids=ids, past_key_values=_read_starts(lm, prompts, shared))
    told = iter(tokens)
    return Reading(tuple(tuple(next(told) for _ in range(len(draft) + 1)) for draft in drafts), cache)


def shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many first tokens to read once for all prompts that share them, so that the fewest tokens are read in all.

    Every prompt keeps at least its last token; 0 where sharing would save less than WORTH_SHARING of the tokens.
    """
    total = least = sum(map(len, prompts))
    best = 0
    starts = [0] * len(prompts)  # number of each prompt's start among the different ones
    for length in range(1, min(map(len, prompts))):
        seen: dict[tuple[int, int], int] = {}
        starts = [
            seen.setdefault((start, prompt[length - 1]), len(seen))
            for start, prompt in zip(starts, prompts, strict=True)
        ]
        tokens = total + (len(seen) - len(prompts)) * length
        if tokens < least:
            best, least = length, tokens
    return best if total - least >= WORTH_SHARING * total else 0


def _read_starts(lm: LanguageModel, prompts: Sequence[Sequence[int]], length: int) -> Any:
    """The cache of every prompt's first `length` tokens, different starts read once; None for none."""
    import torch

    if not length:
        return None
    starts = [tuple(prompt[:length]) for prompt in prompts]
    places = {start: place for place, start in enumerate(dict.fromkeys(starts))}
    ids = torch.tensor(list(places), device=lm.device)
    _, cache = _predict(lm, torch.zeros_like(ids, dtype=torch.bool), input_ids=ids)
    cache.batch_select_indices(torch.tensor([places[start] for start in starts], device=lm.device))
    return cache


def follow(draft: Draft, predicted: Sequence[int], take: Callable[[int], bool]) -> None:
    """`take` predicted tokens as long as they rest on a draft that held; the first wrong one is still the right answer.

    `take` says whether the row goes on.
    """
    for place, token in enumerate(predicted):
        if not take(token) or (place < len(draft) and token != draft[place]):
            return


def step(lm: LanguageModel, last: torch.Tensor, mask: torch.Tensor, cache: Any) -> tuple[list[int], Any]:
    """The token after `last` ([rows, 1]) and the grown cache; `mask` (1 real, 0 hole) covers the cache and `last`."""
    import torch

    inputs = {"input_ids": last, "attention_mask": mask, "past_key_values": cache}
    if _takes(lm, "position_ids"):
        inputs["position_ids"] = mask.sum(1, keepdim=True) - 1
    return _predict(lm, torch.ones_like(last, dtype=torch.bool), **inputs)


def usable_drafts(
    lm: LanguageModel, drafts: Sequence[Draft | None] | None, rows: int, longest: int
) -> list[Draft | None]:
    """A draft or None for each row, none longer than an answer may be; all None where drafts could change answers."""
    if drafts is None or lm.dtype != "float32":
        return [None] * rows
    return [None if draft is None else draft[:longest] for draft in drafts]


def padding_is_harmless(lm: LanguageModel, width: int) -> bool:
    """Whether rows of different lengths may share a batch of this width, padding and refuted drafts masked out.

    Not where a model counts positions by itself, where a sliding window would count the holes, and where a layer
    carries a state past them.
    """
    config = lm.model.config.get_text_config()
    window = getattr(config, "sliding_window", None) or sys.maxsize
    plain = set(getattr(config, "layer_types", None) or ATTENTION) <= set(ATTENTION)
    return _takes(lm, "position_ids") and plain and width <= window


def can_drop_rows(cache: Any) -> bool:
    """Whether rows can leave this cache; a recurrent layer's state may not know how."""
    return all(hasattr(layer, "batch_select_indices") for layer in cache.layers)


def _predict(lm: LanguageModel, kept: torch.Tensor, **inputs: Any) -> tuple[list[int], Any]:
    """The likeliest next token at every kept place (bool [rows, places]), row by row, and the cache."""
    if _takes(lm, "logits_to_keep"):
        out = lm.model(**inputs, use_cache=True, logits_to_keep=kept)
        logits = out.logits
    else:
        out = lm.model(**inputs, use_cache=True)
        logits = out.logits[kept]
    return logits.argmax(-1).flatten().tolist(), out.past_key_values


def _answer_places(prompt_lengths: list[int], lengths: list[int], longest: int) -> torch.Tensor:
    """bool [rows, longest]: from each prompt's last token to the draft's last, whose predictions make the answer."""
    import torch

    places = torch.arange(longest)[None, :]
    return (places >= torch.tensor(prompt_lengths)[:, None] - 1) & (places < torch.tensor(lengths)[:, None])


def _takes(lm: LanguageModel, argument: str) -> bool:
    kind: Any = type(lm.model)
    return argument in _parameters(kind)


@lru_cache(maxsize=16)
def _parameters(model: Hashable) -> frozenset[str]:
    """Names of what a model class takes in one pass."""
    return frozenset(inspect.signature(model.forward).parameters)  # type: ignore[attr-defined]
