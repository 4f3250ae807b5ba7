"""`palimpsest sft`: fine-tunes a base as asked. What a setting may be is told by the training, everything at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from analysis.command_line import terminal
from analysis.command_line.options import Base, Json, Layers, Mastery, Modules, Prompt, Questions, Seed
from analysis.command_line.parsing import read_layers, read_shares, read_words
from analysis.command_line.product import product_of
from analysis.errors import SpecError
from analysis.training.settings import Precision
from analysis.training.variants import VariantName

BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 24  # letters


def sft(
    context: typer.Context,
    base: Base,
    out: Annotated[Path, typer.Argument(help="a new folder for the fine-tuned model")],
    questions: Questions,
    mastery: Mastery = None,
    level: Annotated[int | None, typer.Option(help="train on facts of this mastery only, 0-4")] = None,
    mix: Annotated[str | None, typer.Option(help="several levels and their shares: 0=0.5,4=0.5")] = None,
    size: Annotated[int | None, typer.Option(help="how many facts; all of them where not given")] = None,
    relations: Annotated[str | None, typer.Option(help="train on facts of these relations only: P17,P19")] = None,
    seed: Seed = 0,
    learning_rate: Annotated[float, typer.Option(help="at the peak of the cosine schedule")] = 1e-5,
    batch_size: Annotated[int, typer.Option(help="facts a step, over all processes")] = 8,
    epochs: Annotated[int, typer.Option(help="times every fact is seen")] = 1,
    lora: Annotated[bool, typer.Option("--lora", help="short for --variant lora")] = False,
    variant: Annotated[VariantName, typer.Option(help="the way of fine-tuning")] = "sft",
    strength: Annotated[float | None, typer.Option(help="of the variant: rank, pull, weight, share or percent")] = None,
    layers: Layers = None,
    modules: Modules = None,
    every: Annotated[int | None, typer.Option(help="restoring: each time so many steps are done")] = None,
    precision: Annotated[
        Precision, typer.Option(help="of the arithmetic; auto: bfloat16 on a CUDA device that has it")
    ] = "auto",
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="compute activations again instead of keeping them")
    ] = False,
    accumulate: Annotated[int, typer.Option(help="take each step's facts in so many parts, one after another")] = 1,
    prompt: Prompt = "paper",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads; the same number gives the same weights")] = None,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="go on where it was cut short, or anew")] = True,
    checkpoints: Annotated[bool, typer.Option(help="keep what is needed to go on, beside OUT until it is done")] = True,
    as_json: Json = False,
) -> None:
    """Fine-tune the base on questions: the paper's settings, LoRA, or a variant that tries to need no repair."""
    from analysis.training.variants import Variant

    if lora and variant not in ("sft", "lora"):
        raise SpecError(f"LoRA and the variant {variant} are not combined: ask for one of them.")
    product = product_of(context)
    way = Variant("lora" if lora else variant, strength, read_layers(layers), read_words(modules), every)
    training = product.training(
        base=base,
        questions=questions,
        size=size,
        level=level,
        mix=read_shares(mix),
        relations=read_words(relations),
        seed=seed,
        mastery=mastery,
        learning_rate=learning_rate,
        batch_size=batch_size,
        epochs=epochs,
        variant=way,
        precision=precision,
        gradient_checkpointing=gradient_checkpointing,
        accumulate=accumulate,
        prompt=prompt,
        device=device,
        threads=threads,
    )
    keeping: dict[str, Any] = {"resume": resume} | ({} if checkpoints else {"checkpoint_seconds": None})
    tuned = product.workspace().fine_tune(training, out, terminal.progress(), **keeping)
    if int(os.environ.get("RANK") or 0) == 0:  # of several processes (torchrun, accelerate) one answers
        terminal.answer({"out": str(out), **msgspec.to_builtins(tuned.card)}, as_json)
        if not as_json:
            print(f"{'loss':>20}  {loss_line(tuned.card.loss)}")


def loss_line(points: Sequence[tuple[int, float]]) -> str:
    """A training's loss in one line: first and last value with the curve between, in nats an answer token."""
    if not points:
        return "none"
    places = range(min(CURVE_WIDTH, len(points)))
    losses = [points[round(place * (len(points) - 1) / max(1, len(places) - 1))][1] for place in places]
    low, high = min(losses), max(losses)
    bars = [BARS[round((len(BARS) - 1) * (loss - low) / (high - low))] if high > low else BARS[0] for loss in losses]
    first, last = points[0], points[-1]
    return f"{first[1]:.3g} {''.join(bars)} {last[1]:.3g} nats an answer token, steps {first[0]} to {last[0]}"
