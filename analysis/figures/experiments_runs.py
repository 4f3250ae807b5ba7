"""Runs of a plan in words and tables: which lie behind a cell, all of them in one table, two of them compared.

Knows the result table; draws nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.experiments.spread import Row, level_name, measured, size_name
from analysis.figures import numbers
from analysis.figures.strategies import strategy_name
from analysis.records import Change, Flips

PLAIN = "sft"
SIGNIFICANT = 0.05
MISSING_SHOWN = 8
STATE = ("strategy", "percent", "stop_seed")
RUN = ("cell", "level", "size", "seed", "variant")
HEADLINES = {"in": "in_domain", "out": "out_of_domain"}
DOMAIN_WORDS = {"in": "in-domain", "out": "out-of-domain", "train": "facts trained on"}


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


def missing_words(cells: pd.DataFrame) -> str:
    """Which training sets of a plan are still to be measured: 'level 4 · 60 (1 of 3 seeds)'; empty where none is.

    `cells`: one row a cell, with level, size, variant and state.
    """
    tuned = cells[cells["variant"] != "base"]
    told = []
    for _, group in tuned.groupby(["size", "level", "variant"]):
        size, level, variant = (group[column].iloc[0] for column in ("size", "level", "variant"))
        missing = int((group["state"] != "done").sum())
        name = f"{level_name(level)} · {size_name(size)}" + (f" · {variant}" if variant != PLAIN else "")
        told += [f"{name} ({missing} of {len(group)} seeds)"] if missing else []
    return "; ".join(told[:MISSING_SHOWN]) + (f"; and {len(told) - MISSING_SHOWN} more" * (len(told) > MISSING_SHOWN))


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


def is_told(flips: Flips) -> bool:
    """Whether the flips are unlikely to be chance."""
    return flips.mcnemar_p < SIGNIFICANT


def compared_words(n: int, change: Change, macro: Change | None, flips: Flips) -> str:
    """What two runs of the same questions differ in, in a sentence that says no more than the interval and the test."""
    parts = [f"n = {numbers.count(n)}, the same questions. Share right: {_change_words(change)}."]
    if macro is not None:
        parts.append(f"Mean over mastery levels: {_change_words(macro)}.")
    p = numbers.probability(flips.mcnemar_p)
    unlikely = "unlikely to be chance" if is_told(flips) else "no difference that so few changes can show"
    return " ".join([*parts, f"McNemar {p}: {unlikely}."])


def _change_words(change: Change) -> str:
    low, high = (100 * bound for bound in change.interval95)
    return f"{numbers.points(change.estimate)} [{low:+.1f} to {high:+.1f}]"
