"""`palimpsest question ...`: what the paper leaves open, asked of a pair, a base or the demo world.

Knows neither cache nor pages: cli.py hands the workspace in. The answers are the stored ones that the pages show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from analysis import terminal
from analysis.errors import SpecError

if TYPE_CHECKING:
    import pandas as pd

Json = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
Questions = Annotated[str, typer.Option(help="the questions; their train split is trained on")]
Mastery = Annotated[str | None, typer.Option(help="the base's mastery of each fact (parquet)")]
Seed = Annotated[int, typer.Option(help="of every random choice, stored with the result")]
Percents = Annotated[str, typer.Option(help="how much is restored, comma-separated percentages")]
Rate = Annotated[
    float | None, typer.Option(help="at the peak of the cosine; default: the paper's 1e-5, for the demo's base 3e-4")
]


def commands(workspace: Callable[[], Any], asking: Callable[..., Any], comparison: Callable[[str, str], Any]) -> Any:
    """The subcommands over this workspace; `asking` and `comparison` make what it is asked with."""
    app = typer.Typer(help="The questions the paper leaves open.", no_args_is_help=True)

    @app.command()
    def gradients(
        base: Annotated[str, typer.Argument(help="the base: a local folder or a Hugging Face id")],
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

        settings = GradientSettings(_whole(levels, "levels"), samples, groups, seed=seed)
        asked = asking(questions, mastery=mastery)
        report = workspace().gradients(
            comparison(base, tuned),
            asked,
            settings,
            at=at,
            percents=_numbers(percents),
            progress=terminal.progress(),
        )
        found = report.gathered
        answer = {
            "at": at,
            "samples_a_level": settings.n,
            "groups": settings.groups,
            "seed": seed,
            "levels": _rows(tables.level_table(found)),
            "layers": _rows(tables.norm_table(found, "layer")),
            "modules": _rows(tables.norm_table(found, "module")),
            "cosines": _rows(tables.cosine_table(found)),
            "overlaps": [_plain(asdict(one)) for one in report.overlaps],
        }
        terminal.answer(answer, as_json, table="levels")
        if not as_json:
            for table in ("cosines", "overlaps"):
                terminal.answer({table: answer[table]}, as_json, table=table)

    @app.command()
    def skill(
        base: Annotated[str, typer.Argument(help="the base: a local folder or a Hugging Face id")],
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

        settings = SkillSettings(
            skill=name,
            examples=examples,
            facts=facts,
            level=level,
            seed=seed,
            learning_rate=learning_rate or workspace().usual_learning_rate(base),
            percents=_numbers(percents),
            random_seeds=_whole(random_seeds, "random_seeds"),
            test=test,
            fact_limit=limit,
        )
        report = workspace().skill(base, asking(questions, mastery=mastery), settings, terminal.progress())
        told = {"tuned": report.tuned, "commonest_answer": report.chance, "settings": asdict(settings)}
        terminal.answer({**told, "rows": _rows(report.table)}, as_json, table="rows")

    @app.command()
    def planted(
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
            sizes=_whole(sizes, "sizes"),
            seeds=_whole(seeds, "seeds"),
            learning_rate=learning_rate,
            percents=_numbers(percents),
        )
        report = workspace().planted(settings, terminal.progress())
        answer = {
            "base": report.base,
            "planting": _rows(report.planting),
            "states": _rows(report.states),
            "rank_correlations": _rows(rank_correlations(report.states)),
            "settings": asdict(settings),
        }
        terminal.answer(answer, as_json, table="states")
        if not as_json:
            terminal.answer({"found": answer["rank_correlations"]}, as_json, table="found")

    @app.command()
    def task(
        base: Annotated[str, typer.Argument(help="the base: a local folder or a Hugging Face id")],
        tuned: Annotated[str, typer.Argument(help="the model fine-tuned from it")],
        file: Annotated[Path, typer.Argument(help="lm-eval's YAML with its documents beside it, or their folder")],
        percents: Percents = "5,20,40",
        random_seeds: Annotated[str, typer.Option(help="of the random control, comma-separated")] = "0",
        limit: Annotated[int | None, typer.Option(min=1, help="ask the first so many documents only")] = None,
        seed: Annotated[int, typer.Option(help="of the few-shot examples")] = 0,
        dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16")] = "auto",
        as_json: Json = False,
    ) -> None:
        """What restoration costs elsewhere: a task in lm-eval's format (GSM8K, XSum, your own), from local files."""
        from analysis.records import RestoreSpec

        asked = _numbers(percents)
        specs = [RestoreSpec(percent) for percent in asked]
        specs += [
            RestoreSpec(percent, "random", seed=drawn)
            for drawn in _whole(random_seeds, "random_seeds")
            for percent in asked
        ]
        report = workspace().task(
            comparison(base, tuned), file, specs, limit=limit, seed=seed, dtype=dtype, progress=terminal.progress()
        )
        told = {"task": report.name, "documents": report.n, "shots": report.shots}
        terminal.answer({**told, "rows": _rows(report.table)}, as_json, table="rows")

    return app


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SpecError(f"percents is {text!r}: give comma-separated numbers from 0 to 100.") from error


def _whole(text: str, name: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not part.isdigit()]
    if wrong or not parts:
        raise SpecError(f"{name} wants comma-separated whole numbers.", items=wrong or ["nothing given"])
    return tuple(int(part) for part in parts)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as JSON takes them: what is missing is null."""
    return [_plain(row) for row in table.to_dict("records")]


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): None if value != value else value for name, value in row.items()}  # NaN alone is not itself
