"""Reading texts with one state of a model: hidden states by batch, and a copy of the projection where it must last.

A hidden size a position is kept instead of a vocabulary. Texts of equal length share a batch, so nothing is padded and
nothing needs a mask. Does not know what the states are compared by.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from analysis.language.projection import Projection, check_projection, hidden_states
from analysis.language.tokens import EncodedText, check_same_tokens, encode_texts
from analysis.records import Progress, RestoreSpec, Text, check_cancelled

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.language.load import LanguageModel

State = Literal["base", "tuned"] | RestoreSpec
BATCH_TOKENS = 2048  # of one forward pass; bounds its activations


class ModelState(Protocol):
    """One resident model that can be put into any state of a pair."""

    lm: LanguageModel

    def enter(self, state: State) -> None: ...


@dataclass(frozen=True)
class Part:
    """One state's share of the whole, as a Progress."""

    whole: Progress
    number: int
    parts: int
    note: str

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Pass on, scaled to this part."""
        self.whole.report(self.number + (done / total if total else 0.0), self.parts, note or self.note, partial)

    def cancelled(self) -> bool:
        """Whether the whole is cancelled."""
        return self.whole.cancelled()


@dataclass(frozen=True)
class Visit:
    """What a state leaves behind: its projection, and per batch hidden states (rows, length - 1, hidden) on the CPU."""

    hidden: tuple[Tensor, ...]
    head: Projection


@dataclass(frozen=True)
class Reading:
    """Texts as one tokenizer cuts them, and batches of their places, equal length within a batch."""

    texts: Sequence[Text]
    encoded: tuple[EncodedText, ...]
    batches: tuple[tuple[int, ...], ...]
    tokenizer: Any

    @classmethod
    def of(cls, lm: LanguageModel, texts: Sequence[Text]) -> Reading:
        """The texts looked over before anything is computed; LanguageError for unusable ones."""
        encoded = encode_texts(lm.tokenizer, texts, context_of(lm))
        check_projection(lm, encoded[0].ids)
        return cls(texts, encoded, tuple(_batches([len(one) for one in encoded], least=2)), lm.tokenizer)

    def check(self, lm: LanguageModel) -> None:
        """Raise LanguageError where this model's tokenizer cuts the texts into other ids."""
        if lm.tokenizer is not self.tokenizer:
            check_same_tokens(self.encoded, encode_texts(lm.tokenizer, self.texts, context_of(lm)))


def read_all(pairmodel: ModelState, state: State, reading: Reading, progress: Progress) -> Visit:
    """Every batch read by this state, kept apart from the weights of the next one."""
    pairmodel.enter(state)
    hidden = tuple(states.cpu() for _, states in read_batches(pairmodel.lm, reading, progress))
    return Visit(hidden, Projection.of(pairmodel.lm).copy())


def read_batches(lm: LanguageModel, reading: Reading, progress: Progress) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Each batch with its hidden states (rows, length - 1, hidden); what would follow the last token is not asked."""
    reading.check(lm)
    for done, batch in enumerate(reading.batches):
        check_cancelled(progress)
        progress.report(done, len(reading.batches))
        yield batch, hidden_states(lm, [reading.encoded[n].ids for n in batch])[:, :-1]


def hidden_rows(
    lm: LanguageModel, ids: Sequence[Sequence[int]], starts: Sequence[int], progress: Progress
) -> list[Tensor]:
    """Each row's hidden states from its start (a place in it, from 0) on: (length - start, hidden), on the CPU."""
    found: dict[int, Tensor] = {}
    for batch in _batches([len(row) for row in ids], least=1):
        check_cancelled(progress)
        states = hidden_states(lm, [ids[n] for n in batch])
        found.update((n, row[starts[n] :].cpu()) for n, row in zip(batch, states, strict=True))
    return [found[n] for n in range(len(ids))]


def context_of(lm: LanguageModel) -> int:
    """Tokens the model reads at most."""
    return getattr(lm.model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize


def _batches(lengths: Sequence[int], least: int) -> Iterator[tuple[int, ...]]:
    """Places of rows of equal length, at most BATCH_TOKENS together; rows shorter than `least` are left out."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for n, length in enumerate(lengths):
        by_length[length].append(n)
    for length, members in by_length.items():
        size = max(1, BATCH_TOKENS // length)
        yield from (tuple(members[at : at + size]) for at in range(0, len(members), size) if length >= least)
