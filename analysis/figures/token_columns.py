"""A divergence report as columns: every token of every text in one row of arrays, so that thousands are quick to draw.

Order: text by text, token by token; text number n holds the rows starts[n] to starts[n + 1]. Knows no streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.figures.token_measures import Measure, value_of
from analysis.records import Alternative, DivergenceReport, TokenDivergence

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECIAL, TEMPLATE, ANSWER, FLIPPED = 1, 2, 4, 8  # bits of a token's flags
KEPT = 5  # alternatives of each model


@dataclass(frozen=True)
class Choices:
    """One model's likeliest tokens at n places, (n, KEPT): id (-1 where there is none), probability 0-1, and the other
    model's rank of the same token (1 = its first choice, 0 where not known)."""

    ids: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    other_ranks: NDArray[np.int32]


@dataclass(frozen=True)
class TokenColumns:
    """Every token of a report; all arrays have one entry a token but `starts` (one a text, and the end)."""

    report: DivergenceReport
    starts: NDArray[np.int64]
    _values: dict[Measure, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, report: DivergenceReport) -> TokenColumns:
        """The columns of this report; each is made when it is first asked for."""
        lengths = [len(prompt.tokens) for prompt in report.prompts]
        return cls(report, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64))

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def tokens(self) -> tuple[TokenDivergence, ...]:
        """The records themselves, in order."""
        return tuple(token for prompt in self.report.prompts for token in prompt.tokens)

    @cached_property
    def text_numbers(self) -> NDArray[np.int64]:
        """The number of the text each token is of."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def ids(self) -> NDArray[np.int32]:
        """Token ids."""
        return np.array([token.id for token in self.tokens], np.int32)

    @cached_property
    def flags(self) -> NDArray[np.uint8]:
        """SPECIAL, TEMPLATE, ANSWER and FLIPPED, added up."""
        return np.array([_flags(token) for token in self.tokens], np.uint8)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Whether a token is part of means, scales and rankings."""
        return np.array([token.counted and token.kl_full_nats is not None for token in self.tokens], bool)

    def values(self, measure: Measure) -> NDArray[np.float64]:
        """The measure, NaN where a token has none."""
        if measure not in self._values:
            found = (value_of(token, measure) for token in self.tokens)
            self._values[measure] = np.array([math.nan if value is None else value for value in found], np.float64)
        return self._values[measure]

    @cached_property
    def base_choices(self) -> Choices:
        """What the base (or whatever the report compares against) expected."""
        return _choices([token.base_top for token in self.tokens])

    @cached_property
    def tuned_choices(self) -> Choices:
        """What the compared state expected."""
        return _choices([token.tuned_top for token in self.tokens])

    def text_means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean over each text's counted tokens; NaN for a text without any."""
        members = self.counted & ~np.isnan(values)
        sums, sizes = self._per_text(np.where(members, values, 0.0)), self._per_text(members.astype(float))
        means = np.full(len(sums), math.nan)
        np.divide(sums, sizes, out=means, where=sizes > 0)
        return means

    def text_counts(self) -> NDArray[np.int64]:
        """How many counted tokens each text has."""
        return self._per_text(self.counted.astype(float)).astype(np.int64)

    def first_answers(self) -> NDArray[np.bool_]:
        """Each text's first answer token, where it has an answer and the token counts."""
        answers = np.flatnonzero((self.flags & ANSWER) > 0)
        _, first = np.unique(self.text_numbers[answers], return_index=True)
        found = np.zeros(len(self), bool)
        found[answers[first]] = True
        return found & self.counted

    def _per_text(self, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.text_numbers, amounts, minlength=len(self.starts) - 1).astype(float)


def _flags(token: TokenDivergence) -> int:
    return (
        SPECIAL * token.special
        + TEMPLATE * token.template
        + ANSWER * (token.part == "answer")
        + FLIPPED * bool(token.flipped)
    )


def _choices(tops: Sequence[tuple[Alternative, ...]]) -> Choices:
    ids = np.full((len(tops), KEPT), -1, np.int32)
    shares = np.zeros((len(tops), KEPT), np.float32)
    ranks = np.zeros((len(tops), KEPT), np.int32)
    for row, top in enumerate(tops):
        for rank, other in enumerate(top[:KEPT]):
            ids[row, rank], shares[row, rank] = other.id, other.probability
            ranks[row, rank] = other.other_rank or 0
    return Choices(ids, shares, ranks)
