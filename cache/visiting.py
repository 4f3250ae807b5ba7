"""A pair's states to be visited one after the other: the resident model's, or the base loaded by itself where it must.

In a model of tuned's shape the base would keep tuned's added tokens, or have no place for its own head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.asked import Comparison
from cache.models import PairModel, State

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.weights.profile import UpdateProfile

OTHER_HEAD, OTHER_ROWS = "tied-on-one-side", "extra-rows"


class BaseApart:
    """The resident model, with the base loaded beside it while the base is visited."""

    def __init__(self, resident: PairModel, comparison: Comparison, dtype: str) -> None:
        self._resident, self._comparison, self._dtype = resident, comparison, dtype
        self.lm: LanguageModel = resident.lm

    def enter(self, state: State) -> None:
        """Put the model at `lm` into this state; another state's weights may be gone then."""
        from analysis.language.load import load_model

        if state == "base":
            self.lm = load_model(self._comparison.base, dtype=self._dtype)
            return
        self.lm = self._resident.lm
        self._resident.enter(state)


def visiting(model: PairModel, comparison: Comparison, dtype: str, apart: bool) -> PairModel | BaseApart:
    """The leased model as work on tokens visits it."""
    return BaseApart(model, comparison, dtype) if apart else model


def asks_base_apart(profile: UpdateProfile | None, *, generating: bool) -> bool:
    """Whether the base must be loaded by itself: for its own head always, for fewer rows only where it generates.

    Compared over shared rows, the base reads the same texts in tuned's shape; generating, it could tell tuned's tokens.
    """
    codes = {finding.code for finding in profile.findings} if profile else set()
    return OTHER_HEAD in codes or (generating and OTHER_ROWS in codes)
