"""Divergence reports as they lie in the store, and back: a column a number, each token's text once.

As JSON a token would take 1.5 KB and twice the time to read. Missing numbers (position 0, and what was not asked for)
are NaN, missing ranks 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
import numpy as np

from analysis.language.token_records import uncollected
from analysis.records import Alternative, DivergenceReport, PromptDivergence, Stored, TokenDivergence

NUMBERS = (
    *("kl_full_nats", "kl_top_nats", "kl_reverse_nats", "js_nats"),
    *("base_logprob_nats", "tuned_logprob_nats", "base_entropy_nats", "tuned_entropy_nats"),
)
RANKS = ("base_rank", "tuned_rank")
SIDES = ("base_top", "tuned_top")
VIEWS = ("probability", "other_probability", "other_rank")


def divergence_to_stored(report: DivergenceReport) -> Stored:
    """A report: its means in the document, its tokens as arrays in the order of the texts."""
    tokens = [token for prompt in report.prompts for token in prompt.tokens]
    summary: dict[str, Any] = msgspec.to_builtins(replace(report, prompts=()))
    held = [other for token in tokens for side in SIDES for other in getattr(token, side)]
    document = {
        "report": summary,
        "ids": [prompt.id for prompt in report.prompts],
        "lengths": [len(prompt.tokens) for prompt in report.prompts],
        "texts": {str(one.id): one.text for one in (*tokens, *held)},
    }
    return Stored(document=document, arrays=_columns(tokens))


def _columns(tokens: Sequence[TokenDivergence]) -> dict[str, np.ndarray[Any, Any]]:
    arrays: dict[str, Any] = {
        "id": np.array([token.id for token in tokens], dtype=np.int64),
        "special": np.array([token.special for token in tokens], dtype=np.uint8),
        "template": np.array([token.template for token in tokens], dtype=np.uint8),
        "answer": np.array([token.part == "answer" for token in tokens], dtype=np.uint8),
    }
    for name in NUMBERS:
        arrays[name] = np.array([getattr(token, name) for token in tokens], dtype=np.float64)  # None becomes NaN
    for name in RANKS:
        arrays[name] = np.array([getattr(token, name) or 0 for token in tokens], dtype=np.int64)
    for side in SIDES:
        arrays |= _alternatives(side, [getattr(token, side) for token in tokens])
    return arrays


def _alternatives(side: str, tops: Sequence[Sequence[Alternative]]) -> dict[str, Any]:
    """Ids (tokens, most held), -1 where none is, and what is said of each; nothing where no token has any."""
    most = max(map(len, tops), default=0)
    if not most:
        return {}
    ids = np.full((len(tops), most), -1, dtype=np.int64)
    views = np.full((len(tops), len(VIEWS), most), np.nan)
    for n, top in enumerate(tops):
        ids[n, : len(top)] = [other.id for other in top]
        views[n, :, : len(top)] = [[getattr(other, name) for other in top] for name in VIEWS]
    return {f"{side}_ids": ids, f"{side}_views": views}


def divergence_from_stored(stored: Stored) -> DivergenceReport:
    """The report again."""
    document = stored.document
    report = msgspec.convert(document["report"], DivergenceReport, strict=False)
    texts = {int(token): text for token, text in document["texts"].items()}
    tokens = _tokens(stored.arrays, texts, document["lengths"])
    with uncollected():
        prompts = tuple(
            PromptDivergence(name, tuple(islice(tokens, length)))
            for name, length in zip(document["ids"], document["lengths"], strict=True)
        )
    return replace(report, prompts=prompts)


def _tokens(arrays: Any, texts: dict[int, str], lengths: Sequence[int]) -> Iterator[TokenDivergence]:
    columns: dict[str, list[Any]] = {name: _optional(arrays[name].tolist()) for name in NUMBERS}
    columns |= {name: [rank or None for rank in arrays[name].tolist()] for name in RANKS}
    columns |= {
        side: _tops(arrays[f"{side}_ids"], arrays[f"{side}_views"], texts) for side in SIDES if f"{side}_ids" in arrays
    }
    names = list(columns)
    positions = (at for length in lengths for at in range(length))
    fixed = [arrays[name].tolist() for name in ("id", "special", "template", "answer")]
    for at, token, special, template, answer, *measured in zip(positions, *fixed, *columns.values(), strict=True):
        yield TokenDivergence(
            text=texts[token],
            id=token,
            position=at,
            special=bool(special),
            template=bool(template),
            part="answer" if answer else "prompt",
            **dict(zip(names, measured, strict=True)),
        )


def _optional(values: list[float]) -> list[Any]:
    return [None if value != value else value for value in values]


def _tops(ids: Any, views: Any, texts: dict[int, str]) -> list[tuple[Alternative, ...]]:
    held = (ids >= 0).sum(axis=1).tolist()
    return [
        tuple(
            Alternative(token, texts[token], own, other, None if rank is None else int(rank))
            for token, own, other, rank in zip(row[:count], *(_optional(view[:count]) for view in seen), strict=True)
        )
        for row, seen, count in zip(ids.tolist(), views.tolist(), held, strict=True)
    ]
