"""The paper's findings on restoring, and on where the restored parameters lie, held against a plan's results.

See agreement.py for when a finding is held to agree. Source of the findings: Ye et al., EMNLP 2025 (arXiv 2509.16596),
Tables 4, 7 and 9 to 11; the random control is ours, and named so. Knows the result table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.experiments.claim import Claim, Verdict, points_words, share_words, spread_words
from analysis.experiments.spread import (
    Row,
    compared,
    headline,
    layers_name,
    level_name,
    measured,
    over_runs,
    size_name,
    size_order,
)

if TYPE_CHECKING:
    import pandas as pd

    from analysis.experiments.shape import WeightShares

TOP, RANDOM = "relative-top", "random"
CONTROL = "Control (ours)"  # where a claim is of that the paper does not make
PAPER_SIZE = 1920
PAPER_LEVELS = ("0", "4")  # whose rows of Table 4a are held
MLP = ("down", "up", "gate")
FEWEST_MOVES = 10  # restorations, before it is said that domains move alike or not
BY_CHANCE = 0.05  # a share this close to what chance puts there is not told from it


def restoring_helps(table: pd.DataFrame) -> Claim:
    """Table 4: restoring 20% raises in-domain accuracy at the paper's size."""
    says = "Restoring the most changed 20% raises accuracy of models trained on 1,920 samples (levels 0 and 4)."
    return _changes(table[table["level"].isin(PAPER_LEVELS)], says, 20.0, expected=1)


def restoring_collapses(table: pd.DataFrame) -> Claim:
    """Table 4: restoring 60% destroys what was learned."""
    says = "Restoring the most changed 60% is too much: accuracy falls below the tuned model's (there, to about 1%)."
    return _changes(table, says, 60.0, expected=-1)


def _changes(table: pd.DataFrame, says: str, percent: float, *, expected: int) -> Claim:
    rows = _paired(table, TOP, percent)
    if not len(rows):
        return Claim("Table 4", says, f"No model is restored at {percent:g}% and asked in-domain.", "missing")
    each = _by_level(rows)
    told = f"{_size_words(rows)}, change at {percent:g}% against the same models at 0%: {_level_words(each, '; ')}."
    return Claim("Table 4", says, told, _shared({_sign(row, expected) for row in each}))


def _sign(row: Row, expected: int) -> Verdict:
    """Whether every run moved as expected; one run alone tells nothing beyond its own interval."""
    if row["kind"] != "runs":
        return "untold"
    if min(expected * row["low"], expected * row["high"]) > 0:
        return "agrees"
    return "differs" if max(expected * row["low"], expected * row["high"]) < 0 else "untold"


def beats_random(table: pd.DataFrame) -> Claim:
    """The control: relative change picks what to restore better than drawing as many at random. Not in the paper."""
    says = "Not a finding of the paper: restoring the most changed answers more than as many drawn at random."
    top, random = _best(table, TOP), _best(table, RANDOM)
    levels = sorted(set(top) & set(random))
    if not levels:
        return Claim(CONTROL, says, "Needs the ranking and the random control at several percentages.", "missing")
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
    return Claim(CONTROL, says, told, verdict)


def restored_beats_ways(table: pd.DataFrame) -> Claim:
    """Table 7: fine-tuned on divided data and restored is better than as fine-tuned, and that better than LoRA."""
    says = (
        "On data divided by mastery, fine-tuning and restoring (62.2%) is better than fine-tuning alone (58.8%), and "
        "that is better than LoRA (57.8%)."
    )
    restored = _paired(table, TOP, 20.0)
    against_lora = _against_lora(table)
    if not len(restored) or not len(against_lora):
        lacks = "Needs plain fine-tuning, the same with 20% restored, and LoRA on the same facts."
        return Claim("Table 7", says, lacks, "missing")
    steps = (("20% restored against fine-tuned", restored), ("fine-tuned against LoRA", against_lora))
    by_level = [(what, _by_level(rows)) for what, rows in steps]
    words = "; ".join(f"{what} {_level_words(rows)}" for what, rows in by_level)
    verdicts = [_shared({_sign(row, 1) for row in rows}) for _, rows in by_level]
    verdict: Verdict = "differs" if "differs" in verdicts else "agrees" if set(verdicts) == {"agrees"} else "untold"
    return Claim("Table 7", says, f"{_size_words(restored)}, same facts and seeds: {words}.", verdict)


def _against_lora(table: pd.DataFrame) -> pd.DataFrame:
    """Plain fine-tuning's accuracy less that of LoRA on the same facts with the same seed, of the size compared."""
    same = ["level", "size", "seed"]
    plain = _compared_size(_accuracy(table, "in", ""))
    lora = measured(table, "accuracy", strategy="", domain="in", group=headline(table), variant="lora")
    both = plain.merge(lora[[*same, "value"]], on=same, suffixes=("", "_lora"))
    return both.assign(value=both["value"] - both["value_lora"], low=float("nan"), high=float("nan"))


def _by_level(rows: pd.DataFrame) -> Sequence[Row]:
    return over_runs(rows, ("level",)).sort_values("level").to_dict("records")


def _level_words(rows: Sequence[Row], between: str = ", ") -> str:
    return between.join(f"{level_name(row['level'])} {points_words(row)}" for row in rows)


def _shared(signs: set[Verdict]) -> Verdict:
    """One verdict of several: what all of them say."""
    return "agrees" if signs == {"agrees"} else "differs" if signs == {"differs"} else "untold"


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
    if len(both) >= FEWEST_MOVES and both["cell"].nunique() > 1:  # one model's stops hang together
        verdict = "agrees" if same >= 0.8 * len(both) else "differs" if same <= 0.2 * len(both) else "untold"
    return Claim("Table 4", says, told, verdict)


# --- places ----------------------------------------------------------------------------------------------------


def first_most_last_least(table: pd.DataFrame) -> Claim:
    """Table 9: of the layers, the first holds more of what is restored than those between, and the last holds less."""
    says = (
        "Of the restored 20%, the first layer holds most (3.77%), and the last holds less (2.84%) than those between "
        "on average (3.11%)."
    )
    rows = measured(table, "restored_layer", strategy=TOP, percent=20.0, variant="sft")
    shares = rows.pivot_table(index="cell", columns="group", values="value")
    layers = sorted(shares.columns, key=int)
    if len(layers) < 3:
        return Claim("Table 9", says, "Needs where the restored 20% lie, of three layers or more.", "missing")
    first, between, last = shares[layers[0]], shares[layers[1:-1]], shares[layers[-1]]
    most = shares.mean().idxmax()
    words = (
        f"Layer {layers[0]} {share_words(first.mean())}, those between {share_words(between.mean().mean())} on "
        f"average, layer {layers[-1]} {share_words(last.mean())} (means of {len(shares)} runs); most in layer {most} "
        f"({share_words(shares[most].mean())})."
    )
    ends = [first - between.max(axis=1), between.mean(axis=1) - last]
    if len(shares) < 2:
        return Claim("Table 9", says, words, "untold")
    if all((end > 0).all() for end in ends):
        return Claim("Table 9", says, words, "agrees")
    return Claim("Table 9", says, words, "differs" if any((end < 0).all() for end in ends) else "untold")


def mlp_most(table: pd.DataFrame, weights: WeightShares | None = None) -> Claim:
    """Table 10: down, up and gate projections hold most of what is restored."""
    says = "Of the restored 20%, the MLP's down, up and gate projections hold most (80.5%)."
    shares = _shares(table, "restored_module")
    mlp = [shares[name] for name in MLP if name in shares]
    if not mlp:
        return Claim("Table 10", says, "Needs where the restored 20% lie, by LLaMA's kinds of module.", "missing")
    told = f"They hold {share_words(sum(mlp))}."
    if weights is None:
        told += " How much of all weights they are is not known here: the base is not on this machine."
        return Claim("Table 10", says, told, "untold" if sum(mlp) > 0.5 else "differs")
    sized = sum(weights.by_module.get(name, 0.0) for name in MLP)
    told += f" They are {share_words(sized)} of the weights, so that a random draw would put as much there"
    if sum(mlp) <= 0.5:  # "most" of all is more than half
        return Claim("Table 10", says, f"{told}: they hold no more than half.", "differs")
    if sum(mlp) > sized + BY_CHANCE:
        return Claim("Table 10", says, f"{told}: they hold more than their share.", "agrees")
    return Claim("Table 10", says, f"{told}: their number alone makes it so.", "untold")


def first_layers(table: pd.DataFrame) -> Claim:
    """Table 11: of groups of layers, the first is the critical one: giving it back moves accuracy furthest.

    Held run by run, so that neither levels nor seeds stand between a group and another.
    """
    says = "Of groups of four layers, the first (0–3) is the critical one: restoring it changes accuracy most."
    rows = _compared_size(measured(table, "layer_group", variant="sft", domain="in"))
    start = _accuracy(table, "in", "").groupby("cell")["value"].first()
    rows = rows.assign(value=rows["value"] - rows["cell"].map(start).astype(float), low=float("nan"), high=float("nan"))
    groups = sorted(set(rows["group"]), key=lambda group: int(str(group).split("-")[0]))
    if len(groups) < 2:
        return Claim("Table 11", says, "Needs at least two groups of layers.", "missing")
    moved = {row["group"]: row for row in over_runs(rows, ("group",)).to_dict("records")}
    words = "; ".join(f"{layers_name(group)} {points_words(moved[group])}" for group in groups)
    paired = _further(rows, groups[0])
    than = "; ".join(
        f"than {layers_name(row['group'])} by {points_words(row)}"
        for row in over_runs(paired, ("group",)).to_dict("records")
    )
    by_level = {level: _furthest(own) for level, own in paired.groupby("level")}
    every = ", ".join(level_name(str(level)) for level, verdict in by_level.items() if verdict == "agrees")
    told = f"{_size_words(rows)}, change with one group restored: {words}. Run by run, restoring"
    told += f" {layers_name(groups[0])} moves it further {than}."
    told += f" Further than every other group in every run of: {every or 'no level'}."
    return Claim("Table 11", says, told, _shared(set(by_level.values())))


def _further(rows: pd.DataFrame, critical: str) -> pd.DataFrame:
    """How much further (fractions) the critical group moves the accuracy of a run than each other group moves it."""
    size = rows.assign(value=rows["value"].abs())
    first = size[size["group"] == critical].groupby("cell")["value"].first()
    others = size[size["group"] != critical].sort_values(
        "group", key=lambda names: names.str.split("-").str[0].astype(int)
    )
    return others.assign(value=others["cell"].map(first).astype(float) - others["value"])


def _furthest(paired: pd.DataFrame) -> Verdict:
    """Of one level: whether every run is moved furthest by the critical group, or further by some other one."""
    signs = {_sign(row, 1) for row in over_runs(paired, ("group",)).to_dict("records")}
    return "differs" if "differs" in signs else _shared(signs)


def _accuracy(table: pd.DataFrame, domain: str, strategy: str) -> pd.DataFrame:
    return measured(table, "accuracy", strategy=strategy, domain=domain, group=headline(table), variant="sft")


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
