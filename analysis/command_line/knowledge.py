"""`palimpsest evaluate`, `sweep` and `mastery`: what a model answers, what restoring changes, what the base knew.

Asks the workspace and prints what it says; runs no model and scores nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from analysis.command_line import terminal
from analysis.command_line.answers import answer_lines, evaluation_fields, preview_fields, stop_fields
from analysis.command_line.options import (
    AmongOption,
    ArithmeticOption,
    Base,
    DomainOption,
    Dtype,
    Json,
    Layers,
    Limit,
    Mastery,
    Modules,
    Percents,
    Prompt,
    Questions,
    RegionOption,
    ScopeOption,
    Seed,
    Shots,
    SplitOption,
    Tuned,
)
from analysis.command_line.parsing import read_layers, read_numbers, read_words
from analysis.command_line.product import product_of
from analysis.errors import StoreError
from analysis.records import STRATEGIES, RestoreSpec


def evaluate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="a local folder or a Hugging Face id")],
    questions: Questions,
    domain: DomainOption = "both",
    mastery: Mastery = None,
    prompt: Prompt = "paper",
    split: SplitOption = "test",
    limit: Limit = None,
    seed: Seed = 0,
    shots: Shots = 0,
    dtype: Dtype = "auto",
    outputs: Annotated[Path | None, typer.Option(help="write every answer to this file, JSON lines")] = None,
    as_json: Json = False,
) -> None:
    """Ask a model every question, greedily, and score the answers."""
    product = product_of(context)
    workspace = product.workspace()
    asking = product.asking(
        questions,
        prompt=prompt,
        split=split,
        domain=domain,
        mastery=mastery,
        limit=limit,
        seed=seed,
        dtype=dtype,
        shots=shots,
    )
    try:
        found = workspace.evaluation_of(model, asking, terminal.progress())
    except StoreError as error:
        found = workspace.evaluation_of(model, asking)  # held in memory, where only the disk had no room
        terminal.say(f"palimpsest: {error}")
    if outputs is not None:
        terminal.write_lines(outputs, answer_lines(workspace.question_set(asking).questions, found))
    terminal.answer(evaluation_fields(found), as_json)


def sweep(
    context: typer.Context,
    base: Base,
    tuned: Tuned,
    questions: Questions,
    percents: Percents = "0,1,3,5,10,20,40,60,100",
    strategies: Annotated[str, typer.Option(help=f"comma-separated: {', '.join(STRATEGIES)}")] = "relative-top,random",
    seeds: Annotated[str, typer.Option(help="of random and drop-rescale, comma-separated")] = "0",
    region: RegionOption = "transformer",
    scope: ScopeOption = "global",
    layers: Layers = None,
    modules: Modules = None,
    among: AmongOption = "all",
    arithmetic: ArithmeticOption = "exact",
    domain: DomainOption = "both",
    mastery: Mastery = None,
    prompt: Prompt = "paper",
    split: SplitOption = "test",
    limit: Limit = None,
    seed: Seed = 0,
    shots: Shots = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """Restore and evaluate every percentage; choose on the dev split (or half of the questions), report on the rest."""
    from analysis.knowledge.stops import seed_bands

    product = product_of(context)
    asking = product.asking(
        questions,
        prompt=prompt,
        split=split,
        domain=domain,
        mastery=mastery,
        limit=limit,
        seed=seed,
        dtype=dtype,
        shots=shots,
    )
    names: list[Any] = [name.strip() for name in strategies.split(",")]
    kinds = read_words(modules)
    template = RestoreSpec(0, "relative-top", region, scope, read_layers(layers), arithmetic, 0, kinds, among)
    for name in names:
        replace(template, strategy=name)  # refused here, before any work
    report = product.workspace().sweep(
        product.comparison(base, tuned),
        asking,
        read_numbers(percents),
        names,
        [int(number) for number in read_numbers(seeds, "seeds", 0, 2**31)],
        template=template,
        progress=terminal.progress(),
    )
    answer = {
        "region": region,
        "arithmetic": arithmetic,
        "stops": [stop_fields(stop) for stop in report.stops],
        "base": evaluation_fields(report.base),
        "tuned": evaluation_fields(report.tuned),
        "choice": msgspec.to_builtins(report.choice),
        "bands": msgspec.to_builtins(seed_bands(report.stops)),
    }
    terminal.answer(answer, as_json, table="stops")


def mastery(
    context: typer.Context,
    base: Base,
    questions: Questions,
    out: Annotated[Path, typer.Option(help="the table, parquet")],
    templates: Annotated[Path | None, typer.Option(help="JSON: relation -> statements with {subject}")] = None,
    samples: Annotated[int, typer.Option(min=1, help="completions of each statement")] = 10,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy")] = 0.7,
    until: Annotated[Literal["length", "sentence"], typer.Option(help="where a completion ends")] = "length",
    method: Annotated[
        Literal["auto", "statements", "question-form"], typer.Option(help="statements, or the question after others")
    ] = "auto",
    preview: Annotated[
        bool, typer.Option("--preview", help="one sample of each statement, and how sure that is")
    ] = False,
    split: Annotated[
        Literal["train", "dev", "test", "all"], typer.Option(help="which split of the dataset, or all of them")
    ] = "test",
    domain: DomainOption = "both",
    limit: Limit = None,
    seed: Seed = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """How reliably the base states each fact by itself: R and the five levels; goes on where it was cut short."""
    from analysis.knowledge.mastery import Protocol
    from analysis.knowledge.templates import read_templates

    product = product_of(context)
    asking = product.asking(questions, split=split, domain=domain, limit=limit, seed=seed, dtype=dtype)
    taken = {"samples": 1, "preview_of": samples} if preview else {"samples": samples}
    protocol = Protocol(temperature=temperature, seed=seed, until=until, **taken)
    statements = read_templates(templates) if templates else None
    form = "question form" if method == "question-form" else method
    table = product.workspace().mastery(base, asking, protocol, statements, terminal.progress(), form)
    table.write(out)
    levels = {str(level): count for level, count in table.level_counts().items()}
    told = {"out": str(out), "facts": len(table.frame), "method": table.method, "levels": levels, **table.protocol}
    terminal.answer(told | (preview_fields(table) if preview else {}), as_json)
