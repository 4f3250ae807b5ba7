"""How long cells take, from what earlier cells took: seconds a sample trained on, a question asked. Pure arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.experiments.grid import Cell
    from analysis.experiments.survey import Survey


# Where nothing was measured: only the ratio counts, as weights of progress.
GUESSED_SECONDS = {"train": 0.005, "ask": 0.0015, "profile": 0.5, "kl": 5.0}


@dataclass(frozen=True)
class Rates:
    """Seconds a unit of work by phase ("train": a sample, "ask": a question), and where they are from, in words."""

    seconds: Mapping[str, float]
    source: str

    def of(self, work: Mapping[str, int]) -> float:
        """Seconds of one core's process that this work takes."""
        return sum(self.seconds.get(phase, GUESSED_SECONDS[phase]) * units for phase, units in work.items())


GUESSED = Rates(GUESSED_SECONDS, "nothing measured yet")


@dataclass(frozen=True)
class Estimate:
    """What a run of a plan would take: `missing` of `cells`, wall seconds with so many cells at once, bytes on disk.

    `device`: the kind that cells run on; `idle` accelerators of this machine are asked for by none of them.
    `frees_bytes`: of models of finished cells, which the plan now asks to be packed or dropped.
    """

    cells: int
    missing: int
    seconds: float
    at_once: int
    kept_bytes: int
    free_bytes: int
    source: str
    device: str = "cpu"
    idle: int = 0
    frees_bytes: int = 0


def work_of(cell: Cell, found: Survey) -> dict[str, int]:
    """What a cell does: samples trained on, questions asked, passes, KL measurements."""
    asked = found.asked_in + found.asked_out
    if cell.kind == "base":
        return {"ask": asked}
    everything = sum(found.facts.values()) if cell.level == "all" else max(found.facts.values(), default=0)
    samples = cell.size or everything
    measure = cell.measure
    stops = 1 + sum(1 for spec in cell.stops() if spec.percent)
    groups = -(-found.layers // measure.layer_groups) if measure.layer_groups else 0
    trained = min(samples, measure.train_limit) if measure.train_limit is not None else samples
    return {
        "train": samples * cell.epochs,
        "ask": asked * (stops + groups) + trained * len(measure.train_percents),
        "profile": 1,
        "kl": int(measure.kl),
    }


def rates_from(spent: Iterable[tuple[Mapping[str, float], Mapping[str, int]]], source: str) -> Rates | None:
    """Rates over (seconds, units) by phase of cells that ran; None where there are none."""
    seconds: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for took, did in spent:
        for phase, count in did.items():
            if count:
                seconds[phase] += took.get(phase, 0.0)  # type: ignore[assignment]
                units[phase] += count
    return Rates({phase: seconds[phase] / units[phase] for phase in units}, source) if units else None


def wall_seconds(cells: Iterable[float], at_once: int) -> float:
    """How long cells of these seconds take, so many at once, each begun as soon as a place is free."""
    places = [0.0] * max(1, at_once)
    for seconds in cells:
        places.sort()
        places[0] += seconds
    return max(places)


def told_seconds(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"about {round(seconds)} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
