"""Where two states of one model stop agreeing: a text token by token, from one forward pass of each state.

Alignment: the value on token t is the disagreement when PREDICTING t (from the tokens before it), so position 0 has
none. Only one set of weights is resident: the first state leaves its final hidden states and a copy of its vocabulary
projection behind, a hidden size a position instead of a vocabulary, and the second state is met chunk by chunk. Texts
of equal length share a batch, so nothing is padded and nothing needs a mask. Formulas: measures.py. Does not know
files, checkpoints or pages.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast, get_args

from analysis.errors import LanguageError, SpecError
from analysis.language.measures import Disagreement, compare_logits
from analysis.language.projection import Projection, check_projection, hidden_states
from analysis.language.token_records import Direction, make_prompt, make_report
from analysis.language.tokens import EncodedText, TokenTexts, check_same_tokens, encode_texts
from analysis.records import (
    DivergenceReport,
    Progress,
    RestoreSpec,
    Silent,
    Text,
    check_cancelled,
)

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.language.load import LanguageModel

State = Literal["base", "tuned"] | RestoreSpec
BATCH_TOKENS = 2048  # of one forward pass; bounds its activations
CHUNK_LOGITS = 2**20  # positions x vocabulary held at once: about six float32 arrays of this size


class ModelState(Protocol):
    """One resident model that can be put into any state of a pair."""

    lm: LanguageModel

    def enter(self, state: State) -> None: ...


def diverge(
    pairmodel: ModelState,
    texts: Sequence[Text],
    *,
    top: int = 10,
    direction: str = "tuned-base",
    state: State = "tuned",
    against: State = "base",
    progress: Progress | None = None,
) -> DivergenceReport:
    """Compare two states token by token; fields named base_* are of `against`, tuned_* of `state`.

    `top` >= 1 is the paper's ten; `direction` is "tuned-base" for KL(tuned || base) or "base-tuned". Texts keep their
    order. Raises LanguageError for empty or too long texts, tokenizers that disagree, and logits that are no numbers;
    SpecError for `top` and `direction`; Cancelled.
    """
    started = time.perf_counter()
    measure = (top, _direction(direction))
    _check_top(top)
    progress = progress or Silent()
    encoded, before = _visit_first(pairmodel, texts, against, progress)
    rows = _visit_second(pairmodel, texts, state, before, encoded, measure, progress)
    namer = TokenTexts(pairmodel.lm.tokenizer)
    prompts = tuple(make_prompt(encoded[n], rows.get(n), namer) for n in range(len(encoded)))
    return make_report(prompts, measure, time.perf_counter() - started)


def _direction(name: str) -> Direction:
    for known in get_args(Direction):
        if name == known:
            return cast(Direction, name)
    raise SpecError("There is no such direction.", items=[f"direction is {name!r}: give tuned-base or base-tuned"])


def _check_top(top: int) -> None:
    if top < 1:
        raise SpecError("The top-k divergence cannot be computed.", items=[f"top is {top!r}: give 1 or more"])


@dataclass(frozen=True)
class _Remembered:
    """What the first state leaves behind: hidden states per batch (rows, length - 1, hidden) and its projection."""

    batches: tuple[tuple[int, ...], ...]  # indices of texts, equal length within a batch
    hidden: tuple[Tensor, ...]
    head: Projection


def _visit_first(
    pairmodel: ModelState, texts: Sequence[Text], state: State, progress: Progress
) -> tuple[tuple[EncodedText, ...], _Remembered]:
    progress.report(0, 1, "Reading the first model")
    pairmodel.enter(state)
    lm = pairmodel.lm
    encoded = encode_texts(lm.tokenizer, texts, _context(lm))
    batches = tuple(_equal_lengths(encoded))
    check_projection(lm, encoded[0].ids)
    hidden = []
    for done, batch in enumerate(batches):
        check_cancelled(progress)
        progress.report(done, 2 * len(batches), "Reading the first model")
        hidden.append(_predicting(lm, [encoded[n] for n in batch]).cpu())
    return encoded, _Remembered(batches, tuple(hidden), Projection.of(lm).copy())


def _visit_second(
    pairmodel: ModelState,
    texts: Sequence[Text],
    state: State,
    before: _Remembered,
    encoded: tuple[EncodedText, ...],
    measure: tuple[int, Direction],
    progress: Progress,
) -> dict[int, Disagreement]:
    pairmodel.enter(state)
    lm = pairmodel.lm
    check_same_tokens(encoded, encode_texts(lm.tokenizer, texts, _context(lm)))
    head = Projection.of(lm)
    heads = (head if head.equal(before.head) else before.head, head)
    rows: dict[int, Disagreement] = {}
    for done, (batch, hidden) in enumerate(zip(before.batches, before.hidden, strict=True)):
        check_cancelled(progress)
        progress.report(len(before.batches) + done, 2 * len(before.batches), "Comparing with the second model")
        members = [encoded[n] for n in batch]
        found = _compare(heads, (hidden, _predicting(lm, members)), members, measure)
        rows.update(zip(batch, found, strict=True))
    _check_numbers([encoded[n].id for n, row in rows.items() if bool(row.kl_full.isnan().any())])
    return rows


def _equal_lengths(encoded: Sequence[EncodedText]) -> Iterator[tuple[int, ...]]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for n, one in enumerate(encoded):
        by_length[len(one)].append(n)
    for length, members in by_length.items():
        size = max(1, BATCH_TOKENS // length)
        yield from (tuple(members[at : at + size]) for at in range(0, len(members), size) if length > 1)


def _predicting(lm: LanguageModel, members: Sequence[EncodedText]) -> Tensor:
    return hidden_states(lm, [one.ids for one in members])[:, :-1]  # what would follow the last token is not asked


def _compare(
    heads: tuple[Projection, Projection],
    hidden: tuple[Tensor, Tensor],
    members: Sequence[EncodedText],
    measure: tuple[int, Direction],
) -> list[Disagreement]:
    """One Disagreement a text, on the CPU, computed over chunks of positions of the whole batch."""
    import torch

    device = hidden[1].device
    base, tuned = (side.to(device).flatten(0, 1) for side in hidden)
    actual = torch.tensor([one.ids[1:] for one in members], device=device).flatten()
    step = max(1, CHUNK_LOGITS // heads[1].vocabulary)
    with torch.inference_mode():
        parts = [
            compare_logits(
                heads[0](base[at : at + step]),
                heads[1](tuned[at : at + step]),
                actual[at : at + step],
                top=measure[0],
                direction=measure[1],
            )
            for at in range(0, len(actual), step)
        ]
    whole = Disagreement.joined(parts)
    length = hidden[1].shape[1]
    return [whole.rows(slice(n * length, (n + 1) * length)) for n in range(len(members))]


def _check_numbers(ids: Sequence[str]) -> None:
    if ids:
        raise LanguageError(
            "A model gives logits that are no numbers (NaN) on these texts: its weights hold NaN or Inf, or overflow "
            "in this dtype. Check the checkpoint, or evaluate in float32.",
            items=ids,
        )


def _context(lm: LanguageModel) -> int:
    return getattr(lm.model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize
