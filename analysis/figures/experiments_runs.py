"""Runs of a plan in words and tables: which lie behind a cell, all of them in one table, the command that makes one.

Knows the result table, and a kept plan's cells for commands; draws nothing.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from analysis.experiments.grid import Cell
from analysis.experiments.plan import Plan
from analysis.experiments.spread import Row, level_name, measured, size_name
from analysis.figures import numbers
from analysis.figures.strategies import strategy_name

PLAIN = "sft"
STATE = ("strategy", "percent", "stop_seed")
RUN = ("cell", "level", "size", "seed", "variant")
HEADLINES = {"in": "in_domain", "out": "out_of_domain"}
DOMAIN_WORDS = {"in": "in-domain", "out": "out-of-domain", "train": "facts trained on"}


class KeyedCell(Protocol):
    """A cell and its digest, as a kept plan holds them."""

    @property
    def cell(self) -> Cell: ...
    @property
    def digest(self) -> str: ...


def behind(table: pd.DataFrame, fields: Mapping[str, Any]) -> pd.DataFrame:
    """The runs behind a cell or point: one row each with `value`, `low`, `high`, n, as the cell's domain has them.

    `fields`: level and size, and where the cell is of a restoration strategy and percent; `domain` as it was shown.
    """
    domain = str(fields.get("domain", "in"))
    measure = "train_accuracy" if domain == "train" else "accuracy"
    group = "micro" if domain == "train" else "macro"
    percent = float(fields.get("percent", 0.0))
    strategy = str(fields.get("strategy", "")) if percent else ""
    variant = str(fields.get("variant", PLAIN))
    rows = measured(table, measure, domain=domain, group=group, strategy=strategy, percent=percent, variant=variant)
    rows = rows[(rows["level"] == str(fields.get("level"))) & (rows["size"] == int(fields.get("size", -1)))]
    return rows.sort_values(["seed", "stop_seed"])


def cell_words(fields: Mapping[str, Any]) -> str:
    """The cell that was clicked: 'level 0, 1,920 samples, top 20% restored, in-domain'."""
    percent = float(fields.get("percent", 0.0))
    parts = [f"{level_name(str(fields.get('level')))}, {size_name(int(fields.get('size', 0)))} samples"]
    if percent:
        parts.append(f"{numbers.percent(percent)} restored by {strategy_name(str(fields.get('strategy')))}")
    if fields.get("variant", PLAIN) != PLAIN:
        parts.append(str(fields["variant"]))
    return ", ".join([*parts, DOMAIN_WORDS[str(fields.get("domain", "in"))]])


def run_words(row: Row) -> str:
    """One run in a line: 'seed 0 · 46.3% [42.0–50.7%] · n = 500'."""
    drawn = f", draw {row['stop_seed']}" if row["strategy"] == "random" else ""
    bounds = numbers.interval((row["low"], row["high"]))
    return f"seed {row['seed']}{drawn} · {numbers.share(row['value'])} [{bounds}] · n = {numbers.count(row['n'])}"


def run_table(table: pd.DataFrame) -> pd.DataFrame:
    """Every run and every restoration of it: what made it, accuracy in- and out-of-domain (0-1), KL (nats), `kept`."""
    wide = _accuracies(table)
    kl = measured(table, "kl_paper").groupby(["cell", *STATE])["value"].first().rename("kl_paper")
    wide = wide.merge(kl, how="left", left_on=["cell", *STATE], right_index=True)
    wide["kept"] = wide["tuned"] != ""
    wide["run"] = [state_words(row) for row in wide.to_dict("records")]
    return wide.sort_values(["size", "level", "variant", "seed", *STATE]).reset_index(drop=True)


def _accuracies(table: pd.DataFrame) -> pd.DataFrame:
    rows = measured(table, "accuracy", group="macro")
    wide = rows[[*RUN, "base", "tuned", *STATE, "effective_percent"]].drop_duplicates(["cell", *STATE])
    for domain, name in HEADLINES.items():
        one = rows[rows["domain"] == domain].set_index(["cell", *STATE])
        parts = one[["value", "low", "high", "n", "evaluation"]]
        parts = parts.rename(columns={part: f"{name}_{part}" for part in parts} | {"value": name})
        wide = wide.merge(parts, how="left", left_on=["cell", *STATE], right_index=True)
    return wide


def state_words(row: Row) -> str:
    """A run and its state, short: 'level 0 · 1,920 · seed 0 · top 20%', or 'base'."""
    if row["variant"] == "base":
        return "base"
    made = [level_name(row["level"]), size_name(row["size"]), f"seed {row['seed']}"]
    made += [row["variant"]] if row["variant"] != PLAIN else []
    if row["percent"]:
        made.append(f"{row['strategy']} {numbers.percent(row['percent'])}")
    return " · ".join(made)


def filtered(
    runs: pd.DataFrame,
    *,
    levels: Sequence[str] = (),
    sizes: Sequence[int] = (),
    variants: Sequence[str] = (),
    strategies: Sequence[str] = (),
) -> pd.DataFrame:
    """The runs of these levels, sizes, variants and ways of restoring; an empty choice keeps all."""
    found = runs
    for column, wanted in (("level", levels), ("size", sizes), ("variant", variants), ("strategy", strategies)):
        found = found[found[column].isin(list(wanted))] if wanted else found
    return found


def find_cell(cells: Sequence[KeyedCell], digest: str) -> Cell | None:
    """The cell of this digest, or None where the plan holds it no more."""
    return next((each.cell for each in cells if each.digest == digest), None)


def command(plan: Plan, cell: Cell | None) -> str:
    """The command that makes this cell's model again, whole paths and all; of the base, the one that asks it."""
    if cell is None:
        return f"# this plan no longer holds that run; see the plan {plan.name}"
    asked = ["--questions", cell.questions, *(["--mastery", cell.mastery] if cell.mastery else [])]
    if cell.kind == "base":
        return _line(["palimpsest", "evaluate", cell.base, *asked, "--prompt", cell.prompt])
    given = ["--learning-rate", f"{cell.learning_rate:g}", "--seed", str(cell.seed), "--prompt", cell.prompt]
    size = ["--size", str(cell.size)] if cell.size else []
    level = ["--level", cell.level] if cell.level.isdecimal() else []
    return _line(["palimpsest", "sft", cell.base, cell.name, *asked, *level, *size, *given, *variant_options(cell)])


def variant_options(cell: Cell) -> list[str]:
    """What names the variant on the command line; nothing for the plain one."""
    variant = cell.variant
    if variant.name == PLAIN:
        return []
    options = ["--variant", variant.name]
    options += ["--strength", f"{variant.strength:g}"] if variant.strength is not None else []
    options += ["--layers", ",".join(map(str, variant.layers))] if variant.layers else []
    options += ["--modules", ",".join(variant.modules)] if variant.modules else []
    return options + (["--every", str(variant.every)] if variant.every else [])


def _line(words: Sequence[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)
