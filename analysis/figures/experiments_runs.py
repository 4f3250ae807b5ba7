"""Runs of a plan in words and tables: which lie behind a cell, all of them in one table, two of them compared.

Knows the result table; draws nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.experiments.spread import PLAIN, Row, headline, layers_name, level_name, measured, size_name, variant_of
from analysis.figures import numbers
from analysis.figures.experiments import PAPER_GROUP, variant_name
from analysis.figures.strategies import strategy_name
from analysis.records import Change, Flips

SIGNIFICANT = 0.05
MISSING_SHOWN = 8
ASKED = ("accuracy", "train_accuracy", "layer_group")  # measures that have a domain
BY_STOP = ("accuracy", "train_accuracy", "restored_layer", "restored_module")  # and those of a stop that a mark names
STATE = ("strategy", "percent", "stop_seed")
RUN = ("cell", "level", "size", "seed", "variant")
HEADLINES = {"in": "in_domain", "out": "out_of_domain"}
DOMAIN_WORDS = {"in": "in-domain", "out": "out-of-domain", "train": "facts trained on"}


def behind(table: pd.DataFrame, fields: Mapping[str, Any]) -> pd.DataFrame:
    """The runs behind a cell or point: one row each with `value`, `low`, `high`, n, of just the number it shows.

    `fields`: what the mark names of level, size, seed, variant, strategy, percent, measure and group; what it does not
    name is the headline accuracy of the tuned model, over all training sets and seeds of the table's way of training.
    `domain` as it was shown.
    """
    domain, measure = _asked(fields)
    told: dict[str, object] = {"variant": str(fields.get("variant") or variant_of(table))}
    told["group"] = str(fields.get("group") or ("micro" if domain == "train" else headline(table)))
    told |= {"domain": domain} if measure in ASKED else {}
    if measure in BY_STOP:
        percent = float(fields.get("percent", 0.0))
        told |= {"percent": percent, "strategy": str(fields.get("strategy", "")) if percent else ""}
    told |= {"level": str(fields["level"])} if "level" in fields else {}
    told |= {name: int(fields[name]) for name in ("size", "seed") if name in fields}
    return measured(table, measure, **told).sort_values(["size", "level", "seed", "stop_seed"])


def _asked(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Domain and measure of a mark."""
    domain = str(fields.get("domain", "in"))
    return domain, str(fields.get("measure") or ("train_accuracy" if domain == "train" else "accuracy"))


def is_papers(fields: Mapping[str, Any]) -> bool:
    """Whether the mark holds a number of the paper, which no run of a plan made."""
    return fields.get("group") == PAPER_GROUP


def cell_words(fields: Mapping[str, Any]) -> str:
    """The cell that was clicked: 'level 0, 1,920 samples, 20% restored by largest relative change first, in-domain'."""
    domain, measure = _asked(fields)
    percent = float(fields.get("percent", 0.0)) if measure in BY_STOP else 0.0
    parts = [level_name(str(fields["level"]))] if "level" in fields else ["all training sets"]
    parts += [f"{size_name(int(fields['size']))} samples"] if "size" in fields else []
    parts += [f"seed {int(fields['seed'])}"] if "seed" in fields else []
    if percent:
        parts.append(f"{numbers.percent(percent)} restored by {strategy_name(str(fields.get('strategy')))}")
    if fields.get("variant", PLAIN) != PLAIN:
        parts.append(variant_name(str(fields["variant"])))
    parts += _number_words(measure, str(fields.get("group") or ""))
    return ", ".join([*parts, *([DOMAIN_WORDS[domain]] if measure in ASKED else [])])


def _number_words(measure: str, group: str) -> list[str]:
    """What number of a run a mark shows, where it is not the headline."""
    if measure == "accuracy":
        return [f"asked about facts of level {group}"] if group.isdecimal() else []
    words = {
        "kl_paper": "KL at the first answer token, ten largest logits",
        "kl_full": "KL at the first answer token, whole vocabulary",
        "concentration": f"relative change in the top {group}%",
        "concentration_null": f"relative change in the top {group}%, shuffled (null)",
        "restored_layer": f"share of the restored in layer {group}",
        "restored_module": f"share of the restored in {group}",
        "layer_group": f"{layers_name(group)} restored",
    }
    return [words[measure]] if measure in words else []


def run_words(row: Row, *, named: bool = False) -> str:
    """One run in a line: 'seed 0 · 46.3% [42.0–50.7%] · n = 500'; `named`: with what it was trained on."""
    drawn = f", draw {row['stop_seed']}" if row["strategy"] == "random" else ""
    made = [level_name(row["level"]), size_name(row["size"])] if named else []
    nats = str(row.get("measure", "")).startswith("kl_")
    value = f"{row['value']:.3f} nats" if nats else numbers.share(row["value"])
    if row.get("measure", "accuracy") in (*ASKED, "kl_paper", "kl_full"):
        value += f" [{_nats_interval(row) if nats else numbers.interval((row['low'], row['high']))}]"
        value += f" · n = {numbers.count(row['n'])}" if row["n"] > 0 else ""
    return " · ".join([*made, f"seed {row['seed']}{drawn}", value])


def _nats_interval(row: Row) -> str:
    return numbers.MISSING if row["low"] != row["low"] else f"{row['low']:.3f}–{row['high']:.3f}"


def run_table(table: pd.DataFrame) -> pd.DataFrame:
    """Every run and every restoration of it: what made it, accuracy in- and out-of-domain (0-1), KL (nats), `kept`."""
    wide = _accuracies(table)
    kl = measured(table, "kl_paper").groupby(["cell", *STATE])["value"].first().rename("kl_paper")
    wide = wide.merge(kl, how="left", left_on=["cell", *STATE], right_index=True)
    wide["kept"] = wide["tuned"] != ""
    wide.insert(0, "run", [state_words(row) for row in wide.to_dict("records")])
    return wide.sort_values(["size", "level", "variant", "seed", *STATE]).reset_index(drop=True)


def runs_words(shown: int, total: int) -> str:
    """The table of runs in a sentence, with the caveat of whoever looks for the highest of them."""
    return (
        f"{numbers.count(shown)} of {numbers.count(total)} runs and restorations of runs, one a line, each with its "
        "95% interval over the questions. The highest of many looks better than it is."
    )


def _accuracies(table: pd.DataFrame) -> pd.DataFrame:
    rows = measured(table, "accuracy", group=headline(table))
    wide = rows[[*RUN, "base", "tuned", *STATE, "effective_percent"]].drop_duplicates(["cell", *STATE])
    for domain, name in HEADLINES.items():
        one = rows[rows["domain"] == domain].set_index(["cell", *STATE])
        parts = one[["value", "low", "high", "n", "evaluation"]]
        parts = parts.rename(columns={part: f"{name}_{part}" for part in parts} | {"value": name})
        wide = wide.merge(parts, how="left", left_on=["cell", *STATE], right_index=True)
    return wide


def run_id(row: Row) -> str:
    """What tells a run and its state from others, short: the start of its cell's digest, and its stop."""
    return f"{row['cell'][:12]}.{row['strategy']}.{row['percent']:g}.{row['stop_seed']}"


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

    Where a plan has one seed alone, no seeds are told. `cells`: one row a cell, with level, size, variant and state.
    """
    tuned = cells[cells["variant"] != "base"]
    told = []
    for _, group in tuned.groupby(["size", "level", "variant"]):
        size, level, variant = (group[column].iloc[0] for column in ("size", "level", "variant"))
        missing = int((group["state"] != "done").sum())
        name = f"{level_name(level)} · {size_name(size)}" + (f" · {variant}" if variant != PLAIN else "")
        told += [name + (f" ({missing} of {len(group)} seeds)" if len(group) > 1 else "")] if missing else []
    return "; ".join(told[:MISSING_SHOWN]) + (f"; and {len(told) - MISSING_SHOWN} more" * (len(told) > MISSING_SHOWN))


def running_words(cells: pd.DataFrame) -> str:
    """Which cells of a plan are measured right now: 'base; level 4 · 60 · seed 0'; empty where none is."""
    rows = cells[cells["state"] == "running"].to_dict("records")
    told = [state_words(row | {"percent": 0}) for row in rows[:MISSING_SHOWN]]
    return "; ".join(told) + (f"; and {len(rows) - MISSING_SHOWN} more" * (len(rows) > MISSING_SHOWN))


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
    told = "unlikely to be chance" if is_told(flips) else f"not distinguishable at n = {numbers.count(n)}"
    by = (
        " by this exact test, whatever the intervals" if not is_told(flips) and _any_leaves_out_0(change, macro) else ""
    )
    return " ".join([*parts, f"McNemar {numbers.probability(flips.mcnemar_p)}: {told}{by}."])


def _any_leaves_out_0(*changes: Change | None) -> bool:
    bounds = [change.interval95 for change in changes if change is not None]
    return any(low > 0 or high < 0 for low, high in bounds)


def _change_words(change: Change) -> str:
    low, high = (numbers.signed(100 * bound) for bound in change.interval95)
    return f"{numbers.points(change.estimate)} [{low} to {high}]"
