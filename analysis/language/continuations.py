"""Two states of a model continuing the same prompts greedily: token by token, and where they part.

Up to the place where they part both answer the same text, so each can be asked what it gave to the other's choice;
behind it each is alone with its own words. Every state is visited once: it tells its continuation and leaves the hidden
states along it, a hidden size a token. The alignment behind the parting is difflib's longest matching blocks. Does not
know files or pages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.errors import SpecError
from analysis.language.generate import MAX_NEW_TOKENS, greedy
from analysis.language.generation_records import AlignedTokens, GenerationComparison, PromptContinuations, ToldToken
from analysis.language.measures import compare_logits
from analysis.language.projection import Projection, check_projection
from analysis.language.token_records import state_name
from analysis.language.tokens import EncodedText, TokenTexts, check_same_tokens, encode_texts
from analysis.language.visits import ModelState, Part, State, context_of, hidden_rows
from analysis.language.vocabulary import Vocabulary
from analysis.records import Progress, Silent, Text

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.language.load import LanguageModel


@dataclass(frozen=True)
class _Told:
    """One state's continuation of a prompt: ids, EOS included where it was told, and the hidden state before each."""

    ids: tuple[int, ...]
    stopped: Literal["eos", "length"]
    text: str
    hidden: Tensor  # (len(ids), hidden)


def compare_generation(
    pairmodel: ModelState,
    prompts: Sequence[Text],
    *,
    state: State = "tuned",
    max_new_tokens: int = MAX_NEW_TOKENS,
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
) -> GenerationComparison:
    """Continue every prompt (a text's `text` or `prompt`; an answer is left away) with the base and with `state`.

    Raises LanguageError for prompts that are empty or do not leave room in the context for the new tokens, and for
    tokenizers that disagree; SpecError for less than one new token; Cancelled.
    """
    started = time.perf_counter()
    if max_new_tokens < 1:
        raise SpecError("Nothing can be continued.", items=[f"max_new_tokens is {max_new_tokens}: give 1 or more"])
    progress = progress or Silent()
    asked = [replace(text, answer=None) for text in prompts]
    pairmodel.enter("base")
    encoded = encode_texts(pairmodel.lm.tokenizer, asked, context_of(pairmodel.lm) - max_new_tokens)
    base = _tell(pairmodel.lm, encoded, max_new_tokens, Part(progress, 0, 2, "The base continues"))
    base_head = Projection.of(pairmodel.lm).copy()
    pairmodel.enter(state)
    lm = pairmodel.lm
    check_same_tokens(encoded, encode_texts(lm.tokenizer, asked, context_of(lm) - max_new_tokens))
    tuned = _tell(lm, encoded, max_new_tokens, Part(progress, 1, 2, f"The {state_name(state)} model continues"))
    head = Projection.of(lm)
    shared = vocabulary or Vocabulary(head.vocabulary)
    heads = (base_head.first_rows(shared.compared), head.first_rows(shared.compared))
    namer = TokenTexts(lm.tokenizer)
    found = tuple(_beside(text, heads, both, namer) for text, *both in zip(asked, base, tuned, strict=True))
    return GenerationComparison(
        prompts=found,
        max_new_tokens=max_new_tokens,
        parted=sum(one.parted_at is not None for one in found),
        state=state_name(state),
        seconds=time.perf_counter() - started,
        rows_left_out=shared.left_out,
    )


def _tell(lm: LanguageModel, encoded: Sequence[EncodedText], most: int, progress: Progress) -> list[_Told]:
    """This state's continuations, and one pass over each to see how sure of it the state was."""
    check_projection(lm, encoded[0].ids)
    told = greedy(lm, [one.ids for one in encoded], max_new_tokens=most, progress=progress)
    whole = [(*one.ids, *answer.token_ids) for one, answer in zip(encoded, told, strict=True)]
    before = [len(one) - 1 for one in encoded]
    head = Projection.of(lm)
    found = []
    for answer, hidden in zip(told, hidden_rows(lm, whole, before, progress), strict=True):
        ids = answer.token_ids
        stopped: Literal["eos", "length"] = "eos" if answer.stopped == "eos" else "length"
        if stopped == "eos":
            ids = (*ids, _end(lm, head(hidden[-1:].to(lm.model.device))))
        text = lm.tokenizer.decode(list(answer.token_ids), skip_special_tokens=True)
        found.append(_Told(ids, stopped, str(text), hidden[: len(ids)]))
    return found


def _end(lm: LanguageModel, logits: Tensor) -> int:
    """Which of the tokens that end a text was told: the likeliest one."""
    ends = sorted(lm.eos_ids)
    return ends[int(logits[0, ends].argmax())]


def _beside(
    text: Text, heads: tuple[Projection, Projection], both: Sequence[_Told], namer: TokenTexts
) -> PromptContinuations:
    base, tuned = both
    parted = _parting(base.ids, tuned.ids)
    shared = min(len(base.ids), len(tuned.ids)) if parted is None else parted + 1
    logits = [head(side.hidden.to(head.weight.device)) for head, side in zip(heads, both, strict=True)]
    seen = [_views(logits, side.ids, shared, number) for number, side in enumerate(both)]
    return PromptContinuations(
        id=text.id,
        prompt=text.text if text.text is not None else text.prompt or "",
        base=_tokens(base, seen[0], namer),
        tuned=_tokens(tuned, seen[1], namer),
        base_text=base.text,
        tuned_text=tuned.text,
        base_stopped=base.stopped,
        tuned_stopped=tuned.stopped,
        parted_at=parted,
        kl_nats=None if parted is None else seen[0].kl_nats[parted],
        aligned=tuple(align(base.ids, tuned.ids)),
    )


def _parting(base: Sequence[int], tuned: Sequence[int]) -> int | None:
    """The first place with different tokens; None where there is none, also where one side was merely cut off.

    Neither can be a true beginning of the other: a continuation ends with EOS or at the same most tokens.
    """
    return next((n for n, (one, other) in enumerate(zip(base, tuned, strict=False)) if one != other), None)


@dataclass(frozen=True)
class _Views:
    """What both sides give to one side's tokens; the other's views and the KL end where the two part."""

    own: list[float]
    other: list[float]
    other_ranks: list[int]
    kl_nats: list[float]


def _views(logits: Sequence[Tensor], ids: Sequence[int], shared: int, own: int) -> _Views:
    import torch

    actual = torch.tensor(ids, device=logits[own].device)
    alone = compare_logits(logits[own], logits[own], actual, top=1, direction="tuned-base", measures="kl")
    pair = compare_logits(logits[0][:shared], logits[1][:shared], actual[:shared], top=1, direction="tuned-base")
    other = (pair.tuned_logprob, pair.base_logprob)[own]
    ranks = (pair.tuned_rank, pair.base_rank)[own]
    assert ranks is not None
    return _Views(
        np.exp(alone.base_logprob).tolist(),
        np.exp(other).tolist(),
        ranks.tolist(),
        pair.kl_full.tolist(),
    )


def _tokens(told: _Told, seen: _Views, namer: TokenTexts) -> tuple[ToldToken, ...]:
    shared = len(seen.other)
    ended = len(told.ids) - 1 if told.stopped == "eos" else None
    return tuple(
        ToldToken(
            id=token,
            text=namer(token),
            probability=seen.own[n],
            special=n == ended,
            other_probability=seen.other[n] if n < shared else None,
            other_rank=seen.other_ranks[n] if n < shared else None,
        )
        for n, token in enumerate(told.ids)
    )


def align(base: Sequence[int], tuned: Sequence[int]) -> Iterator[AlignedTokens]:
    """The columns of both texts beside each other: equal tokens, then tokens that stand for each other, then gaps."""
    for kind, i, i_end, j, j_end in SequenceMatcher(a=list(base), b=list(tuned), autojunk=False).get_opcodes():
        both = min(i_end - i, j_end - j)
        yield from (AlignedTokens(i + n, j + n, kind == "equal") for n in range(both))
        yield from (AlignedTokens(n, None, False) for n in range(i + both, i_end))
        yield from (AlignedTokens(None, n, False) for n in range(j + both, j_end))
