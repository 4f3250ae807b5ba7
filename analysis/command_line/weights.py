"""`palimpsest check`, `profile` and `restore`: what lies between two checkpoints, and a third one in between.

Asks the workspace and prints what it says; counts and writes nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from analysis.command_line import terminal
from analysis.command_line.answers import change_fields, count_rows
from analysis.command_line.options import (
    AmongOption,
    ArithmeticOption,
    Base,
    Json,
    Layers,
    Modules,
    Percents,
    RegionOption,
    ScopeOption,
    Seed,
    Tuned,
)
from analysis.command_line.parsing import read_layers, read_numbers, read_words
from analysis.command_line.product import product_of
from analysis.records import RestoreSpec, Strategy


def check(context: typer.Context, base: Base, tuned: Tuned, as_json: Json = False) -> None:
    """Compare the headers of a pair, before any weight is read; exit 2 when it is not comparable."""
    del as_json  # the object is printed always
    report = product_of(context).workspace().check(base, tuned)
    terminal.show(msgspec.to_builtins(report))
    raise typer.Exit(0 if report.comparable else 2)


def profile(
    context: typer.Context,
    base: Base,
    tuned: Tuned,
    region: RegionOption = "transformer",
    arithmetic: ArithmeticOption = "exact",
    percents: Percents = "1,3,5,10,20,40,60",
    device: Annotated[
        str, typer.Option(help="where weights are counted: cpu, cuda, mps or auto; equal answers")
    ] = "cpu",
    as_json: Json = False,
) -> None:
    """One pass over the pair: how much changed, where, and the threshold of every percentage."""
    product = product_of(context)
    asked = read_numbers(percents)
    pair = product.comparison(base, tuned)
    found = product.workspace().profile(pair, arithmetic, terminal.progress(), device)
    product.workspace().remember(pair)
    answer = {
        "region": region,
        "arithmetic": arithmetic,
        "region_parameters": found.region_parameters(region),
        "changed_fraction": found.changed_fraction(region),
        "percents": msgspec.to_builtins(found.percent_rows(region, asked)),
        "layers": count_rows(found.layers(region, asked)),
        "modules": count_rows(found.modules(region, asked)),
        "tensors": count_rows(found.tensor_rows(region, asked)),
        "seconds": found.seconds,
        "bytes_read": found.bytes_read,
        "peak_rss_bytes": found.peak_rss_bytes,
    }
    terminal.answer(answer, as_json, table="percents")


def restore(
    context: typer.Context,
    base: Base,
    tuned: Tuned,
    out: Annotated[Path, typer.Argument(help="a new folder for the restored checkpoint")],
    percent: Annotated[float, typer.Option(help="how much of the region goes back to the base, 0-100")],
    strategy: Annotated[Strategy, typer.Option(help="which parameters")] = "relative-top",
    region: RegionOption = "transformer",
    scope: ScopeOption = "global",
    layers: Layers = None,
    modules: Modules = None,
    among: AmongOption = "all",
    arithmetic: ArithmeticOption = "exact",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a complete checkpoint with a percentage of the change taken back: the most changed weights, or a blend."""
    product = product_of(context)
    kinds = read_words(modules)
    spec = RestoreSpec(percent, strategy, region, scope, read_layers(layers), arithmetic, seed, kinds, among)
    pair = product.comparison(base, tuned)
    written = product.workspace().write_restored(pair, spec, out, terminal.progress())
    changes = change_fields(product.workspace().count(pair, spec))
    terminal.answer({**asdict(spec), **msgspec.to_builtins(written), **changes, "out": str(out)}, as_json)
