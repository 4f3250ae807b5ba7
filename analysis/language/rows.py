"""Runs the batches of a greedy decoding: read, let what stays open wait, decode those that wait together.

A row can be taken up again at any moment from its prompt and what it was told, so that a batch for which memory did not
suffice is simply cut in half and read again. Knows drafts only as guesses; does not know questions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.language.answers import Answers, Draft
from analysis.language.caches import can_drop_rows, can_join, joined, rows_of
from analysis.language.load import LanguageModel
from analysis.language.memory import out_of_memory
from analysis.language.prefixes import ReadStarts
from analysis.language.verify import by_row, filled, read_drafts, step
from analysis.language.worth import Worth

if TYPE_CHECKING:
    import torch

COMPACT_BELOW = 0.75  # of the rows still running: dropping one row copies the whole cache, so it waits for a few


@dataclass
class _Waiting:
    """Open rows with the cache of all they were fed: everything but their last token. `mask` as in verify.step."""

    rows: list[int]
    cache: Any
    mask: torch.Tensor


class Decoder:
    """One decoding's batches."""

    def __init__(
        self,
        lm: LanguageModel,
        prompts: Sequence[Sequence[int]],
        answers: Answers,
        starts: ReadStarts | None,
        worth: Worth,
        size: int,
    ) -> None:
        self._lm, self._prompts, self._answers, self._starts, self._worth = lm, prompts, answers, starts, worth
        self._size = size
        self._waiting: list[_Waiting] = []

    def run(self, batches: Sequence[list[int]]) -> Iterator[int]:
        """Decode all of them; after each piece of work, how many rows have ended."""
        import torch

        queue = deque(batches)
        while queue or self._waiting:
            rows = self._held()
            finish = bool(rows) and (not queue or len(rows) >= self._size or not can_join(self._waiting[0].cache))
            rows = rows if finish else queue.popleft()
            with torch.inference_mode():
                fits = self._fits(self._finish if finish else self._read, rows)
            if not fits:
                self._waiting = [] if finish else self._waiting
                self._size = max(1, len(rows) // 2)
                still = self._answers.open(rows)
                queue.extendleft([still[: self._size], still[self._size :]] if len(still) > 1 else [still])
            yield self._answers.ended

    def _held(self) -> list[int]:
        return [row for group in self._waiting for row in group.rows]

    @staticmethod
    def _fits(work: Callable[[list[int]], None], rows: list[int]) -> bool:
        """Do it; False where memory does not suffice. A single row that does not fit raises."""
        try:
            work(rows)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or len(rows) == 1:
                raise
            return False
        return True

    def _read(self, rows: list[int]) -> None:
        """One pass over prompts, what was told before, and drafts; rows that stay open wait."""
        if not rows:
            return
        told = [self._answers.told[row] for row in rows]
        guesses = [self._answers.guess(row) if self._worth.pays else () for row in rows]
        prompts = [[*self._prompts[row], *before] for row, before in zip(rows, told, strict=True)]
        fresh = [row for row, before in zip(rows, told, strict=True) if not before]
        began = time.perf_counter()
        read = read_drafts(self._lm, prompts, guesses, (self._starts, rows) if self._starts else None)
        seconds = time.perf_counter() - began
        held = self._follow(rows, guesses, read.predicted)
        self._worth.read(seconds, read.tokens, sum(map(len, guesses)), held)
        self._answers.settle(fresh)
        self._wait(rows, read.cache, read.mask, [len(prompt) for prompt in prompts])

    def _follow(self, rows: Sequence[int], guesses: Sequence[Draft], predicted: Sequence[Any]) -> int:
        """Take what was predicted; how many guessed tokens held."""
        held = 0
        for row, guess, tokens in zip(rows, guesses, predicted, strict=True):
            before = len(self._answers.told[row])
            self._answers.follow(row, guess, tokens)
            new = self._answers.told[row][before:]
            held += sum(mine == theirs for mine, theirs in zip(new, guess, strict=False))
        return held

    def _wait(self, rows: list[int], cache: Any, mask: torch.Tensor, before: list[int]) -> None:
        """Keep the open rows with what they were fed: all of their tokens but the last one told."""
        import torch

        going = set(self._answers.open(rows))
        if not going:
            return
        fed = [
            len(self._prompts[row]) + len(self._answers.told[row]) - 1 - length
            for row, length in zip(rows, before, strict=True)
        ]
        mask = _grown(mask, fed)
        if can_join(cache):
            places = [place for place, row in enumerate(rows) if row in going]
            rows, mask = [rows[place] for place in places], mask[torch.tensor(places, device=mask.device)]
            width = int((mask.amax(dim=0) * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax())
            cache, mask = rows_of(cache, places, width), mask[:, :width]
        self._waiting.append(_Waiting(rows, cache, mask))

    def _finish(self, rows: list[int]) -> None:
        """Decode the waiting rows until all have ended."""
        group, self._waiting = _gathered(self._waiting), []
        while going := self._answers.open(rows):
            if len(going) < COMPACT_BELOW * len(group.rows) and can_drop_rows(group.cache):
                _drop(group, set(going))
            self._advance(group, set(going))

    def _advance(self, group: _Waiting, going: set[int]) -> None:
        """Feed every row its last token and a guess of what follows; the running rows take what that predicts."""
        import torch

        began = time.perf_counter()
        told = self._answers.told
        guesses = self._guesses(group.rows, going)
        fed = [[(told[row] or [0])[-1], *guess] for row, guess in zip(group.rows, guesses, strict=True)]
        before = [len(told[row]) for row in group.rows]
        found = step(self._lm, fed, group.mask, group.cache)
        for row, guess, tokens in zip(group.rows, guesses, by_row(found, list(map(len, fed))), strict=True):
            if row in going:
                self._answers.follow(row, guess, tokens)
        new = [len(told[row]) - had for row, had in zip(group.rows, before, strict=True)]
        group.cache = found.cache
        group.mask = torch.cat([group.mask, filled(new, max(map(len, fed)), self._lm.device)], dim=1)
        self._worth.stepped(time.perf_counter() - began, sum(new) or 1)

    def _guesses(self, rows: Sequence[int], going: set[int]) -> list[Draft]:
        """What to feed beside each last token: as much as half of the running rows have a guess for."""
        guesses = [self._answers.guess(row) if row in going else () for row in rows]
        lengths = sorted((len(guess) for row, guess in zip(rows, guesses, strict=True) if row in going), reverse=True)
        most = lengths[(len(lengths) - 1) // 2]
        return [guess[:most] for guess in guesses]


def _gathered(waiting: Sequence[_Waiting]) -> _Waiting:
    """All of them as one, as wide as the widest."""
    import torch
    from torch.nn.functional import pad

    width = max(group.mask.shape[1] for group in waiting)
    mask = torch.cat([pad(group.mask, (0, width - group.mask.shape[1])) for group in waiting])
    rows = [row for group in waiting for row in group.rows]
    return _Waiting(rows, joined([group.cache for group in waiting]), mask)


def _drop(group: _Waiting, going: set[int]) -> None:
    """Leave out the rows that have ended."""
    import torch

    places = [place for place, row in enumerate(group.rows) if row in going]
    kept = torch.tensor(places, device=group.mask.device)
    group.cache.batch_select_indices(kept)
    group.rows, group.mask = [group.rows[place] for place in places], group.mask[kept]


def _grown(mask: torch.Tensor, more: Sequence[int]) -> torch.Tensor:
    """The mask with so many more places of each row, those right behind its last real one."""
    import torch

    places = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * (places + 1)).amax(dim=1, keepdim=True)
    return mask | ((places >= last) & (places < last + torch.tensor(list(more), device=mask.device)[:, None])).long()
