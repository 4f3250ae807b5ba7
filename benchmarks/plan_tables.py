"""The tables of demo/README.md from the results of a plan: python -m benchmarks.plan_tables [RESULTS.parquet].

A plan of several variants gives one table a domain, a plan of one the paper's tables. RESULTS is what `palimpsest
experiments demo/plan.toml --table RESULTS.parquet` wrote; without it the plan "demo" of the store is read. Every cell
is the mean over the seeds, in brackets the lowest and highest of them; shares in percent.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

PLAN = "demo"
LARGEST = 1920
CONCENTRATIONS = ("1", "3", "5", "10", "20", "40", "60")
SHARE_PERCENT = 20.0


def main() -> None:
    """Print every table."""
    options = argparse.ArgumentParser()
    options.add_argument("results", nargs="?", type=Path)
    asked = options.parse_args()
    table = pd.read_parquet(asked.results) if asked.results else _stored()
    if table.empty:
        print("The plan has no results yet: palimpsest experiments demo/plan.toml")
        return
    several = table.loc[table["variant"] != "base", "variant"].nunique() > 1
    for title, lines in (variants if several else tables)(table):
        print(f"\n{title}\n")
        print("\n".join(lines))


def _stored() -> pd.DataFrame:
    from cache.work import Workspace

    return Workspace().plan_results(PLAN)


def tables(table: pd.DataFrame) -> Iterable[tuple[str, list[str]]]:
    """Each with its title, in the paper's order."""
    tuned = table[table["variant"] != "base"]
    base = table[(table["variant"] == "base") & (table["measure"] == "accuracy") & (table["group"] == "macro")]
    told = ", ".join(f"{row.domain} {100 * row.value:.1f} (n = {row.n})" for row in base.itertuples())
    yield "The base in this prompt", [told]
    for domain in ("in", "out"):
        macro = _of(tuned, "accuracy", domain, "macro")
        yield f"Accuracy by size (Figure 2), {domain}", _grid(macro[macro["percent"] == 0], "level", "size")
    by_level = _of(tuned, "accuracy", "in", None)
    by_level = by_level[(by_level["percent"] == 0) & by_level["group"].str.isdecimal()]
    for size in (240, LARGEST):
        chosen = by_level[by_level["size"] == size]
        yield f"By level of the test fact (Table 2), in-domain, {size} samples", _grid(chosen, "level", "group")
    yield "KL, nats (Figure 4)", _grid(_of(tuned, "kl_paper", "in", "4"), "level", "size", _nats)
    yield "Concentration (Table 3), 1,920 samples", _concentration(tuned)
    for domain in ("in", "out"):
        yield f"Restored (Table 4), {domain}-domain", _restored(_of(tuned, "accuracy", domain, "macro"))
    yield "Training set (Table 6)", _restored(_of(tuned, "train_accuracy", "train", "micro"))
    for kind, number in (("layer", 9), ("module", 10)):
        held = _of(tuned, f"restored_{kind}", None, None)
        held = held[(held["percent"] == SHARE_PERCENT) & (held["size"] == LARGEST)]
        held = held[held["strategy"].isin(["", "relative-top"])]
        yield f"Where the restored 20% lies, by {kind} (Table {number}), 1,920", _grid(held, "level", "group")
    for domain in ("in", "out"):
        groups = _of(tuned, "layer_group", domain, None)
        groups = groups[groups["size"] == LARGEST]
        yield f"One layer restored whole (Table 11), 1,920, {domain}-domain", _grid(groups, "level", "group")


def variants(table: pd.DataFrame) -> Iterable[tuple[str, list[str]]]:
    """Ways of fine-tuning on the same facts, each as it is and with some percent restored afterwards."""
    tuned = table[table["variant"] != "base"]
    for domain in ("in", "out"):
        rows = _of(tuned, "accuracy", domain, "macro")
        rows = rows[rows["strategy"].isin(["", "relative-top"])]
        percents, lines = sorted(rows["percent"].unique()), []
        for (level, variant), mine in rows.groupby(["level", "variant"], sort=False):
            own = tuned[(tuned["level"] == level) & (tuned["variant"] == variant)]
            cells = [_percent(mine[mine["percent"] == percent]["value"]) for percent in percents]
            trained = _of(own, "train_accuracy", "train", "micro")
            cells += [
                _percent(trained[trained["percent"] == 0]["value"]),
                _nats(_of(own, "kl_paper", None, None)["value"]),
            ]
            lines.append((f"level {level}, {variant}", cells))
        head = [*(f"{percent:g}% restored" for percent in percents), "facts trained on", "KL, nats"]
        yield f"Ways of fine-tuning, {domain}-domain", _markdown("trained on", head, lines)


def _of(table: pd.DataFrame, measure: str, domain: str | None, group: str | None) -> pd.DataFrame:
    chosen = table[table["measure"] == measure]
    chosen = chosen if domain is None else chosen[chosen["domain"] == domain]
    return chosen if group is None else chosen[chosen["group"] == group]


def _percent(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f} [{100 * values.min():.1f}, {100 * values.max():.1f}]"


def _nats(values: pd.Series) -> str:
    return f"{values.mean():.2f} [{values.min():.2f}, {values.max():.2f}]"


def _grid(
    rows: pd.DataFrame, down: str, across: str, words: Callable[[pd.Series], str] = _percent, head: str = "trained on"
) -> list[str]:
    columns = list(dict.fromkeys(rows[across]))
    columns = sorted(columns) if all(not isinstance(name, str) for name in columns) else columns
    lines = []
    for name, mine in rows.groupby(down, sort=True):
        cells = [mine[mine[across] == column]["value"] for column in columns]
        lines.append((f"level {name}" if down == "level" else str(name), [words(cell) for cell in cells]))
    return _markdown(head, [f"{column:,}" if isinstance(column, int) else str(column) for column in columns], lines)


def _concentration(table: pd.DataFrame) -> list[str]:
    lines = []
    for name, measure in (("", "concentration"), (", null", "concentration_null")):
        rows = _of(table, measure, None, None)
        rows = rows[rows["size"] == LARGEST]
        for level, mine in rows.groupby("level"):
            values = [mine[mine["group"] == percent]["value"] for percent in CONCENTRATIONS]
            lines.append((f"level {level}{name}", [_percent(value) for value in values]))
    return _markdown("share of r in the top", [f"{percent}%" for percent in CONCENTRATIONS], lines)


def _restored(rows: pd.DataFrame) -> list[str]:
    percents = sorted(rows["percent"].unique())
    lines = []
    for (level, size), mine in rows.groupby(["level", "size"]):
        for strategy, name in (("relative-top", ""), ("random", ", random k")):
            if name and size != LARGEST:
                continue
            here = mine[(mine["strategy"] == strategy) | (mine["percent"] == 0)]
            values = [here[here["percent"] == percent]["value"] for percent in percents]
            if any(not value.empty for value in values[1:]):
                cells = [_percent(value) if not value.empty else "" for value in values]
                lines.append((f"level-{level}-{size}{name}", cells))
    return _markdown("tuned model", [f"{percent:g}%" for percent in percents], lines)


def _markdown(head: str, columns: Sequence[str], lines: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    rows = [f"| {name} | {' | '.join(cells)} |" for name, cells in lines]
    return [f"| {head} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|", *rows]


if __name__ == "__main__":
    main()
