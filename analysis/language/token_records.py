"""Measured positions as records: tokens with their texts and alternatives, texts, the report and its means.

Knows tokens and measures, no model. The means count what `TokenDivergence.counted` counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from analysis.language.measures import Disagreement
from analysis.language.tokens import EncodedText, TokenTexts
from analysis.records import Alternative, DivergenceReport, PromptDivergence, TokenDivergence

Direction = Literal["tuned-base", "base-tuned"]


def make_prompt(text: EncodedText, found: Disagreement | None, namer: TokenTexts) -> PromptDivergence:
    """The record of one text; `found` holds positions 1 and up, None when there are none."""
    columns = _Columns.of(found)
    return PromptDivergence(text.id, tuple(_token(text, at, columns, namer) for at in range(len(text))))


def _token(text: EncodedText, at: int, columns: _Columns | None, namer: TokenTexts) -> TokenDivergence:
    measured = columns.at(at - 1, namer) if columns is not None and at else {"kl_full_nats": None, "kl_top_nats": None}
    return TokenDivergence(
        text=namer(text.ids[at]),
        id=text.ids[at],
        position=at,
        special=text.special[at],
        template=text.template[at],
        part="answer" if at >= text.answer_from else "prompt",
        **measured,
    )


@dataclass(frozen=True)
class _Columns:
    """A text's measures as plain Python lists: a tensor is slow to read one number at a time."""

    lists: dict[str, list[Any]]

    @classmethod
    def of(cls, found: Disagreement | None) -> _Columns | None:
        return None if found is None else cls({one.name: getattr(found, one.name).tolist() for one in fields(found)})

    def at(self, n: int, namer: TokenTexts) -> dict[str, Any]:
        """The measured fields of a TokenDivergence."""
        row = {name: column[n] for name, column in self.lists.items()}
        return {
            "kl_full_nats": row["kl_full"],
            "kl_top_nats": row["kl_top"],
            "base_logprob_nats": row["base_logprob"],
            "tuned_logprob_nats": row["tuned_logprob"],
            "base_top": _alternatives(row["base_top_ids"], row["base_top_probabilities"], namer),
            "tuned_top": _alternatives(row["tuned_top_ids"], row["tuned_top_probabilities"], namer),
        }


def _alternatives(ids: list[int], probabilities: list[float], namer: TokenTexts) -> tuple[Alternative, ...]:
    return tuple(Alternative(token, namer(token), share) for token, share in zip(ids, probabilities, strict=True))


def make_report(
    prompts: tuple[PromptDivergence, ...], measure: tuple[int, Direction], seconds: float
) -> DivergenceReport:
    tokens = [token for prompt in prompts for token in prompt.tokens]
    counted = [token for token in tokens if token.counted]
    return DivergenceReport(
        prompts=prompts,
        top=measure[0],
        direction=measure[1],
        mean_kl_full_nats=_mean([token.kl_full_nats or 0.0 for token in counted]),
        mean_kl_top_nats=_mean([token.kl_top_nats or 0.0 for token in counted]),
        tokens_counted=len(counted),
        special_hidden=sum(token.special for token in tokens),
        template_hidden=sum(token.template and not token.special for token in tokens),
        seconds=seconds,
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None  # nothing measured is missing, not 0
