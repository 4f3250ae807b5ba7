"""A fine-tuning, drawn and in words: its loss curve, what it will take, what it did.

Knows a card's points and counts, not how they were made.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import altair as alt
import pandas as pd

from analysis.errors import SpecError
from analysis.figures import numbers, style
from analysis.training.variants import Variant

if TYPE_CHECKING:
    from analysis.training.asked import Outlook
    from analysis.training.card import SftReport

Point = tuple[int, float]
CURVE_HEIGHT = 260  # pixels, title and axis included
PAPER_BATCH = 8
DASHES = ([1, 0], [7, 3], [2, 3], [10, 3, 2, 3], [12, 5], [4, 4], [1, 5])  # so that none is told by colour alone
CURVE_COLOURS = (style.TUNED, style.BASE, style.RESTORED, "#7A6BC4", "#9A7D00", "#C9458F", "#8A8A8A")


class Asked(Protocol):
    """A fine-tuning as it is asked for, by the names of the command line's options."""

    base: str
    questions: str
    mastery: str | None
    level: int | None
    mix: tuple[tuple[int, float], ...]
    size: int | None
    relations: tuple[str, ...] | None
    seed: int
    learning_rate: float
    batch_size: int
    epochs: int
    variant: Variant
    precision: str
    gradient_checkpointing: bool
    accumulate: int
    prompt: str
    device: str
    threads: int | None


def loss_curve(curves: Mapping[str, Sequence[Point]], *, steps: int | None = None) -> style.Figure:
    """Training loss (nats an answer token, >= 0) against the step, one line a model; `steps`: where the axis ends."""
    rows = [(name, step, loss) for name, points in curves.items() for step, loss in points]
    frame = pd.DataFrame(rows, columns=["model", "step", "loss"])
    last = steps or (int(frame["step"].max()) if len(frame) else 1)
    legend = alt.Legend(orient="top", columns=2, labelLimit=320) if len(curves) > 1 else None
    scale = alt.Scale(domain=list(curves), range=list(CURVE_COLOURS[: len(curves)]))
    dashes = alt.Scale(domain=list(curves), range=list(DASHES[: len(curves)]))
    steps_axis = alt.Axis(tickMinStep=1, tickCount=10)
    chart = (
        alt.Chart(frame)
        .mark_line(point=alt.OverlayMarkDef(size=26, filled=True), strokeWidth=2)
        .encode(
            x=alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, last]), axis=steps_axis),
            y=alt.Y("loss:Q", title=None, scale=alt.Scale(domainMin=0)),
            color=alt.Color("model:N", scale=scale, title=None, legend=legend),
            strokeDash=alt.StrokeDash("model:N", scale=dashes, title=None, legend=legend),
            tooltip=[
                alt.Tooltip("model:N"),
                alt.Tooltip("step:Q"),
                alt.Tooltip("loss:Q", title="loss, nats", format=".3f"),
            ],
        )
    )
    note = "mean over the answers' tokens since the point before; on the facts trained on, before each step"
    return style.finish(chart.properties(height=CURVE_HEIGHT), "Training loss (nats an answer token)", note)


def curve_words(points: Sequence[Point]) -> str:
    """'Loss from 3.21 to 0.42 nats an answer token over 30 steps.'"""
    if not points:
        return "No loss yet."
    first, last = points[0], points[-1]
    return (
        f"Loss from {numbers.significant(first[1])} to {numbers.significant(last[1])} nats an answer token over "
        f"{numbers.count(last[0])} steps."
    )


def outlook_words(outlook: Outlook) -> str:
    """'240 facts (level 0: 240) of 10 relations · 30 steps · about 2 s (median of 4 trainings of this base here)'."""
    levels = ", ".join(f"level {level}: {numbers.count(count)}" for level, count in outlook.by_level.items() if level)
    relations = sum(bool(name) for name in outlook.by_relation)
    parts = [
        f"{numbers.count(outlook.n)} facts" + (f" ({levels})" if levels else ""),
        *([f"{relations} relations, {_span(outlook.by_relation)} each"] if relations else []),
        f"{numbers.count(outlook.steps)} steps",
    ]
    if outlook.seconds is None:
        return " · ".join([*parts, "no training of this base was timed here yet: the first steps will tell how long"])
    trainings = "the one training" if outlook.timed == 1 else f"the median of {outlook.timed} trainings"
    return " · ".join([*parts, f"about {numbers.duration(outlook.seconds)} ({trainings} of this base here)"])


def _span(counts: Mapping[str, int]) -> str:
    low, high = min(counts.values()), max(counts.values())
    return numbers.count(low) if low == high else f"{numbers.count(low)} to {numbers.count(high)}"


def layers_from(text: str) -> tuple[int, ...] | None:
    """'0-3, 5' as numbers, None for nothing; SpecError for what is neither."""
    numbers_: set[int] = set()
    for part in (part.strip() for part in text.split(",") if part.strip()):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SpecError(f"layers is {text!r}: write 0-3, or 0,5,7.")
        numbers_.update(range(int(first), int(last if dash else first) + 1))
    return tuple(sorted(numbers_)) or None


def command(asked: Asked, out: str) -> str:
    """The command that does this fine-tuning, ready for a shell; settings at their defaults are left out."""
    words = ["palimpsest", "sft", asked.base, out, "--questions", asked.questions]
    options = {
        "mastery": asked.mastery,
        "level": asked.level,
        # to the last digit: thirds cut short would no longer add up to 1
        "mix": ",".join(f"{level}={share!r}" for level, share in asked.mix if share) or None,
        "size": asked.size,
        "relations": ",".join(asked.relations) if asked.relations else None,
        "seed": asked.seed or None,
        "learning-rate": f"{asked.learning_rate:g}",
        "batch-size": asked.batch_size if asked.batch_size != PAPER_BATCH else None,
        "epochs": asked.epochs if asked.epochs != 1 else None,
        "precision": asked.precision if asked.precision != "auto" else None,
        "accumulate": asked.accumulate if asked.accumulate != 1 else None,
        **_variant_options(asked.variant),
        "prompt": asked.prompt if asked.prompt != "paper" else None,
        "device": asked.device if asked.device != "auto" else None,
        "threads": asked.threads,
    }
    for name, value in options.items():
        words += [f"--{name}", str(value)] if value is not None else []
    words += ["--gradient-checkpointing"] if asked.gradient_checkpointing else []
    return shlex.join(words)


def _variant_options(variant: Variant) -> dict[str, Any]:
    if variant.name == "sft":
        return {}
    told = variant.identity()
    return {
        "variant": variant.name,
        "strength": f"{told['strength']:g}" if "strength" in told else None,
        "layers": ",".join(map(str, told["layers"])) if "layers" in told else None,
        "modules": ",".join(told["modules"]) if "modules" in told else None,
        "every": told.get("every"),
    }


def card_words(card: SftReport) -> str:
    """'240 facts of level 0 · seed 0 · rate 0.0003 · 30 steps in 1.7 s', as plain text."""
    what = f"level {card.level}" if card.level is not None else "several levels" if card.mix else "any level"
    variant = str(card.variant.get("name", "sft"))
    strength = card.variant.get("strength")
    parts = [
        f"{numbers.count(card.n)} facts of {what}",
        *([variant if strength is None else f"{variant} {strength:g}"] if variant != "sft" else []),
        f"seed {card.seed}",
        f"rate {card.learning_rate:g}",
        f"{numbers.count(card.steps)} steps in {numbers.duration(card.seconds)}",
    ]
    return " · ".join(parts)
