"""What of the paper's findings appears in a plan's results, what does not, and what these results cannot tell.

A finding is held to agree only where spreads do not overlap (lowest to highest over runs, or the 95% interval of a
single run); where they overlap it cannot be told. Source of the findings: Ye et al., EMNLP 2025 (arXiv 2509.16596).
Knows the result table; its words are for a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.experiments import agreement_restoring as restoring
from analysis.experiments.claim import Claim, Verdict, named_words, nats_words, spread_words, with_sign
from analysis.experiments.spread import Row, compared, headline, level_name, measured, over_runs, size_name, size_order

if TYPE_CHECKING:
    import pandas as pd

    from analysis.experiments.shape import WeightShares

LOW_LEVELS = ("0", "1")


def claims(table: pd.DataFrame, weights: WeightShares | None = None) -> tuple[Claim, ...]:
    """Every finding, in the order of the paper's tables and figures; a control of ours beside what it controls.

    `weights`: how the model's weights are spread over modules, the control of where restored ones lie.
    """
    return (
        lowest_level(table),
        divergence_turns(table),
        divergence_harms(table),
        concentrated(table),
        restoring.restoring_helps(table),
        restoring.restoring_collapses(table),
        restoring.domains_alike(table),
        restoring.restored_beats_ways(table),
        restoring.beats_random(table),
        restoring.first_most_last_least(table),
        restoring.mlp_most(table, weights),
        restoring.first_layers(table),
    )


def of(table: pd.DataFrame, *where: str, weights: WeightShares | None = None) -> tuple[Claim, ...]:
    """The findings that belong to these tables and figures."""
    return tuple(claim for claim in claims(table, weights) if claim.where in where)


# --- accuracy and size -----------------------------------------------------------------------------------------


def lowest_level(table: pd.DataFrame) -> Claim:
    """Figure 2: of all training levels, level 0 answers least at the largest size that all share."""
    says = "Training on facts the base never got right (level 0) leaves the model with the lowest accuracy."
    rows = _tuned(table, "in")
    size = _shared_size(rows)
    at = rows[rows["size"] == size] if size is not None else rows[:0]
    levels = {row["level"]: row for row in at.to_dict("records")}
    if "0" not in levels or len(levels) < 2:
        return Claim("Figure 2", says, "Needs level 0 and another level at one size.", "missing")
    others = [row for level, row in levels.items() if level != "0"]
    least = min(others, key=lambda row: row["mean"])
    told = f"{named_words(levels['0'])}; the next, {level_name(least['level'])}: {spread_words(least)}."
    told = f"At {size_name(size or 0)} samples {told}"
    return Claim("Figure 2", says, told, _below_all(levels["0"], others))


def _below_all(first: Row, others: Sequence[Row]) -> Verdict:
    orders = [compared(first, other) for other in others]
    if all(order == "below" for order in orders):
        return "agrees"
    return "differs" if "above" in orders else "untold"


# --- divergence ------------------------------------------------------------------------------------------------


def divergence_turns(table: pd.DataFrame) -> Claim:
    """Figure 4: KL of levels 0 and 1 falls from 60 to 240 samples and then rises.

    The paper says "most" of these two; that is not held here, and so not said.
    """
    says = "KL of level-0 and level-1 data falls from 60 to 240 samples and then rises."
    rows = over_runs(measured(table, "kl_paper", strategy="", variant="sft"), ("level", "size"))
    turns = [_turn(rows[rows["level"] == level]) for level in LOW_LEVELS]
    seen = [turn for turn in turns if turn is not None]
    if not seen:
        return Claim("Figures 4 and 5", says, "Needs KL of level 0 or 1 at 60, 240 and a larger size.", "missing")
    verdicts = {verdict for _, verdict in seen}
    verdict: Verdict = "agrees" if verdicts == {"agrees"} else "differs" if "differs" in verdicts else "untold"
    return Claim("Figures 4 and 5", says, " ".join(words for words, _ in seen), verdict)


def _turn(rows: pd.DataFrame) -> tuple[str, Verdict] | None:
    at = {int(row["size"]): row for row in rows.to_dict("records")}
    larger = [size for size in size_order(list(at)) if size > 240]
    if not {60, 240} <= set(at) or not larger:
        return None
    last = at[larger[-1]]
    falls, rises = compared(at[240], at[60]), compared(last, at[240])
    words = (
        f"{level_name(last['level']).capitalize()}: {nats_words(at[60])} nats at 60, {nats_words(at[240])} at 240, "
        f"{nats_words(last)} at {size_name(larger[-1])}."
    )
    if (falls, rises) == ("below", "above"):
        return words, "agrees"
    return words, "differs" if falls == "above" or rises == "below" else "untold"


def divergence_harms(table: pd.DataFrame) -> Claim:
    """Figure 5: accuracy falls as KL rises."""
    from analysis.experiments.association import kl_and_accuracy, rank_correlation

    says = "Accuracy falls as KL rises."
    points = kl_and_accuracy(table)
    found = rank_correlation(points)
    if found is None:
        return Claim("Figures 4 and 5", says, "Needs KL and accuracy of at least four training sets.", "missing")
    estimate, low, high = (with_sign(value, 2) for value in (found.estimate, found.low, found.high))
    told = (
        f"Rank correlation {estimate} [{low}, {high}] over {len(points)} runs of {found.groups} training sets "
        "(95%, training sets resampled)."
    )
    verdict: Verdict = "agrees" if found.high < 0 else "differs" if found.low > 0 else "untold"
    return Claim("Figures 4 and 5", says, told, verdict)


# --- concentration ---------------------------------------------------------------------------------------------


def concentrated(table: pd.DataFrame) -> Claim:
    """Table 3: most of the relative change lies in few parameters; held against the shuffled null.

    More than half must be held in every run, and more than shuffled in every run; one run alone tells nothing.
    """
    says = "The most changed 5% of parameters hold most (82%) of all relative change."
    held = over_runs(measured(table, "concentration", group="5", variant="sft"), ("group",))
    null = over_runs(measured(table, "concentration_null", group="5", variant="sft"), ("group",))
    if not len(held):
        return Claim("Table 3", says, "No profile is measured.", "missing")
    share: Row = held.iloc[0].to_dict()
    told = f"The most changed 5% hold {spread_words(share)} ({_runs(share)})."
    verdict = _above_half(share)
    if not len(null):
        return Claim("Table 3", says, told, verdict)
    chance: Row = null.iloc[0].to_dict()
    told += f" The same changes shuffled against the base values: {spread_words(chance)}"
    if abs(chance["mean"] - share["mean"]) < restoring.BY_CHANCE:
        return Claim("Table 3", says, f"{told}, so that the form of the ratio alone makes as much.", "untold")
    above = verdict != "agrees" or compared(share, chance) == "above"
    return Claim("Table 3", says, f"{told}.", verdict if above else "untold")


def _above_half(share: Row) -> Verdict:
    if share["kind"] != "runs":
        return "untold"
    return "agrees" if share["low"] > 0.5 else "differs" if share["high"] < 0.5 else "untold"


def _runs(row: Row) -> str:
    return f"mean of {int(row['runs'])} runs, lowest to highest" if row["runs"] > 1 else "one run"


# --- shared ---


def _tuned(table: pd.DataFrame, domain: str) -> pd.DataFrame:
    rows = measured(table, "accuracy", strategy="", domain=domain, group=headline(table), variant="sft")
    return over_runs(rows, ("level", "size"))


def _shared_size(rows: pd.DataFrame) -> int | None:
    """The largest size at which level 0 and the most other levels were trained."""
    if not len(rows):
        return None
    counts = rows.groupby("size")["level"].nunique()
    return next((size for size in reversed(size_order(rows["size"])) if counts[size] == counts.max()), None)
