"""The one resident set of weights, lent to one piece of work at a time and put into whatever state that work asks for.

A lease is handed out in the order of asking, so that a person's slider waits for at most one stop of a running sweep.
A state that was being entered when the work was cancelled is unknown afterwards and is written anew in full.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from analysis.records import Arithmetic, Progress, RestoreSpec, check_cancelled
from cache.memory import set_aside_the_living

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.weights.pair import CheckpointPair
    from analysis.weights.profile import UpdateProfile

State = Literal["base", "tuned"] | RestoreSpec
WAIT_SECONDS = 0.1


class PairModel:
    """A loaded model whose weights can be those of the base, the tuned or any restored state of a pair."""

    def __init__(
        self, lm: LanguageModel, pair: CheckpointPair, profile_of: Callable[[Arithmetic], UpdateProfile]
    ) -> None:
        self.lm = lm
        self._pair = pair
        self._profile_of = profile_of
        self._state: State | None = None

    def enter(self, state: State, progress: Progress | None = None) -> None:
        """Write this state's values into the resident weights; nothing happens where they are there already."""
        from analysis.weights.restore import apply_state

        if state == self._state:
            return
        arithmetic, before = _arithmetic(state) or _arithmetic(self._state) or "exact", self._state
        profile = self._profile_of(arithmetic)
        previous = before if _arithmetic(before) in (None, arithmetic) else None
        self._state = None
        parameters = dict(self.lm.model.named_parameters())
        apply_state(parameters, self._pair, profile, state, previous=previous, progress=progress)
        self._state = state


def _arithmetic(state: State | None) -> Arithmetic | None:
    """The arithmetic a state was ranked in; None for base, tuned and an unknown state."""
    return state.arithmetic if isinstance(state, RestoreSpec) else None


class ModelPool:
    """Keeps the last model loaded; `lease` lends it in the order of asking."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._waiting: deque[object] = deque()
        self._key: str | None = None
        self._model: PairModel | None = None

    @contextmanager
    def lease(self, key: str, load: Callable[[], PairModel], progress: Progress) -> Iterator[PairModel]:
        """The model under this key, loaded if another one (or none) is resident; exclusive until the block ends."""
        ticket = object()
        with self._turn:
            self._waiting.append(ticket)
        try:
            self._await_turn(ticket, progress)
            yield self._resident(key, load)
        finally:
            with self._turn:
                self._waiting.remove(ticket)
                self._turn.notify_all()

    def _await_turn(self, ticket: object, progress: Progress) -> None:
        with self._turn:
            while self._waiting[0] is not ticket:
                self._turn.wait(WAIT_SECONDS)
                check_cancelled(progress)

    def _resident(self, key: str, load: Callable[[], PairModel]) -> PairModel:
        if self._key != key or self._model is None:
            self._key, self._model = None, None  # freed before the next is loaded: never two models at once
            self._model = load()
            self._key = key
            set_aside_the_living(force=True)
        return self._model
