"""`palimpsest experiments PLAN.toml`: runs what is missing of a plan, or tells what that would take.

Asks the workspace, prints what it says and writes the table; runs nothing itself.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from analysis.command_line import terminal
from analysis.command_line.options import Json
from analysis.command_line.product import product_of
from analysis.errors import PalimpsestError
from analysis.experiments.estimate import Estimate, told_seconds
from analysis.figures.numbers import storage
from analysis.folders import whole_file

SUFFIXES = (".parquet", ".csv")


def experiments(
    context: typer.Context,
    plan: Annotated[Path, typer.Argument(help="the plan, TOML (see demo/plan.toml)")],
    engine: Annotated[Literal["local", "ray"], typer.Option(help="worker processes here, or a Ray cluster")] = "local",
    address: Annotated[str | None, typer.Option(help="of the Ray cluster, HOST:6379; default: the one here")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="local: cells at once; default: processors")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell cells, time and disk; run nothing")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="take the place of another plan that was run under this name")
    ] = False,
    table: Annotated[Path | None, typer.Option(help="write the table of results: .parquet or .csv")] = None,
    as_json: Json = False,
) -> None:
    """Run what is missing of a plan, cell by cell; stop it at any moment, the same command goes on."""
    from analysis.experiments.plan_file import read_plan
    from analysis.figures.holdings import settled_lines

    _check_table(table)
    asked = read_plan(plan)
    workspace = product_of(context).workspace()
    if dry_run:
        with redirect_stdout(sys.stderr):  # Ray tells of its nodes on standard output
            told = workspace.estimate_plan(
                asked, engine=engine, address=address, workers=workers, progress=terminal.progress()
            )
        terminal.answer({"name": asked.name, **msgspec.to_builtins(told)}, as_json)
        if not as_json:
            print(_sentence(told))
        return
    with redirect_stdout(sys.stderr):  # Ray tells of dead nodes on standard output
        found = workspace.run_plan(
            asked,
            engine=engine,
            address=address,
            workers=workers,
            progress=terminal.progress(),
            replace_other=replace,
        )
    if table is not None:
        _write_table(workspace.plan_results(asked.name), table)
    fields = msgspec.to_builtins(found) | {"table": str(table) if table else None}
    if found.failures:
        for line in settled_lines(found):
            terminal.say(line)
        items = [f"{name}: {reason}" for name, reason in found.failures]
        raise PalimpsestError(
            f"{found.failed} of {found.cells} cells failed; the others are kept, and the same command tries again.",
            code="cells-failed",
            items=items,
        )
    terminal.answer({name: value for name, value in fields.items() if name != "failures"}, as_json)
    if not as_json:
        for line in settled_lines(found):
            print(line)


def _sentence(told: Estimate) -> str:
    disk, free = (f"{count / 1e9:.1f} GB" for count in (told.kept_bytes, told.free_bytes))
    place = "the processor" if told.device == "cpu" else told.device
    idle = f" This machine's accelerators ({told.idle}) are not asked for: run.gpus = 1 uses them." if told.idle else ""
    return (
        f"{told.missing} of {told.cells} cells to run on {place}, {told.at_once} at once: {told_seconds(told.seconds)} "
        f"(estimated from {told.source}), about {disk} on disk ({free} free).{idle}"
        + (f" Models of finished cells give back about {storage(told.frees_bytes)}." if told.frees_bytes else "")
    )


def _check_table(table: Path | None) -> None:
    if table is not None and table.suffix not in SUFFIXES:
        raise PalimpsestError(f"{table} is neither .parquet nor .csv: give a name that ends so.", code="output")


def _write_table(results: Any, table: Path) -> None:
    from analysis.report.tables import csv_text

    try:
        with whole_file(table) as partial:
            if table.suffix == ".csv":
                partial.write_text(csv_text(results), "utf-8")
            else:
                results.to_parquet(partial, index=False)
    except OSError as error:
        raise PalimpsestError(f"{table} could not be written: {error.strerror}.", code="output") from error
