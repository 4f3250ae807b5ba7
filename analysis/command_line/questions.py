"""`palimpsest question ...`: what the paper leaves open, asked of a pair, a base or the demo world.

The answers are the stored ones that the pages show: asks the workspace and prints what it says.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.command_line import terminal
from analysis.command_line.answers import plain, table_rows
from analysis.command_line.options import Base, Dtype, Json, Mastery, Seed
from analysis.command_line.parsing import read_whole_numbers
from analysis.command_line.product import product_of
from analysis.errors import SpecError
from analysis.records import RestoreSpec

Questions = Annotated[str, typer.Option(help="the questions; their train split is trained on")]
Percents = Annotated[str, typer.Option(help="how much is restored, comma-separated percentages")]
Rate = Annotated[
    float | None, typer.Option(help="at the peak of the cosine; default: the paper's 1e-5, for the demo's base 3e-4")
]


def gradients(
    context: typer.Context,
    base: Base,
    tuned: Annotated[str, typer.Argument(help="a model fine-tuned from it, for what restoration picks")],
    questions: Questions,
    mastery: Mastery = None,
    at: Annotated[Literal["base", "tuned"], typer.Option(help="the weights the gradients are taken at")] = "base",
    samples: Annotated[int, typer.Option(help="training facts a level, a multiple of --groups")] = 240,
    groups: Annotated[int, typer.Option(help="they are dealt into, for intervals; even")] = 6,
    levels: Annotated[str, typer.Option(help="mastery levels, comma-separated")] = "0,1,2,3,4",
    percents: Percents = "1,5,20",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Why low-mastery data does more harm: gradients by level, their directions, overlap with restoration."""
    from analysis.experiments import gradient_tables as tables
    from analysis.experiments.gradients import GradientSettings

    settings = GradientSettings(read_whole_numbers(levels, "levels"), samples, groups, seed=seed)
    product = product_of(context)
    asked = product.asking(questions, mastery=mastery)
    report = product.workspace().gradients(
        product.comparison(base, tuned),
        asked,
        settings,
        at=at,
        percents=_percents(percents),
        progress=terminal.progress(),
    )
    found = report.gathered
    answer = {
        "at": at,
        "samples_a_level": settings.n,
        "groups": settings.groups,
        "seed": seed,
        "levels": table_rows(tables.level_table(found)),
        "layers": table_rows(tables.norm_table(found, "layer")),
        "modules": table_rows(tables.norm_table(found, "module")),
        "cosines": table_rows(tables.cosine_table(found)),
        "overlaps": [plain(asdict(one)) for one in report.overlaps],
    }
    terminal.answer(answer, as_json, table="levels")
    if not as_json:
        for table in ("cosines", "overlaps"):
            terminal.answer({table: answer[table]}, as_json, table=table)


def skill(
    context: typer.Context,
    base: Base,
    questions: Questions,
    mastery: Mastery = None,
    name: Annotated[Literal["counting", "letters"], typer.Option("--skill", help="the rule")] = "counting",
    examples: Annotated[int, typer.Option(help="of the skill, trained on")] = 960,
    facts: Annotated[int, typer.Option(help="trained on beside it")] = 960,
    level: Annotated[int, typer.Option(min=0, max=4, help="mastery of these facts")] = 4,
    test: Annotated[int, typer.Option(help="questions of the skill, on names in no example")] = 200,
    limit: Annotated[int, typer.Option(help="test facts asked of every state")] = 500,
    percents: Percents = "1,3,5,10,20,40,60",
    random_seeds: Annotated[str, typer.Option(help="of the random control, comma-separated")] = "0,1,2",
    learning_rate: Rate = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Beyond recall: does restoration cost a new skill, learnt alone or together with facts?"""
    from analysis.experiments.skill import SkillSettings

    product = product_of(context)
    settings = SkillSettings(
        skill=name,
        examples=examples,
        facts=facts,
        level=level,
        seed=seed,
        learning_rate=learning_rate or product.workspace().usual_learning_rate(base),
        percents=_percents(percents),
        random_seeds=read_whole_numbers(random_seeds, "random_seeds"),
        test=test,
        fact_limit=limit,
    )
    asked = product.asking(questions, mastery=mastery)
    report = product.workspace().skill(base, asked, settings, terminal.progress())
    told = {"tuned": report.tuned, "commonest_answer": report.chance, "settings": asdict(settings)}
    terminal.answer({**told, "rows": table_rows(report.table)}, as_json, table="rows")


def planted(
    context: typer.Context,
    share: Annotated[float, typer.Option(help="of the known facts that are planted wrong, 0-1")] = 0.5,
    known: Annotated[int, typer.Option(help="facts a split that are dealt with, at most")] = 1_200,
    sizes: Annotated[str, typer.Option(help="right facts trained on, comma-separated")] = "60,240,600",
    seeds: Annotated[str, typer.Option(help="of the trainings, comma-separated")] = "0",
    percents: Percents = "10,20,40",
    learning_rate: Annotated[float, typer.Option(help="at the peak of the cosine schedule")] = 3e-4,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """A base that is wrong (the demo's, planted): is less KL still better?"""
    from analysis.demo.planting import PlantSettings
    from analysis.experiments.planted import PlantedSettings, rank_correlations

    settings = PlantedSettings(
        plant=PlantSettings(share=share, known=known, seed=seed),
        sizes=read_whole_numbers(sizes, "sizes"),
        seeds=read_whole_numbers(seeds, "seeds"),
        learning_rate=learning_rate,
        percents=_percents(percents),
    )
    report = product_of(context).workspace().planted(settings, terminal.progress())
    answer = {
        "base": report.base,
        "planting": table_rows(report.planting),
        "states": table_rows(report.states),
        "rank_correlations": table_rows(rank_correlations(report.states)),
        "settings": asdict(settings),
    }
    terminal.answer(answer, as_json, table="states")
    if not as_json:
        terminal.answer({"found": answer["rank_correlations"]}, as_json, table="found")


def task(
    context: typer.Context,
    base: Base,
    tuned: Annotated[str, typer.Argument(help="the model fine-tuned from it")],
    file: Annotated[Path, typer.Argument(help="lm-eval's YAML with its documents beside it, or their folder")],
    percents: Percents = "5,20,40",
    random_seeds: Annotated[str, typer.Option(help="of the random control, comma-separated")] = "0",
    limit: Annotated[int | None, typer.Option(min=1, help="ask the first so many documents only")] = None,
    seed: Annotated[int, typer.Option(help="of the few-shot examples")] = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """What restoration costs elsewhere: a task in lm-eval's format (GSM8K, XSum, your own), from local files."""
    asked = _percents(percents)
    specs = [RestoreSpec(percent) for percent in asked]
    specs += [
        RestoreSpec(percent, "random", seed=drawn)
        for drawn in read_whole_numbers(random_seeds, "random_seeds")
        for percent in asked
    ]
    product = product_of(context)
    report = product.workspace().task(
        product.comparison(base, tuned), file, specs, limit=limit, seed=seed, dtype=dtype, progress=terminal.progress()
    )
    told = {"task": report.name, "documents": report.n, "shots": report.shots}
    terminal.answer({**told, "rows": table_rows(report.table)}, as_json, table="rows")


def _percents(text: str) -> tuple[float, ...]:
    """Comma-separated numbers; those outside 0 to 100 are refused by what they are given to."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SpecError(f"percents is {text!r}: give comma-separated numbers from 0 to 100.") from error
