"""The paper's findings on restoring, and on where the restored parameters lie, held against a plan's results.

See agreement.py for when a finding is held to agree. Source of the findings: Ye et al., EMNLP 2025 (arXiv 2509.16596),
Tables 4, 7 and 9 to 11. Knows the result table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.experiments.claim import Claim, Verdict, points_words, share_words, spread_words
from analysis.experiments.spread import Row, compared, level_name, measured, over_runs, size_name, size_order

if TYPE_CHECKING:
    import pandas as pd

    from analysis.experiments.shape import WeightShares

TOP, RANDOM = "relative-top", "random"
PAPER_SIZE = 1920
MLP = ("down", "up", "gate")
FEWEST_MOVES = 10  # restorations, before it is said that domains move alike or not
BY_CHANCE = 0.05  # a share this close to what chance puts there is not told from it


def restoring_helps(table: pd.DataFrame) -> Claim:
    """Table 4: restoring 20% raises in-domain accuracy at the paper's size."""
    says = "Restoring the most changed 20% raises accuracy of models trained on 1,920 samples (levels 0 and 4)."
    return _changes(table, says, 20.0, expected=1)


def restoring_collapses(table: pd.DataFrame) -> Claim:
    """Table 4: restoring 60% destroys what was learned."""
    says = "Restoring the most changed 60% is too much: accuracy falls below the tuned model's (there, to about 1%)."
    return _changes(table, says, 60.0, expected=-1)


def _changes(table: pd.DataFrame, says: str, percent: float, *, expected: int) -> Claim:
    rows = _paired(table, TOP, percent)
    if not len(rows):
        return Claim("Table 4", says, f"No model is restored at {percent:g}% and asked in-domain.", "missing")
    each = over_runs(rows, ("level",)).sort_values("level")
    words = "; ".join(f"{level_name(row['level'])} {points_words(row)}" for row in each.to_dict("records"))
    signs = {_sign(row, expected) for row in each.to_dict("records")}
    verdict: Verdict = "agrees" if signs == {"agrees"} else "differs" if signs == {"differs"} else "untold"
    told = f"{_size_words(rows)}, change at {percent:g}% against the same models at 0%: {words}."
    return Claim("Table 4", says, told, verdict)


def _sign(row: Row, expected: int) -> Verdict:
    """Whether every run moved as expected; one run alone tells nothing beyond its own interval."""
    if row["kind"] != "runs":
        return "untold"
    if min(expected * row["low"], expected * row["high"]) > 0:
        return "agrees"
    return "differs" if max(expected * row["low"], expected * row["high"]) < 0 else "untold"


def beats_random(table: pd.DataFrame) -> Claim:
    """Table 7 and the control: relative change picks what to restore better than drawing as many at random."""
    says = "It matters which parameters are restored: the most changed, not as many drawn at random."
    top, random = _best(table, TOP), _best(table, RANDOM)
    levels = sorted(set(top) & set(random))
    if not levels:
        return Claim("Table 7", says, "Needs the ranking and the random control at several percentages.", "missing")
    words = "; ".join(
        f"{level_name(level)}: {spread_words(top[level])} at {top[level]['percent']:g}%, at random "
        f"{spread_words(random[level])} at {random[level]['percent']:g}%"
        for level in levels
    )
    orders = [compared(top[level], random[level]) for level in levels]
    verdict: Verdict = "untold"
    if all(order == "above" for order in orders):
        verdict = "agrees"
    elif all(order == "below" for order in orders):
        verdict = "differs"
    size = _size_words(_compared_size(_accuracy(table, "in", TOP)))
    told = f"{size}, best percentage of each (the best of several looks better than it is): {words}."
    return Claim("Table 7", says, told, verdict)


def _best(table: pd.DataFrame, strategy: str) -> dict[str, Row]:
    """By training level, the percentage with the highest mean at the size compared."""
    rows = _compared_size(_accuracy(table, "in", strategy))
    if not len(rows):
        return {}
    joined = over_runs(rows, ("level", "percent"))
    chosen = joined.loc[joined.groupby("level")["mean"].idxmax()]
    return {row["level"]: row for row in chosen.to_dict("records")}


def domains_alike(table: pd.DataFrame) -> Claim:
    """Table 4: out-of-domain accuracy moves like in-domain accuracy when restoring."""
    says = "Out-of-domain accuracy moves like in-domain accuracy."
    both = _paired(table, TOP, None, "in").merge(
        _paired(table, TOP, None, "out"), on=["cell", "level", "percent"], suffixes=("", "_out")
    )
    if not len(both):
        return Claim("Table 4", says, "Needs restorations asked in both domains.", "missing")
    size = _size_words(both)
    both = both[(both["value"] != 0) & (both["value_out"] != 0)]
    same = int(((both["value"] > 0) == (both["value_out"] > 0)).sum())
    told = (
        f"{size}, both domains moved the same way in {same} of the {len(both)} restorations that moved both (several "
        "of each model)."
    )
    verdict: Verdict = "untold"
    if len(both) >= FEWEST_MOVES:
        verdict = "agrees" if same >= 0.8 * len(both) else "differs" if same <= 0.2 * len(both) else "untold"
    return Claim("Table 4", says, told, verdict)


# --- places ----------------------------------------------------------------------------------------------------


def ends_most(table: pd.DataFrame) -> Claim:
    """Table 9: of the layers, the first and the last hold most of what is restored."""
    says = "Of the restored 20%, the first layer holds most, then the last; between them it is flat."
    shares = _shares(table, "restored_layer")
    if len(shares) < 3:
        return Claim("Table 9", says, "Needs where the restored 20% lie, of three layers or more.", "missing")
    ordered = sorted(shares, key=lambda group: -shares[group])
    first, last = min(shares, key=int), max(shares, key=int)
    words = ", ".join(f"layer {group} {share_words(shares[group])}" for group in ordered[:4])
    verdict: Verdict = "agrees" if ordered[:2] == [first, last] else "untold" if first in ordered[:2] else "differs"
    return Claim("Table 9", says, f"Most: {words}.", verdict)


def mlp_most(table: pd.DataFrame, weights: WeightShares | None = None) -> Claim:
    """Table 10: down, up and gate projections hold most of what is restored."""
    says = "Of the restored 20%, the MLP's down, up and gate projections hold most (80.5%)."
    shares = _shares(table, "restored_module")
    mlp = [shares[name] for name in MLP if name in shares]
    if not mlp:
        return Claim("Table 10", says, "Needs where the restored 20% lie, by LLaMA's kinds of module.", "missing")
    told = f"They hold {share_words(sum(mlp))}."
    if weights is None:
        return Claim("Table 10", says, told, "agrees" if sum(mlp) > 0.5 else "differs")
    sized = sum(weights.by_module.get(name, 0.0) for name in MLP)
    told += f" They are {share_words(sized)} of the weights, so that a random draw would put as much there"
    if sum(mlp) > sized + BY_CHANCE:
        return Claim("Table 10", says, f"{told}: they hold more than their share.", "agrees")
    return Claim("Table 10", says, f"{told}: their number alone makes it so.", "untold")


def first_layers(table: pd.DataFrame) -> Claim:
    """Table 11: of groups of layers, the first is the critical one."""
    says = "Of groups of four layers, restoring the first (0–3) matters most."
    rows = measured(table, "layer_group", variant="sft", domain="in")
    start = _accuracy(table, "in", "").groupby("cell")["value"].first()
    rows = rows.assign(value=rows["value"] - rows["cell"].map(start).astype(float), low=float("nan"), high=float("nan"))
    rows = over_runs(rows, ("group",))
    if len(rows) < 2:
        return Claim("Table 11", says, "Needs at least two groups of layers.", "missing")
    groups = {row["group"]: row for row in rows.to_dict("records")}
    first = min(groups, key=lambda group: int(str(group).split("-")[0]))
    words = "; ".join(f"layers {group} {points_words(row)}" for group, row in groups.items())
    orders = [compared(groups[first], row) for group, row in groups.items() if group != first]
    verdict: Verdict = "untold"
    if all(order == "below" for order in orders) or all(order == "above" for order in orders):
        verdict = "agrees"
    told = f"Change of accuracy with one group restored, over all training sets: {words}."
    return Claim("Table 11", says, told, verdict)


def _accuracy(table: pd.DataFrame, domain: str, strategy: str) -> pd.DataFrame:
    return measured(table, "accuracy", strategy=strategy, domain=domain, group="macro", variant="sft")


def _compared_size(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one size: the paper's 1,920 where it was run, else the largest."""
    sizes = size_order(rows["size"]) if len(rows) else []
    if not sizes:
        return rows
    return rows[rows["size"] == (PAPER_SIZE if PAPER_SIZE in sizes else sizes[-1])]


def _size_words(rows: pd.DataFrame) -> str:
    return f"At {size_name(rows['size'].iloc[0])} samples"


def _paired(table: pd.DataFrame, strategy: str, percent: float | None, domain: str = "in") -> pd.DataFrame:
    """Changes of accuracy (fractions) against the same cells at 0%, of the size compared."""
    start = _accuracy(table, domain, "").groupby("cell")["value"].first()
    rows = _compared_size(_accuracy(table, domain, strategy))
    rows = rows if percent is None else rows[rows["percent"] == percent]
    return rows.assign(value=rows["value"] - rows["cell"].map(start).astype(float), low=float("nan"), high=float("nan"))


def _shares(table: pd.DataFrame, measure: str) -> dict[str, float]:
    rows = measured(table, measure, strategy=TOP, percent=20.0, variant="sft")
    return {str(group): float(value) for group, value in rows.groupby("group")["value"].mean().items()}
