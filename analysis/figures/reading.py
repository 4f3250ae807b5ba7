"""A divergence report as the reading view needs it: plain lists of numbers and strings, ready to cross to a browser.

Every text on screen shares one colour scale, made from the tokens that count (no special or template token, no
position 0). Knows no streamlit; the view that draws it is pages/components/token_view.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from analysis.figures.heat import COLOURS, INKS, HeatScale, Spacing, heat_scale
from analysis.figures.visible import visible
from analysis.records import Alternative, DivergenceReport, PromptDivergence, TokenDivergence

Measure = Literal["full", "top"]
SPECIAL, TEMPLATE, ANSWER, FLIPPED = 1, 2, 4, 8  # bits of a token's flags


def reading(
    report: DivergenceReport,
    *,
    measure: Measure = "full",
    spacing: Spacing = "linear",
    clip_percentile: float = 100.0,
    state: str = "tuned",
    titles: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Everything the view draws; `state` names the compared state, `titles` the texts by id.

    `limit` sends the first texts only; the scale is made from all of them, so it stays when more are shown.
    """
    shown = report.prompts[:limit]
    scale = heat_scale(counted_values(report, measure), spacing=spacing, clip_percentile=clip_percentile)
    return {
        "title": measure_name(report, measure, state),
        "measures": {"full": "full vocabulary", "top": f"top {report.top}"},
        "measure": measure,
        "state": state,
        "scale": {"edges": list(scale.edges), "spacing": spacing, "clipped": scale.clipped, "clip": clip_percentile},
        "colours": {paper: list(colours) for paper, colours in COLOURS.items()},
        "inks": {paper: list(inks) for paper, inks in INKS.items()},
        "hidden": _hidden(shown),
        "pieces": _pieces(shown),
        "texts": [_text(prompt, measure, scale, (titles or {}).get(prompt.id, prompt.id)) for prompt in shown],
    }


def measure_name(report: DivergenceReport, measure: Measure, state: str = "tuned") -> str:
    """'KL(tuned ‖ base)' with what it runs over."""
    sides = (state, "base") if report.direction == "tuned-base" else ("base", state)
    over = "full vocabulary" if measure == "full" else f"{sides[0]} model's {report.top} likeliest tokens"
    return f"KL({sides[0]} ‖ {sides[1]}), {over}"


def value_of(token: TokenDivergence, measure: Measure) -> float | None:
    """The chosen measure of a token in nats; None at position 0."""
    return token.kl_full_nats if measure == "full" else token.kl_top_nats


def counted_values(report: DivergenceReport, measure: Measure) -> list[float]:
    """The measure over every token that counts, in order."""
    values = (value_of(token, measure) for prompt in report.prompts for token in prompt.tokens if token.counted)
    return [value for value in values if value is not None]


def _hidden(prompts: Sequence[PromptDivergence]) -> dict[str, int]:
    tokens = [token for prompt in prompts for token in prompt.tokens]
    special = sum(token.special for token in tokens)
    return {"special": special, "template": sum(token.template and not token.special for token in tokens)}


def _pieces(prompts: Sequence[PromptDivergence]) -> dict[str, list[str]]:
    texts: dict[int, str] = {}
    for prompt in prompts:
        for token in prompt.tokens:
            texts[token.id] = token.text
            texts.update((other.id, other.text) for other in (*token.base_top, *token.tuned_top))
    return {str(token): list(visible(text)) for token, text in texts.items()}


def _text(prompt: PromptDivergence, measure: Measure, scale: HeatScale, title: str) -> dict[str, Any]:
    tokens = prompt.tokens
    counted = [value_of(token, measure) or 0.0 for token in tokens if token.counted]
    return {
        "id": prompt.id,
        "title": title,
        "counted": len(counted),
        "mean": sum(counted) / len(counted) if counted else None,
        "ids": [token.id for token in tokens],
        "full": [_rounded(token.kl_full_nats) for token in tokens],
        "top": [_rounded(token.kl_top_nats) for token in tokens],
        "classes": [scale.colour_class(value_of(token, measure)) if token.counted else -1 for token in tokens],
        "flags": [_flags(token) for token in tokens],
        "logprobs": [[_rounded(token.base_logprob_nats), _rounded(token.tuned_logprob_nats)] for token in tokens],
        "base": [_alternatives(token.base_top) for token in tokens],
        "tuned": [_alternatives(token.tuned_top) for token in tokens],
        "whole": whole_characters([token.text for token in tokens]),
    }


def whole_characters(texts: Sequence[str]) -> dict[str, str]:
    """For tokens that hold part of a character: position -> the characters their run of bytes makes up."""
    found: dict[str, str] = {}
    run: list[int] = []
    for at, text in enumerate([*texts, ""]):
        if "<0x" in text:
            run.append(at)
            continue
        together = _joined([texts[member] for member in run])
        found.update((str(member), together) for member in run if together)
        run = []
    return found


def _joined(texts: Sequence[str]) -> str:
    held = b"".join(
        bytes([int(part[3:5], 16)]) if part.startswith("<0x") else part.encode("utf-8", "replace")
        for text in texts
        for part in _split_bytes(text)
    )
    try:
        return held.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""


def _split_bytes(text: str) -> list[str]:
    return [part for part in re.split(r"(<0x[0-9A-F]{2}>)", text) if part]


def _flags(token: TokenDivergence) -> int:
    return (
        SPECIAL * token.special
        + TEMPLATE * token.template
        + ANSWER * (token.part == "answer")
        + FLIPPED * bool(token.flipped)
    )


def _alternatives(top: Sequence[Alternative]) -> list[list[float]]:
    return [[other.id, round(other.probability, 6)] for other in top]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")  # for the eye; tables and files keep every digit
