"""`palimpsest divergence`: how far two models' predictions are apart; analysis.language.command does what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.command_line import terminal
from analysis.command_line.options import (
    Base,
    DomainOption,
    Dtype,
    Json,
    Limit,
    Mastery,
    Prompt,
    Seed,
    SplitOption,
    Tuned,
)
from analysis.command_line.product import product_of
from analysis.records import RestoreSpec


def divergence(
    context: typer.Context,
    base: Base,
    tuned: Tuned,
    prompts: Annotated[Path | None, typer.Option(help='JSON lines: {"text"} or {"prompt", "answer"}')] = None,
    top: Annotated[int, typer.Option(min=1, help="of the paper's KL: the tuned model's largest logits")] = 10,
    direction: Annotated[Literal["tuned-base", "base-tuned"], typer.Option(help="KL(first || second)")] = "tuned-base",
    measures: Annotated[Literal["all", "kl"], typer.Option(help="everything, or the two KLs alone")] = "all",
    percent: Annotated[
        float | None, typer.Option(help="also the tuned model with so much restored (relative-top), 0-100")
    ] = None,
    generate: Annotated[
        int | None,
        typer.Option(min=1, help="let both continue the prompts by so many tokens, and show where they part"),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="the paper's measurement: level-4 facts at the first answer token")
    ] = False,
    near: Annotated[int, typer.Option(min=1, help="of --paper: the base's answer begins within so many tokens")] = 3,
    questions: Annotated[str | None, typer.Option(help="of --paper: as for evaluate")] = None,
    mastery: Mastery = None,
    domain: DomainOption = "both",
    prompt: Prompt = "paper",
    split: SplitOption = "test",
    limit: Limit = None,
    seed: Seed = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """How far the tuned model's prediction of each token is from the base's, in nats; or the paper's one number."""
    from analysis.language import command

    product = product_of(context)
    how = {"prompt": prompt, "split": split, "domain": domain, "mastery": mastery, "limit": limit, "seed": seed}
    asking = product.asking(questions, **how, dtype=dtype) if questions else None
    restored = None if percent is None else RestoreSpec(percent)
    wish = command.Wish(prompts, top, direction, measures, dtype, paper, near, generate, restored)
    pair = product.comparison(base, tuned)
    answer = command.answer(product.workspace(), pair, asking, wish, terminal.progress())
    terminal.answer(answer, as_json, table="by_relation" if paper else None)
