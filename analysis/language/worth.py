"""Whether drafts save time: measured while they are used, so that drafts that do not hold are soon left alone.

A drafted token costs a token of a pass and, where it holds, saves one decoded alone. Knows no models.
"""

from __future__ import annotations

FIRST_TOKENS = 64  # drafted before a judgement is made
PROBE_ROWS = 32  # of a first batch whose drafts are not proven: what garbage may cost
HOLDING_FRACTION = 0.5  # taken for the break-even until a decoded token's cost is known


class Worth:
    """Counts what drafts and single steps cost and gave; carried from one decoding of the same questions to the next.

    Costs are seconds a token, padding included on both sides.
    """

    def __init__(self) -> None:
        self._read = [0.0, 0.0]  # seconds, tokens
        self._stepped = [0.0, 0.0]
        self._drafted = self._held = 0
        self.proven = False  # whether drafts of this kind paid the last time

    def read(self, seconds: float, tokens: int, drafted: int, held: int) -> None:
        """One pass over prompts and drafts: tokens fed, how many of them drafted, how many of those held."""
        self._read = [self._read[0] + seconds, self._read[1] + tokens]
        self._drafted, self._held = self._drafted + drafted, self._held + held

    def stepped(self, seconds: float, tokens: int) -> None:
        """Some steps of one token a row."""
        self._stepped = [self._stepped[0] + seconds, self._stepped[1] + tokens]

    def forget_drafts(self) -> None:
        """Other drafts, other luck: keep only the costs, and whether the last ones paid."""
        self.proven = self._drafted >= FIRST_TOKENS and self.pays
        self._drafted = self._held = 0

    @property
    def pays(self) -> bool:
        """Whether drafts are worth checking, as far as is known."""
        return self._drafted < FIRST_TOKENS or self._held >= self.break_even * self._drafted

    @property
    def break_even(self) -> float:
        """The share of drafted tokens (0-1) that has to hold."""
        if not (self._read[1] and self._stepped[1]):
            return HOLDING_FRACTION
        read, stepped = (seconds / tokens for seconds, tokens in (self._read, self._stepped))
        return min(1.0, read / stepped)
