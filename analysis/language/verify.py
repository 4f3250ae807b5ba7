"""Answers nearby models' earlier outputs still hold for: one teacher-forced pass checks them, only the rest is decoded.

A draft is what another state of the model answered to the same prompt. The pass predicts every token of it at once;
up to its first wrong token it is what greedy decoding would give, and so is the token predicted there. From there the
row is decoded. Exact in float32, where a token's logits do not depend on what it is batched with; in other dtypes
drafts could change answers, so they are not used. Does not know questions or scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.language.generate import (
    MAX_NEW_TOKENS,
    Finished,
    Generation,
    advance,
    batches,
    check_prompts,
    default_rows,
    greedy,
    halving,
)
from analysis.language.load import LanguageModel
from analysis.records import Progress, Silent, Stopped, check_cancelled

if TYPE_CHECKING:
    import torch

Draft = Sequence[int]


@dataclass(frozen=True)
class Verified:
    """Every row's generation, and how many rows a draft settled whole and how many had to be decoded."""

    generations: tuple[Generation, ...]
    verified_rows: int
    decoded_rows: int


def verified_greedy(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    drafts: Sequence[Draft | None],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int | None = None,
    finished: Finished | None = None,
    progress: Progress | None = None,
) -> Verified:
    """The same generations as `greedy`, with `drafts` (token ids without EOS, None for no draft) to save decoding."""
    check_prompts(lm, prompts, max_new_tokens)
    progress = progress or Silent()
    told: list[list[int]] = [[] for _ in prompts]
    ended: dict[int, Stopped] = {}
    if lm.dtype == "float32":
        useful = {row: list(draft[:max_new_tokens]) for row, draft in enumerate(drafts) if draft is not None}
        for row, predicted in _predict_all(lm, prompts, useful, batch_size or default_rows(lm), progress):
            reason = _follow(lm, row, useful[row], predicted, told[row], max_new_tokens, finished)
            if reason:
                ended[row] = reason
    rest = [row for row in range(len(prompts)) if row not in ended]
    decoded = greedy(
        lm,
        [prompts[row] for row in rest],
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        finished=(lambda place, tokens: finished(rest[place], tokens)) if finished else None,
        started=[told[row] for row in rest],
        progress=progress,
    )
    generations = {row: Generation(tuple(told[row]), reason) for row, reason in ended.items()}
    generations |= dict(zip(rest, decoded, strict=True))
    return Verified(tuple(generations[row] for row in range(len(prompts))), len(ended), len(rest))


def _follow(
    lm: LanguageModel,
    row: int,
    draft: Draft,
    predicted: Sequence[int],
    told: list[int],
    max_new_tokens: int,
    finished: Finished | None,
) -> Stopped | None:
    """Take predicted tokens as far as they rest on a draft that held; the first wrong one is still the right answer."""
    for place, token in enumerate(predicted):
        reason = advance(lm, row, token, told, max_new_tokens, finished)
        if reason:
            return reason
        if place < len(draft) and token != draft[place]:
            return None
    return None


def _predict_all(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    drafts: dict[int, list[int]],
    size: int,
    progress: Progress,
) -> Iterator[tuple[int, list[int]]]:
    """For every drafted row the token predicted at each place of its draft, and the one after it."""
    order = list(drafts)
    for places in batches([len(prompts[row]) + len(drafts[row]) for row in order], size):
        check_cancelled(progress)
        yield from halving([order[place] for place in places], lambda part: _predict(lm, prompts, drafts, part))


def _predict(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], drafts: dict[int, list[int]], rows: list[int]
) -> list[tuple[int, list[int]]]:
    """One pass without cache. Padding stands on the right, where causal attention cannot see it, so no mask is needed.

    Logits are computed only where a token of the answer is predicted.
    """
    import torch

    texts = [[*prompts[row], *drafts[row]] for row in rows]
    longest = max(map(len, texts))
    with torch.inference_mode():
        ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts], device=lm.device)
        kept = _answer_places([len(prompts[row]) for row in rows], list(map(len, texts)), longest).to(lm.device)
        logits = lm.model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
        tokens = iter(logits.argmax(-1).tolist())
    return [(row, [next(tokens) for _ in range(len(drafts[row]) + 1)]) for row in rows]


def _answer_places(prompt_lengths: list[int], lengths: list[int], longest: int) -> torch.Tensor:
    """bool [rows, longest]: from each prompt's last token to the draft's last, whose predictions make the answer."""
    import torch

    places = torch.arange(longest)[None, :]
    return (places >= torch.tensor(prompt_lengths)[:, None] - 1) & (places < torch.tensor(lengths)[:, None])
