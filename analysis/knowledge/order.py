"""In which order questions are asked, and what is known about all of them on the way.

Where a nearby model's answers were close calls, this one's are likelier to differ: the questions of the smallest logit
margins are asked first, as a stratum taken whole, then the rest. Each stratum is in seeded random order, so that what
is done of it is a random sample, and the interval adds the strata up: it holds at every moment at once. Margin order
alone would make the running accuracy biased and its interval false. Knows no models.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.knowledge.statistics import anytime_interval
from analysis.records import PartialEvaluation

CLOSE_FRACTION = 0.4  # of the questions: measured, they hold 90-100% of the answers that change
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Order:
    """Row numbers of the close calls and of the rest, each in random order; no close calls where margins are unknown.

    `guessed` says how many of the rest are likely right, as the last state answered; None where that is not known.
    """

    close: tuple[int, ...]
    rest: tuple[int, ...]
    guessed: int | None = None
    known: tuple[int, ...] = ()  # answered when the same was asked before and cut short: not asked again

    def blocks(self, size: int) -> Iterator[list[int]]:
        """All rows in blocks of at most `size`; no block spans both strata unless one block holds everything."""
        if len(self.close) + len(self.rest) <= size:
            yield from ([[*self.close, *self.rest]] if self.close or self.rest else [])
            return
        for stratum in (self.close, self.rest):
            yield from (list(stratum[start : start + size]) for start in range(0, len(stratum), size))

    def partial(self, right: Mapping[int, bool]) -> PartialEvaluation:
        """Accuracy over all rows as estimated from those done (row -> right), with an interval valid at any time."""
        strata = [stratum for stratum in (self.close, self.rest) if stratum]
        total = sum(map(len, strata)) + len(self.known)
        confidence = 1 - (1 - CONFIDENCE) / max(1, len(strata))  # each stratum's interval may fail: together 5% at most
        low = high = estimate = float(sum(right[row] for row in self.known))
        for stratum in strata:
            told = [right[row] for row in stratum if row in right]
            low_share, high_share = anytime_interval(sum(told), len(told), len(stratum), confidence)
            low, high = low + low_share * len(stratum), high + high_share * len(stratum)
            estimate += sum(told) / len(told) * len(stratum) if told else self._unseen(right, len(stratum))
        return PartialEvaluation(len(right), total, estimate / total, (low / total, high / total))

    def _unseen(self, right: Mapping[int, bool], size: int) -> float:
        """How many of a stratum not begun are right: as many as before, else the share seen so far."""
        return float(self.guessed) if self.guessed is not None else size * sum(right.values()) / max(1, len(right))


def make_order(
    margins: Sequence[float | None], right: Sequence[bool | None], seed: int, known: Container[int] = ()
) -> Order:
    """The order for rows whose last margins and answers are these; one plain random order where one is not known."""
    shuffled = np.random.default_rng(seed).permutation(len(margins)).tolist()
    told = tuple(row for row in shuffled if row in known)
    gaps = [margin for margin in margins if margin is not None]
    count = round(CLOSE_FRACTION * len(margins))
    if len(gaps) < len(margins) or not count:
        return Order((), tuple(row for row in shuffled if row not in known), known=told)
    nearest = set(sorted(range(len(gaps)), key=lambda row: (gaps[row], row))[:count])
    close = tuple(row for row in shuffled if row in nearest and row not in known)
    rest = tuple(row for row in shuffled if row not in nearest and row not in known)
    guessed = None if None in right else sum(bool(right[row]) for row in rest)
    return Order(close, rest, guessed, told)
