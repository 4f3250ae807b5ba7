"""The sequential colour scale of token disagreement: quantised, one hue family, readable in light and in dark.

Twelve classes from near the page's background to its opposite, made in OKLCH (even steps of lightness, hue from pink
to violet): order survives any colour blindness, since it is carried by lightness alone, and the hue is none of the
three models'. Each class has an ink of at least 4.5:1 on it. Knows no record and no streamlit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.figures.style import Paper

Spacing = Literal["linear", "log"]
CLASSES = 12
LOG_DECADES = 3.0  # a log scale reaches from its top down to a thousandth of it; smaller values share the first class

COLOURS: dict[Paper, tuple[str, ...]] = {
    "light": (
        *("#FEF4F7", "#FFD9E9", "#FDBCDE", "#F4A1D6", "#E687CE", "#D46FC7"),
        *("#BE5ABD", "#A647B2", "#8D37A3", "#732B91", "#59217B", "#401A61"),
    ),
    "dark": (
        *("#241A31", "#41215A", "#5E297E", "#773293", "#913CA4", "#AB48B2"),
        *("#C457BD", "#DB69C6", "#F07CCD", "#FE95D3", "#FEB7D8", "#FFD4E3"),
    ),
}
INKS: dict[Paper, tuple[str, ...]] = {
    "light": (*["#1A1020"] * 7, *["#FFFFFF"] * 5),
    "dark": (*["#FFFFFF"] * 6, *["#000000"] * 6),
}


@dataclass(frozen=True)
class HeatScale:
    """Where each colour class begins; `edges` has CLASSES + 1 values in nats, rising, from 0 to the clip.

    Values beyond the last edge share the last class; `clipped` counts them.
    """

    edges: tuple[float, ...]
    spacing: Spacing
    clip_percentile: float
    clipped: int

    def colour_class(self, value: float | None) -> int:
        """0 to CLASSES - 1, or -1 for a value that is missing."""
        if value is None or math.isnan(value):
            return -1
        return min(max(bisect_right(self.edges, value) - 1, 0), CLASSES - 1)


def heat_scale(values: Sequence[float], *, spacing: Spacing = "linear", clip_percentile: float = 100.0) -> HeatScale:
    """One scale over all `values` (nats, >= 0), its top at the given percentile (100: the largest value)."""
    ordered = sorted(value for value in values if math.isfinite(value))
    top = _percentile(ordered, clip_percentile) or 1.0  # nothing, or nothing but zeros: any scale will do
    return HeatScale(_edges(top, spacing), spacing, clip_percentile, sum(value > top for value in values))


def _edges(top: float, spacing: Spacing) -> tuple[float, ...]:
    if spacing == "linear":
        return tuple(top * step / CLASSES for step in range(CLASSES + 1))
    lowest = -LOG_DECADES
    inner = [10 ** (lowest * (1 - step / (CLASSES - 1))) for step in range(CLASSES)]
    return (0.0, *(top * share for share in inner))


def _percentile(ordered: Sequence[float], percentile: float) -> float:
    if not ordered:
        return 0.0
    at = math.ceil(percentile / 100 * len(ordered)) - 1  # the smallest value that this share does not exceed
    return ordered[min(max(at, 0), len(ordered) - 1)]
