"""What the rows of a decoding have been told so far, why they ended, and what they may be told next.

Knows no model: tokens come from whoever runs one. A row's drafts are answers of other states of the model to the same
prompt, the likeliest first; what is guessed is the rest of the first draft that begins with what the row was told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from analysis.records import Stopped

Draft = Sequence[int]
Finished = Callable[[int, Sequence[int]], Stopped | None]


@dataclass(frozen=True)
class Generation:
    """What one prompt was continued with: token ids without EOS, and why it stopped.

    `verified`: settled by its draft, nothing was decoded. `margin`: the smallest gap between the two best logits over
    its tokens, EOS included (>= 0); small margins are where a nearby model's answer changes.
    """

    token_ids: tuple[int, ...]
    stopped: Stopped
    verified: bool = field(default=False, compare=False)
    margin: float = field(default=math.inf, compare=False)


class Answers:
    """The rows' answers as they grow."""

    def __init__(
        self,
        rows: int,
        drafts: Sequence[Sequence[Draft]] | None,
        eos: frozenset[int],
        max_new_tokens: int,
        finished: Finished | None,
    ) -> None:
        self.told: list[list[int]] = [[] for _ in range(rows)]
        self.drafts = [()] * rows if drafts is None else drafts
        self._ended: dict[int, Stopped] = {}
        self._margins = [math.inf] * rows
        self._verified: set[int] = set()
        self._eos, self._most, self._finished = eos, max_new_tokens, finished

    def take(self, row: int, token: int, margin: float) -> bool:
        """Give the row its next token; whether it goes on."""
        self._margins[row] = min(self._margins[row], margin)
        if token in self._eos:
            self._ended[row] = "eos"
            return False
        self.told[row].append(token)
        reason = self._finished(row, self.told[row]) if self._finished else None
        if reason or len(self.told[row]) == self._most:
            self._ended[row] = reason or "length"
        return row not in self._ended

    def follow(self, row: int, guess: Draft, predicted: Sequence[tuple[int, float]]) -> None:
        """Take predicted (token, margin) as long as they rest on a guess that held; the first wrong one still counts.

        `predicted` stand at every place of the guess and after it.
        """
        for place, (token, margin) in enumerate(predicted):
            if not self.take(row, token, margin) or (place < len(guess) and token != guess[place]):
                return

    def guess(self, row: int) -> tuple[int, ...]:
        """What a draft says comes next, () where none fits what was told; never more than the answer may still hold."""
        told = self.told[row]
        for draft in self.drafts[row]:
            if len(draft) > len(told) and list(draft[: len(told)]) == told:
                return tuple(draft[len(told) : self._most])
        return ()

    def silence_is_likely(self, row: int) -> bool:
        """Whether nothing was told yet and a draft says that nothing will be."""
        return not self.told[row] and any(not draft for draft in self.drafts[row])

    def settle(self, rows: Sequence[int]) -> None:
        """Note which of these ended by their drafts alone."""
        self._verified.update(row for row in rows if row in self._ended and self.drafts[row])

    @property
    def ended(self) -> int:
        """How many rows have ended."""
        return len(self._ended)

    def open(self, rows: Sequence[int]) -> list[int]:
        """Those that have not ended."""
        return [row for row in rows if row not in self._ended]

    def generation(self, row: int) -> Generation:
        """The row's answer, once it has ended."""
        return Generation(tuple(self.told[row]), self._ended[row], row in self._verified, self._margins[row])
