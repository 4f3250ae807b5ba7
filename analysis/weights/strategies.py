"""The ways to choose what goes back to base, each as an order over the region's parameters.

| strategy | restored first | source |
|---|---|---|
| relative-top | largest r = abs(s - p) / abs(p) | Ye et al., EMNLP 2025 (the paper's) |
| relative-bottom | smallest r | its control |
| random | smallest tie hash of the seed | its control |
| absolute-top | largest abs(s - p) | |
| absolute-bottom | smallest abs(s - p): TIES trimming of one model | arXiv 2306.01708 |
| small-base | smallest abs(p) among the changed | a control: is relative-top just "small weights"? |

The four strategies that rank nothing, blends, are in blends.py.

Knows no weights and no files: kernels.py computes the measure, cuts.py orders by it.
"""

import math
from dataclasses import dataclass
from typing import Literal

from analysis.records import Strategy

TOP, BOTTOM, RANDOM = 1, -1, 0
Measure = Literal["relative", "absolute", "base"]
MEASURES: dict[Measure, int] = {"relative": 0, "absolute": 1, "base": 2}  # the kernels' codes
UNCHANGED: dict[Measure, float] = {"relative": 0.0, "absolute": 0.0, "base": math.inf}  # the key where s = p


@dataclass(frozen=True)
class Ranking:
    """A measure of each weight and the end of it that is restored first; `unchanged` is the key where s = p."""

    measure: Measure
    direction: int

    @property
    def unchanged(self) -> float:
        """The key of weights that did not change: last among small-base, smallest elsewhere."""
        return UNCHANGED[self.measure]

    @property
    def unchanged_first(self) -> bool:
        """Whether weights that did not change are restored before all others."""
        return self.direction == BOTTOM and self.measure != "base"


RANKINGS: dict[Strategy, Ranking] = {
    "relative-top": Ranking("relative", TOP),
    "relative-bottom": Ranking("relative", BOTTOM),
    "random": Ranking("relative", RANDOM),
    "absolute-top": Ranking("absolute", TOP),
    "absolute-bottom": Ranking("absolute", BOTTOM),
    "small-base": Ranking("base", BOTTOM),
}
