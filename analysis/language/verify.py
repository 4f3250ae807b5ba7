"""The passes of greedy decoding over rows of unequal history: prompts with their drafts, then tokens with guesses.

A draft is what another state of the model answered to the same prompt. One teacher-forced pass predicts every token of
it at the same time; up to its first wrong token it is what greedy decoding gives, and so is the token predicted there.
Exact in float32, where a token's logits do not depend on what it is batched with; for other dtypes see frozen.py. Does
not know questions, scores or when a row is to stop.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.language.forward import Predicted, predict, takes
from analysis.language.load import LanguageModel

if TYPE_CHECKING:
    import torch

    from analysis.language.prefixes import ReadStarts

Draft = Sequence[int]
ATTENTION = ("full_attention", "sliding_attention")


@dataclass(frozen=True)
class Reading:
    """What one pass told: for each row (token, margin) at every place of its draft and after it, and the cache.

    `mask` (int64 [rows, width]) says where the cache holds the row's prompt; what stands behind it is draft, then
    padding.
    """

    predicted: tuple[tuple[tuple[int, float], ...], ...]
    cache: Any
    mask: torch.Tensor
    tokens: int  # fed, padding included


def read_drafts(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    drafts: Sequence[Draft],
    starts: tuple[ReadStarts, Sequence[int]] | None = None,
) -> Reading:
    """One pass over each prompt and its draft (empty for none).

    `starts` are the starts already read and the prompts' numbers in them. Padding stands on the right, where causal
    attention cannot see it; holes between a start and its rest are masked.
    """
    import torch

    known = starts[0].lengths(starts[1]) if starts else [0] * len(prompts)
    rests = [prompt[length:] for prompt, length in zip(prompts, known, strict=True)]
    texts = [[*rest, *draft] for rest, draft in zip(rests, drafts, strict=True)]
    longest = max(map(len, texts))
    cache = starts[0].of(starts[1], longest) if starts else None
    inputs: dict[str, Any] = {
        "input_ids": torch.tensor([text + [0] * (longest - len(text)) for text in texts], device=lm.device)
    }
    mask = filled(list(map(len, rests)), longest, lm.device)
    if cache is not None:
        before = filled(known, max(known), lm.device)
        whole = torch.cat([before, filled(list(map(len, texts)), longest, lm.device)], dim=1)
        inputs |= {"attention_mask": whole, "position_ids": _positions(known, longest, lm), "past_key_values": cache}
        mask = torch.cat([before, mask], dim=1)
    kept = _answer_places(list(map(len, rests)), list(map(len, texts)), longest).to(lm.device)
    found = predict(lm, kept, **inputs)
    predicted = by_row(found, [len(draft) + 1 for draft in drafts])
    return Reading(predicted, found.cache, mask, longest * len(prompts))


def by_row(found: Predicted, counts: Sequence[int]) -> tuple[tuple[tuple[int, float], ...], ...]:
    """What a pass told, so many places for each row."""
    told = iter(zip(found.tokens, found.margins, strict=True))
    return tuple(tuple(next(told) for _ in range(count)) for count in counts)


def step(lm: LanguageModel, fed: Sequence[Sequence[int]], mask: torch.Tensor, cache: Any) -> Predicted:
    """Feed each row its last token and what is guessed to follow, padded on the right; what each place predicts.

    `mask` (int64 [rows, width], 1 real, 0 hole) covers the cache; a row's next position is the number of its ones.
    """
    import torch

    width = max(map(len, fed))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in fed], device=lm.device)
    new = filled(list(map(len, fed)), width, lm.device)
    inputs = {"input_ids": ids, "attention_mask": torch.cat([mask, new], dim=1), "past_key_values": cache}
    if takes(lm, "position_ids"):
        inputs["position_ids"] = _positions(mask.sum(1).tolist(), width, lm)
    return predict(lm, new.bool(), **inputs)


def padding_is_harmless(lm: LanguageModel, width: int) -> bool:
    """Whether rows of different lengths may share a batch of this width, padding and refuted drafts masked out.

    Not where a model counts positions by itself, where a sliding window would count the holes, and where a layer
    carries a state past them.
    """
    config = lm.model.config.get_text_config()
    window = getattr(config, "sliding_window", None) or sys.maxsize
    plain = set(getattr(config, "layer_types", None) or ATTENTION) <= set(ATTENTION)
    return takes(lm, "position_ids") and plain and width <= window


def _positions(first: Sequence[int], width: int, lm: LanguageModel) -> torch.Tensor:
    """int64 [rows, width]: the positions from each row's first on; padding may not pass the context's end."""
    import torch

    last = (getattr(lm.model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize) - 1
    begin = torch.tensor(list(first), device=lm.device)[:, None]
    return (begin + torch.arange(width, device=lm.device)).clamp(max=last)


def filled(lengths: Sequence[int], width: int, device: str) -> torch.Tensor:
    """int64 [rows, width]: 1 in each row's first places."""
    import torch

    ends = torch.tensor(list(lengths), device=device)[:, None]
    return (torch.arange(width, device=device) < ends).long()


def _answer_places(prompt_lengths: list[int], lengths: list[int], longest: int) -> torch.Tensor:
    """bool [rows, longest]: from each prompt's last token to the draft's last, whose predictions make the answer."""
    import torch

    places = torch.arange(longest)[None, :]
    return (places >= torch.tensor(prompt_lengths)[:, None] - 1) & (places < torch.tensor(lengths)[:, None])
