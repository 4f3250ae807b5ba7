"""The ways to choose what goes back to base, each as an order over the region's parameters.

| strategy | restored first | source |
|---|---|---|
| relative-top | largest r = |s - p| / |p| | Ye et al., EMNLP 2025 (the paper's) |
| relative-bottom | smallest r | its control |
| random | smallest tie hash of the seed | its control |

Knows no weights and no files: kernels.py compares keys by the direction given here.
"""

from analysis.records import Strategy

TOP, BOTTOM, RANDOM = 1, -1, 0
DIRECTIONS: dict[Strategy, int] = {"relative-top": TOP, "relative-bottom": BOTTOM, "random": RANDOM}
