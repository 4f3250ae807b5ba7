"""A divergence report as the reading view needs it: packed columns and strings, ready to cross to a browser.

Every text on screen shares one colour scale unless each is to have its own; scales are made from the tokens that count
(no special or template token, no position 0). Knows no streamlit; pages/components/token_view.py draws it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.figures.heat import HeatScale, Spacing, heat_scale
from analysis.figures.packed import packed
from analysis.figures.token_columns import SPECIAL, TEMPLATE, Choices, TokenColumns
from analysis.figures.token_groups import Grain, group_means, grouped
from analysis.figures.token_measures import WORDS, Measure, measure_name, measured, short_name
from analysis.figures.visible import visible

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sharing = Literal["all", "each"]  # one colour scale for all texts, or one for each


@dataclass(frozen=True)
class Shown:
    """What is coloured and how: the measure, the scale, and what is joined to one colour."""

    measure: Measure = "kl_full_nats"
    spacing: Spacing = "linear"
    clip_percentile: float = 100.0
    grain: Grain = "token"
    sharing: Sharing = "all"

    def scale(self, values: NDArray[np.float64]) -> HeatScale:
        """The colour scale over these values."""
        return heat_scale(
            values,
            spacing=self.spacing,
            clip_percentile=self.clip_percentile,
            signed=WORDS[self.measure].signed,
        )


@dataclass(frozen=True)
class Coloured:
    """A report with its colours: group (row of its first token), value and class (-1: none) a token, and the scales.

    `scales` holds one scale for all texts, or one a text.
    """

    groups: NDArray[np.int64]
    values: NDArray[np.float64]
    classes: NDArray[np.int8]
    scales: tuple[HeatScale, ...] = field(repr=False)


def coloured(columns: TokenColumns, shown: Shown) -> Coloured:
    """The value and the colour of every token; tokens that do not count have a value but no colour."""
    groups = grouped(columns, shown.grain)
    values = columns.values(shown.measure)
    if shown.grain != "token":
        values = np.where(columns.counted, group_means(columns, groups, values), values)
    counted = np.where(columns.counted, values, np.nan)
    heads = counted[np.unique(groups)] if shown.grain == "token" else counted
    if shown.sharing == "all":
        scale = shown.scale(heads[~np.isnan(heads)])
        return Coloured(groups, values, scale.colour_classes(counted), (scale,))
    parts = [counted[first:end] for first, end in zip(columns.starts, columns.starts[1:], strict=False)]
    scales = tuple(shown.scale(part[~np.isnan(part)]) for part in parts)
    classes = [scale.colour_classes(part) for scale, part in zip(scales, parts, strict=True)]
    return Coloured(groups, values, np.concatenate(classes or [np.zeros(0, np.int8)]), scales)


def reading(
    columns: TokenColumns,
    shown: Shown | None = None,
    *,
    titles: Mapping[str, str] | None = None,
    limit: int | None = None,
    beside: Mapping[str, TokenColumns] | None = None,
) -> dict[str, Any]:
    """Everything the view draws; `titles` names texts by id, `beside` other comparisons of the same texts by name.

    `limit` sends the first texts only; a shared scale is made from all of them, so it stays when more are shown.
    """
    shown = shown or Shown()
    report, found = columns.report, coloured(columns, shown)
    texts = len(report.prompts) if limit is None else min(limit, len(report.prompts))
    rows = slice(0, int(columns.starts[texts]))
    words, names = WORDS[shown.measure], titles or {}
    return {
        "title": measure_name(report, shown.measure),
        "measure": shown.measure,
        "unit": words.unit,
        "signed": words.signed,
        "states": [report.against, report.state],
        "grain": shown.grain,
        "scale": _scale(found, shown),
        "colours": {paper: list(colours) for paper, colours in found.scales[0].colours.items()} if found.scales else {},
        "inks": {paper: list(inks) for paper, inks in found.scales[0].inks.items()} if found.scales else {},
        "hidden": _hidden(columns, rows),
        "pieces": _pieces(columns, rows),
        "texts": _texts(columns, found, shown, names, texts),
        "card": _card(columns, beside or {}),
        "columns": _columns(columns, found, rows, beside or {}),
        "whole": _whole(columns, texts),
    }


def texts_within(columns: TokenColumns, budget: int, needed: str | None = None) -> int:
    """How many of the first texts hold at most `budget` tokens together; one at least, and up to the text `needed`."""
    place = next((n for n, prompt in enumerate(columns.report.prompts) if prompt.id == needed), 0)
    return max(place + 1, int((columns.starts[1:] <= budget).sum()))


def counted_values(columns: TokenColumns, measure: Measure) -> NDArray[np.float64]:
    """The measure over every token that counts, in order."""
    values = columns.values(measure)[columns.counted]
    return values[~np.isnan(values)]


def _scale(found: Coloured, shown: Shown) -> dict[str, Any]:
    scale = found.scales[0] if found.scales else shown.scale(np.zeros(0))
    clipped = sum(one.clipped for one in found.scales)
    return {
        "edges": list(scale.edges),
        "spacing": shown.spacing,
        "clipped": clipped,
        "clip": shown.clip_percentile,
        "shared": shown.sharing == "all",
    }


def _hidden(columns: TokenColumns, rows: slice) -> dict[str, int]:
    special, template = ((columns.flags[rows] & bit) > 0 for bit in (SPECIAL, TEMPLATE))
    return {"special": int(special.sum()), "template": int((template & ~special).sum())}


def _pieces(columns: TokenColumns, rows: slice) -> dict[str, list[str]]:
    texts: dict[int, str] = {}
    for token in columns.tokens[rows]:
        texts[token.id] = token.text
        for other in (*token.base_top, *token.tuned_top):
            texts[other.id] = other.text
    return {str(token): list(visible(text)) for token, text in texts.items()}


def _texts(
    columns: TokenColumns, found: Coloured, shown: Shown, titles: Mapping[str, str], limit: int
) -> list[dict[str, Any]]:
    means, counts = columns.text_means(columns.values(shown.measure)), columns.text_counts()
    each = found.scales if shown.sharing == "each" else ()
    return [
        {
            "id": prompt.id,
            "title": titles.get(prompt.id, prompt.id),
            "start": int(columns.starts[n]),
            "end": int(columns.starts[n + 1]),
            "counted": int(counts[n]),
            "mean": None if np.isnan(means[n]) else float(means[n]),
            "top": each[n].edges[-1] if each else None,
        }
        for n, prompt in enumerate(columns.report.prompts[:limit])
    ]


def _card(columns: TokenColumns, beside: Mapping[str, TokenColumns]) -> list[dict[str, str]]:
    """What the card says of a token beside the colour: a label, the unit, the column it stands in."""
    report = columns.report
    held = [
        {"label": short_name(name, report.top), "unit": WORDS[name].unit, "column": name}
        for name in measured(report)
        if name not in ("flipped", "rank_change", "log_prob_change_nats")  # the card says these in its own words
    ]
    return held + [{"label": name, "unit": "nats", "column": f"beside-{number}"} for number, name in enumerate(beside)]


def _columns(
    columns: TokenColumns, found: Coloured, rows: slice, beside: Mapping[str, TokenColumns]
) -> dict[str, dict[str, str]]:
    sides = {"base": columns.base_choices, "tuned": columns.tuned_choices}
    held: dict[str, dict[str, str]] = {
        "ids": packed(columns.ids[rows], "int32"),
        "flags": packed(columns.flags[rows], "uint8"),
        "classes": packed(found.classes[rows], "int8"),
        "groups": packed(found.groups[rows], "int32"),
        "value": packed(found.values[rows], "float32"),
        **{str(name): packed(columns.values(name)[rows], "float32") for name in measured(columns.report)},
        **{side: packed(_logprobs(columns, side, rows), "float32") for side in ("base_logprob", "tuned_logprob")},
        **{side: packed(_ranks(columns, side, rows), "int32") for side in ("base_rank", "tuned_rank")},
    }
    for side, choices in sides.items():
        held |= _choices(side, choices, rows)
    for number, other in enumerate(beside.values()):
        held[f"beside-{number}"] = packed(other.values("kl_full_nats")[rows], "float32")
    return held


def _choices(side: str, choices: Choices, rows: slice) -> dict[str, dict[str, str]]:
    return {
        f"{side}_ids": packed(choices.ids[rows], "int32"),
        f"{side}_shares": packed(choices.probabilities[rows], "float32"),
        f"{side}_others": packed(choices.other_ranks[rows], "int32"),
    }


def _logprobs(columns: TokenColumns, side: str, rows: slice) -> list[float]:
    found = (getattr(token, f"{side}_nats") for token in columns.tokens[rows])
    return [np.nan if value is None else value for value in found]


def _ranks(columns: TokenColumns, side: str, rows: slice) -> list[int]:
    return [getattr(token, side) or 0 for token in columns.tokens[rows]]


def _whole(columns: TokenColumns, texts: int) -> dict[str, str]:
    return {
        str(int(start) + int(at)): together
        for start, prompt in zip(columns.starts, columns.report.prompts[:texts], strict=False)
        for at, together in whole_characters([token.text for token in prompt.tokens]).items()
    }


def whole_characters(texts: Sequence[str]) -> dict[str, str]:
    """For tokens that hold part of a character: row -> the characters their run of bytes makes up."""
    found: dict[str, str] = {}
    run: list[int] = []
    for at, text in enumerate([*texts, ""]):
        if "<0x" in text:
            run.append(at)
            continue
        if run:
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
