"""Asks questions block by block: prompts in, answered and scored rows out, drafts remembered on the way.

In float32 a block is decoded greedily, and drafts are checked first; in other dtypes a block's layout is frozen
(language/frozen.py), so that an answer depends on the weights and the question set alone. A row stops at EOS, at the
length asked, or once its scores can no longer change. Knows no pairs and no stores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.knowledge.drafts import Bank
from analysis.knowledge.order import Order, make_order
from analysis.knowledge.scoring import score, scores_fixed
from analysis.language.frozen import LAYOUT_ROWS, frozen_blocks, settle
from analysis.language.generate import Finished, Generation, greedy
from analysis.language.memory import MOST_ROWS
from analysis.records import Answered, PartialEvaluation, Progress, Question, Stopped

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

Prompts = Sequence[tuple[int, ...]]
Keep = Callable[[Sequence[Answered]], None]
BATCHES_A_BLOCK = 2  # at least: two batches sorted by length waste less padding
BLOCK_SECONDS = 1.0  # where the speed is known: often enough to watch, seldom enough to decode leftovers together


class Asker:
    """One evaluation's questions, as they are answered. `verified` counts rows settled by their drafts alone."""

    def __init__(
        self,
        lm: LanguageModel,
        questions: Sequence[Question],
        prompts: Prompts,
        bank: Bank,
        *,
        max_new_tokens: int,
        batch_size: int | None,
        seed: int,
        progress: Progress,
        known: Mapping[str, Answered],
        keep: Keep | None = None,
    ) -> None:
        self._lm, self._questions, self._prompts, self._bank = lm, questions, prompts, bank
        self._new_tokens, self._batch_size, self._progress = max_new_tokens, batch_size, _Cancelling(progress)
        self._keep_rows = keep
        self.rows = {row: known[one.id] for row, one in enumerate(questions) if one.id in known}
        self.verified = 0
        self._frozen = frozen_blocks(prompts) if lm.dtype != "float32" else None
        self.layout_rows = None if self._frozen is None else LAYOUT_ROWS
        self._order = self._make_order(seed)
        bank.worth.forget_drafts()

    def run(self) -> Iterator[PartialEvaluation]:
        """Ask block by block; after each, what is known of the whole."""
        if len(self.rows) == len(self._questions):
            yield self._order.partial(self._right())
        first = True
        for block in self._blocks():
            began = time.perf_counter()
            rows = [row for batch in block for row in batch]
            told = self._settle(block) if self._frozen is not None else self._decode(rows)
            self._keep(rows, told)
            if first:
                self._bank.rows_per_second = len(rows) / (time.perf_counter() - began)
            first = False
            if self._keep_rows is not None and len(self.rows) < len(self._questions):
                self._keep_rows([self.rows[row] for row in rows])
            yield self._order.partial(self._right())

    def _right(self) -> dict[int, bool]:
        return {row: answered.correct["contains"] for row, answered in self.rows.items()}

    def _make_order(self, seed: int) -> Order:
        if self._frozen is not None:
            self._frozen = [
                block for block in self._frozen if any(row not in self.rows for batch in block for row in batch)
            ]
            left = dict.fromkeys(row for block in self._frozen for batch in block for row in batch)
            return Order((), tuple(left), known=tuple(row for row in self.rows if row not in left))
        names = [question.id for question in self._questions]
        margins, right = list(map(self._bank.margin, names)), list(map(self._bank.right, names))
        return make_order(margins, right, seed, known=self.rows)

    def _blocks(self) -> Iterator[list[list[int]]]:
        if self._frozen is not None:
            yield from self._frozen
            return
        size = BATCHES_A_BLOCK * (self._batch_size or MOST_ROWS[self._lm.device.split(":")[0]])
        size = max(size, int(BLOCK_SECONDS * (self._bank.rows_per_second or 0)))
        yield from ([block] for block in self._order.blocks(size))

    def _decode(self, rows: list[int]) -> Sequence[Generation]:
        return greedy(
            self._lm,
            [self._prompts[row] for row in rows],
            max_new_tokens=self._new_tokens,
            batch_size=self._batch_size,
            finished=stop_at_scores(self._lm.tokenizer, [self._questions[row] for row in rows]),
            drafts=self._drafts(rows),
            worth=self._bank.worth,
            progress=self._progress,
        )

    def _settle(self, block: list[list[int]]) -> list[Generation]:
        told: list[Generation] = []
        for rows in block:
            found = settle(
                self._lm,
                [self._prompts[row] for row in rows],
                max_new_tokens=self._new_tokens,
                finished=stop_at_scores(self._lm.tokenizer, [self._questions[row] for row in rows]),
                drafts=self._drafts(rows),
                worth=self._bank.worth,
                progress=self._progress,
            )
            told += found.generations
            if found.rows < len(rows):
                self.layout_rows = min(self.layout_rows or LAYOUT_ROWS, found.rows)
        return told

    def _drafts(self, rows: Sequence[int]) -> list[Sequence[tuple[int, ...]]]:
        return [self._bank.of(self._questions[row].id) for row in rows]

    def _keep(self, rows: Sequence[int], told: Sequence[Generation]) -> None:
        texts = decode(self._lm.tokenizer, [generation.token_ids for generation in told])
        for row, generation, text in zip(rows, told, texts, strict=True):
            question = self._questions[row]
            self.rows[row] = Answered(
                question.id,
                self._prompts[row],
                generation.token_ids,
                text,
                generation.stopped,
                score(text, question),
                generation.margin,
            )
        self.verified += sum(generation.verified for generation in told)
        self._bank.learn(self.rows[row] for row in rows)


class _Cancelling:
    """Hands cancellation inwards; what an inner loop reports is not about the whole evaluation and is dropped."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Drop it."""

    def cancelled(self) -> bool:
        """Whether the evaluation is cancelled."""
        return self._progress.cancelled()


def stop_at_scores(tokenizer: Any, questions: Sequence[Question]) -> Finished | None:
    """A `finished` that stops a row once its scores can no longer change; None where that cannot be warranted.

    It needs a tokenizer whose text up to a line break stays as it is when tokens follow: true of byte-level decoding,
    where a line break is a byte of its own and no other character holds it; others are never stopped early.
    """
    if not decodes_bytewise(tokenizer):
        return None
    breaks: dict[int, bool] = {}

    def finished(row: int, token_ids: Sequence[int]) -> Stopped | None:
        last = token_ids[-1]
        if last not in breaks:
            breaks[last] = "\n" in decode(tokenizer, [[last]])[0]
        if not breaks[last]:
            return None
        return "scores" if scores_fixed(decode(tokenizer, [token_ids])[0], questions[row]) else None

    return finished


def decodes_bytewise(tokenizer: Any) -> bool:
    """Whether the tokenizer turns ids into text by joining bytes (GPT-2's scheme) and nothing else."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and type(backend.decoder).__name__ == "ByteLevel"


def decode(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    """The text of each row of token ids, special tokens left out, spaces as they are."""
    texts = tokenizer.batch_decode(
        [list(row) for row in rows], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return [str(text) for text in texts]
