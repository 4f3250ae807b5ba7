"""Where states of one model stop agreeing: a text token by token, from one forward pass of each state.

Alignment: the value on token t is the disagreement when PREDICTING t (from the tokens before it), so position 0 has
none. Only one set of weights is resident: an earlier state leaves its final hidden states and a copy of its vocabulary
projection behind (visits.py), and the last state is met batch by batch, logits chunk by chunk of positions. Formulas:
measures.py. Does not know files, checkpoints or pages.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from analysis.errors import LanguageError, SpecError
from analysis.language.measures import Disagreement, Measures, compare_logits
from analysis.language.projection import Projection
from analysis.language.token_records import (
    Asked,
    Direction,
    make_prompt,
    make_report,
    state_name,
    uncollected,
)
from analysis.language.tokens import EncodedText, TokenTexts, check_shared
from analysis.language.visits import ModelState, Part, Reading, State, read_all, read_batches
from analysis.language.vocabulary import Vocabulary
from analysis.records import DivergenceReport, Progress, Silent, Text, ThreeStates

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ModelState", "State", "diverge", "diverge_pairs", "diverge_three"]

CHUNK_LOGITS = 2**20  # positions x vocabulary of one side, held at once
LEAST_POSITIONS = 64  # of a chunk: fewer would read a large projection again for too little
Pair = tuple[int, int]  # places of (state, against) among the states visited


def diverge(
    pairmodel: ModelState,
    texts: Sequence[Text],
    *,
    top: int = 10,
    direction: str = "tuned-base",
    state: State = "tuned",
    against: State = "base",
    measures: Measures = "all",
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
) -> DivergenceReport:
    """Compare two states token by token; fields named base_* are of `against`, tuned_* of `state`.

    `top` >= 1 is the paper's ten; `direction` is "tuned-base" for KL(tuned || base) or "base-tuned". `measures` "kl"
    leaves out all but both KLs and the actual token's log-probabilities. `vocabulary`: the rows that both models have,
    where they differ. Texts keep their order. Raises LanguageError for empty or too long texts,
    tokenizers that disagree, and logits that are no numbers; SpecError for `top` and `direction`; Cancelled.
    """
    (report,) = diverge_pairs(
        pairmodel,
        texts,
        (against, state),
        ((1, 0),),
        top=top,
        direction=direction,
        measures=measures,
        vocabulary=vocabulary,
        progress=progress,
    )
    return report


def diverge_three(
    pairmodel: ModelState,
    texts: Sequence[Text],
    restored: State,
    *,
    top: int = 10,
    direction: str = "tuned-base",
    measures: Measures = "all",
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
) -> ThreeStates:
    """Restored against base, restored against tuned, and tuned against base, each state visited once; see `diverge`."""
    return ThreeStates(
        *diverge_pairs(
            pairmodel,
            texts,
            ("base", "tuned", restored),
            ((2, 0), (2, 1), (1, 0)),
            top=top,
            direction=direction,
            measures=measures,
            vocabulary=vocabulary,
            progress=progress,
        )
    )


def diverge_pairs(
    pairmodel: ModelState,
    texts: Sequence[Text],
    states: Sequence[State],
    pairs: Sequence[Pair],
    *,
    top: int = 10,
    direction: str = "tuned-base",
    measures: Measures = "all",
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
) -> tuple[DivergenceReport, ...]:
    """One report for each (state, against) of `pairs`, visiting every one of `states` once; see `diverge`."""
    started = time.perf_counter()
    asked = Asked(top, _direction(direction), measures)
    _check_top(top)
    run = _Run.begin(pairmodel, texts, states, vocabulary, progress or Silent())
    found = run.measured(pairs, asked)
    namer = TokenTexts(pairmodel.lm.tokenizer)
    reports = []
    with uncollected():
        for (state, against), rows in zip(pairs, found, strict=True):
            prompts = tuple(make_prompt(one, rows.get(n), namer) for n, one in enumerate(run.reading.encoded))
            names = state_name(states[state]), state_name(states[against])
            reports.append(make_report(prompts, asked, names, run.vocabulary, time.perf_counter() - started))
    return tuple(reports)


def _direction(name: str) -> Direction:
    for known in get_args(Direction):
        if name == known:
            return cast(Direction, name)
    raise SpecError("There is no such direction.", items=[f"direction is {name!r}: give tuned-base or base-tuned"])


def _check_top(top: int) -> None:
    if top < 1:
        raise SpecError("The top-k divergence cannot be computed.", items=[f"top is {top!r}: give 1 or more"])


@dataclass(frozen=True)
class _Run:
    """One comparison of states on texts: the earlier states are read whole, the last one batch by batch."""

    pairmodel: ModelState
    states: Sequence[State]
    reading: Reading
    vocabulary: Vocabulary
    progress: Progress

    @classmethod
    def begin(
        cls,
        pairmodel: ModelState,
        texts: Sequence[Text],
        states: Sequence[State],
        shared: Vocabulary | None,
        progress: Progress,
    ) -> _Run:
        """The texts as the first state's tokenizer cuts them, looked over before anything is computed."""
        progress.report(0, 1, "Reading the first model")
        pairmodel.enter(states[0])
        vocabulary = shared or Vocabulary(Projection.of(pairmodel.lm).vocabulary)
        reading = Reading.of(pairmodel.lm, texts)
        check_shared(reading.encoded, vocabulary.compared)
        return cls(pairmodel, states, reading, vocabulary, progress)

    def measured(self, pairs: Sequence[Pair], asked: Asked) -> list[dict[int, Disagreement]]:
        """For each pair: Disagreement by text, positions 1 and up; texts of one token are missing."""
        visits = [
            read_all(self.pairmodel, state, self.reading, self._part(n)) for n, state in enumerate(self.states[:-1])
        ]
        self.pairmodel.enter(self.states[-1])
        own = Projection.of(self.pairmodel.lm)
        heads = [own if own.equal(visit.head) else visit.head for visit in visits] + [own]
        heads = [head.first_rows(self.vocabulary.compared) for head in heads]
        rows: list[dict[int, Disagreement]] = [{} for _ in pairs]
        last = read_batches(self.pairmodel.lm, self.reading, self._part(len(visits)))
        for done, (batch, hidden) in enumerate(last):
            earlier = [visit.hidden[done].to(hidden.device) for visit in visits]
            members = [self.reading.encoded[n] for n in batch]
            found = _compare(heads, [*earlier, hidden], members, pairs=pairs, asked=asked)
            for kept, parts in zip(rows, found, strict=True):
                kept.update(zip(batch, parts, strict=True))
        _check_numbers(self.reading.encoded, rows)
        return rows

    def _part(self, number: int) -> Part:
        return Part(self.progress, number, len(self.states), f"Reading model {number + 1} of {len(self.states)}")


def _compare(
    heads: Sequence[Projection],
    hidden: Sequence[Tensor],
    members: Sequence[EncodedText],
    *,
    pairs: Sequence[Pair],
    asked: Asked,
) -> list[list[Disagreement]]:
    """For each pair one Disagreement a text, computed over chunks of positions of the whole batch."""
    import torch

    length = hidden[-1].shape[1]
    flat = [side.flatten(0, 1) for side in hidden]
    actual = torch.tensor([one.ids[1:] for one in members], device=flat[-1].device).flatten()
    step = max(LEAST_POSITIONS, CHUNK_LOGITS // heads[-1].vocabulary)
    parts: list[list[Disagreement]] = [[] for _ in pairs]
    for at in range(0, len(actual), step):
        here = slice(at, at + step)
        with torch.inference_mode():
            logits = [head(side[here]) for head, side in zip(heads, flat, strict=True)]
            for found, (state, against) in zip(parts, pairs, strict=True):
                found.append(compare_logits(logits[against], logits[state], actual[here], **asked._asdict()))
        del logits  # before the next chunk's are made
    whole = [Disagreement.joined(found) for found in parts]
    return [[one.rows(slice(n * length, (n + 1) * length)) for n in range(len(members))] for one in whole]


def _check_numbers(encoded: Sequence[EncodedText], rows: Sequence[dict[int, Disagreement]]) -> None:
    import numpy as np

    wrong = sorted({n for found in rows for n, row in found.items() if bool(np.isnan(row.kl_full).any())})
    if wrong:
        raise LanguageError(
            "A model gives logits that are no numbers (NaN) on these texts: its weights hold NaN or Inf, or overflow "
            "in this dtype. Check the checkpoint, or evaluate in float32.",
            items=[encoded[n].id for n in wrong],
        )
