"""What can be shown of a token: every measure with its name, unit, range and what it says.

A measure's name is the field of `TokenDivergence` that holds it, or one that follows from its fields. The formulas are
in analysis/language/measures.py. Knows no streamlit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from analysis.records import DivergenceReport, TokenDivergence

Measure = Literal[
    "kl_full_nats",
    "kl_top_nats",
    "kl_reverse_nats",
    "js_nats",
    "log_prob_change_nats",
    "entropy_change_nats",
    "flipped",
    "rank_change",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True)
class MeasureWords:
    """How a measure is written: `short` in the chooser, `title` with the two states, unit, range, what it says.

    `title` and `says` hold {state} and {against}; {first} and {second} are the two sides of the report's direction.
    """

    short: str
    title: str
    unit: str
    range: str
    says: str
    signed: bool = False


WORDS: dict[Measure, MeasureWords] = {
    "kl_full_nats": MeasureWords(
        "KL, full vocabulary",
        "KL({first} ‖ {second}), full vocabulary",
        "nats",
        "0 to ∞",
        "What the {second} model's prediction loses where the {first} model is right: the sum over every token of "
        "p({first}) · log(p({first}) / p({second})). 0 where both predict alike.",
    ),
    "kl_top_nats": MeasureWords(
        "KL, top {top} (paper)",
        "KL({first} ‖ {second}), {first} model's {top} likeliest tokens",
        "nats",
        "0 to ∞",
        "The paper's measure: the {first} model's {top} largest logits and the {second} model's logits of the same "
        "tokens, each set renormalised on its own.",
    ),
    "kl_reverse_nats": MeasureWords(
        "KL, reverse",
        "KL({second} ‖ {first}), full vocabulary",
        "nats",
        "0 to ∞",
        "The other direction: large where the {first} model gave up what the {second} one expected.",
    ),
    "js_nats": MeasureWords(
        "Jensen–Shannon",
        "Jensen–Shannon divergence of {state} and {against}, full vocabulary",
        "nats",
        "0 to ln 2 ≈ 0.693",
        "Symmetric and bounded: the mean KL of both predictions from their average; ln 2 where they share no token.",
    ),
    "log_prob_change_nats": MeasureWords(
        "Log-probability change",
        "Log-probability of the token, {state} − {against}",
        "nats",
        "−∞ to ∞",
        "Of the token that really stands there: above 0 where the {state} model expects it more than {against}.",
        signed=True,
    ),
    "entropy_change_nats": MeasureWords(
        "Entropy change",
        "Entropy of the prediction, {state} − {against}",
        "nats",
        "− ln V to ln V, V the vocabulary",
        "Above 0 where the {state} model is less sure what comes than {against}, below 0 where it is surer.",
        signed=True,
    ),
    "flipped": MeasureWords(
        "First choice differs",
        "First choice of {state} differs from {against}",
        "share",
        "0 or 1; a mean is a share",
        "1 where the likeliest next token of the two models is not the same one.",
    ),
    "rank_change": MeasureWords(
        "Rank change",
        "Rank of the token, log10 of {against} / {state}",
        "powers of ten",
        "−log10 V to log10 V, V the vocabulary",
        "Of the token that really stands there: above 0 where the {state} model ranks it nearer its first choice.",
        signed=True,
    ),
}


def value_of(token: TokenDivergence, measure: Measure) -> float | None:
    """The measure of one token, in the measure's unit; None where nothing predicts it or it was not asked for."""
    if measure == "rank_change":
        ranks = token.base_rank, token.tuned_rank
        return math.log10(ranks[0] / ranks[1]) if ranks[0] and ranks[1] else None
    value = getattr(token, measure)
    return None if value is None else float(value)


def short_name(measure: Measure, top: int) -> str:
    """The measure in a chooser: 'KL, top 10 (paper)'."""
    return WORDS[measure].short.format(top=top)


def measure_name(report: DivergenceReport, measure: Measure) -> str:
    """The measure with the states it compares: 'KL(tuned ‖ base), full vocabulary'."""
    return WORDS[measure].title.format(**_sides(report))


def measure_words(report: DivergenceReport, measure: Measure) -> str:
    """What the measure says, its unit and range, in a line."""
    words = WORDS[measure]
    return f"{words.says.format(**_sides(report))} Unit: {words.unit}; range: {words.range}."


def measured(report: DivergenceReport) -> tuple[Measure, ...]:
    """The measures this report holds: those of its first token that has any."""
    tokens = (token for prompt in report.prompts for token in prompt.tokens if token.kl_full_nats is not None)
    first = next(tokens, None)
    return MEASURES if first is None else tuple(name for name in MEASURES if value_of(first, name) is not None)


def _sides(report: DivergenceReport) -> dict[str, object]:
    sides = (report.state, report.against)
    first, second = sides if report.direction == "tuned-base" else sides[::-1]
    return {"state": report.state, "against": report.against, "first": first, "second": second, "top": report.top}
