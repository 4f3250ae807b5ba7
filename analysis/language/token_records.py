"""Measured positions as records: tokens with their texts and alternatives, texts, the report and its means.

Knows tokens and measures, no model. The means count what `TokenDivergence.counted` counts.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from analysis.language.measures import Disagreement, Measures
from analysis.language.tokens import EncodedText, TokenTexts
from analysis.language.vocabulary import Vocabulary
from analysis.records import Alternative, DivergenceReport, PromptDivergence, RestoreSpec, TokenDivergence

Direction = Literal["tuned-base", "base-tuned"]
StateName = Literal["base", "tuned", "restored"]
FIELDS = {  # of a token, from a measure's column
    "kl_full_nats": "kl_full",
    "kl_top_nats": "kl_top",
    "base_logprob_nats": "base_logprob",
    "tuned_logprob_nats": "tuned_logprob",
    "kl_reverse_nats": "kl_reverse",
    "js_nats": "js",
    "base_entropy_nats": "base_entropy",
    "tuned_entropy_nats": "tuned_entropy",
    "base_rank": "base_rank",
    "tuned_rank": "tuned_rank",
}


class Asked(NamedTuple):
    """What is measured."""

    top: int
    direction: Direction
    measures: Measures


def state_name(state: str | RestoreSpec) -> StateName:
    """What a report calls a state."""
    return "restored" if isinstance(state, RestoreSpec) else "base" if state == "base" else "tuned"


@contextmanager
def uncollected() -> Iterator[None]:
    """Rest the garbage collector while records are made: they hold no cycles, and it would walk them all for nothing.

    Half of the time of many records. Where another thread does the same, the first to end wakes it again.
    """
    awake = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if awake:
            gc.enable()


def make_prompt(text: EncodedText, found: Disagreement | None, namer: TokenTexts) -> PromptDivergence:
    """The record of one text; `found` holds positions 1 and up, None when there are none."""
    measured = [{"kl_full_nats": None, "kl_top_nats": None}, *(_measured(found, namer) if found else [])]
    return PromptDivergence(text.id, tuple(_token(text, at, measured[at], namer) for at in range(len(text))))


def _token(text: EncodedText, at: int, measured: dict[str, Any], namer: TokenTexts) -> TokenDivergence:
    return TokenDivergence(
        text=namer(text.ids[at]),
        id=text.ids[at],
        position=at,
        special=text.special[at],
        template=text.template[at],
        part="answer" if at >= text.answer_from else "prompt",
        **measured,
    )


def _measured(found: Disagreement, namer: TokenTexts) -> list[dict[str, Any]]:
    """The measured fields of every position, from plain lists: an array is slow to read one number at a time."""
    columns = {name: column.tolist() for name, column in found.columns().items() if column is not None}
    named = {field: columns[column] for field, column in FIELDS.items() if column in columns}
    for side in ("base", "tuned"):
        if f"{side}_top" in columns:
            pairs = zip(columns[f"{side}_top_ids"], columns[f"{side}_top"], strict=True)
            named[f"{side}_top"] = [_alternatives(ids, numbers, namer) for ids, numbers in pairs]
    names = list(named)
    return [dict(zip(names, row, strict=True)) for row in zip(*named.values(), strict=True)]


def _alternatives(ids: list[int], numbers: list[list[float]], namer: TokenTexts) -> tuple[Alternative, ...]:
    probabilities, others, ranks = numbers
    texts = [namer(token) for token in ids]
    return tuple(map(Alternative, ids, texts, probabilities, others, map(int, ranks)))


def make_report(
    prompts: tuple[PromptDivergence, ...],
    asked: Asked,
    names: tuple[StateName, StateName],
    vocabulary: Vocabulary,
    seconds: float,
) -> DivergenceReport:
    """The whole, with its means; `names` of the state and of what it is compared against."""
    tokens = [token for prompt in prompts for token in prompt.tokens]
    counted = [token for token in tokens if token.counted]
    return DivergenceReport(
        prompts=prompts,
        top=asked.top,
        direction=asked.direction,
        mean_kl_full_nats=_mean(counted, lambda token: token.kl_full_nats),
        mean_kl_top_nats=_mean(counted, lambda token: token.kl_top_nats),
        tokens_counted=len(counted),
        special_hidden=sum(token.special for token in tokens),
        template_hidden=sum(token.template and not token.special for token in tokens),
        seconds=seconds,
        mean_kl_reverse_nats=_mean(counted, lambda token: token.kl_reverse_nats),
        mean_js_nats=_mean(counted, lambda token: token.js_nats),
        mean_entropy_change_nats=_mean(counted, lambda token: token.entropy_change_nats),
        mean_log_prob_change_nats=_mean(counted, lambda token: token.log_prob_change_nats),
        flipped_fraction=_mean(counted, lambda token: token.flipped),
        state=names[0],
        against=names[1],
        vocabulary=vocabulary.compared,
        rows_left_out=vocabulary.left_out,
    )


def _mean(tokens: Sequence[TokenDivergence], value_of: Callable[[TokenDivergence], float | None]) -> float | None:
    values = [value for token in tokens if (value := value_of(token)) is not None]
    return math.fsum(values) / len(values) if values else None  # nothing measured is missing, not 0
