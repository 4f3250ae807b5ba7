"""Records of a sweep: restorations (weights) with what the restored model answers (knowledge)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from analysis.records.knowledge import Change, Evaluation, Flips, ThreeWay
from analysis.records.weights import RestoreCount, RestoreSpec


@dataclass(frozen=True)
class Stop:
    """A slider position with its result; `three_way` where the base was asked the same.

    `macro_change`: restored minus tuned, of the five-level mean (contains), by domain and over "all"; a paired
    bootstrap. Empty without levels.
    """

    spec: RestoreSpec
    count: RestoreCount
    evaluation: Evaluation
    versus_tuned: Flips
    three_way: ThreeWay | None = None
    macro_change: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The stop chosen on one part of the questions and reported on another (contains, shares 0-1).

    `chosen_on` says which part chose: the dataset's dev split ("dev", and the report is over all that was asked), or
    the half of the questions that a hash of their ids picks ("half"; the report is over the other half).
    `choose_accuracy` is the best stop's where it was chosen: the best of several looks better than it is, and
    `optimism` is choose_accuracy - report_accuracy. `report95` is Wilson's.
    """

    choose_n: int
    choose_best_percent: float
    report_n: int
    report_accuracy: float
    optimism: float
    chosen_on: Literal["dev", "half"] = "half"
    choose_accuracy: float | None = None
    report95: tuple[float, float] | None = None


@dataclass(frozen=True)
class SweepReport:
    """Every stop of a sweep beside base and tuned asked the same."""

    stops: tuple[Stop, ...]
    base: Evaluation
    tuned: Evaluation
    choice: Choice | None
