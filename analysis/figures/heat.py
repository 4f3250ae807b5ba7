"""The colour scales of token measures: quantised, readable in light and in dark.

Twelve classes from near the page's background to its opposite, made in OKLCH (even steps of lightness, hue from pink
to violet): order survives any colour blindness, since it is carried by lightness alone, and the hue is none of the
three models'. Measures with a sign have a scale of their own, thirteen classes around 0 from blue (more in the
model compared with) to orange (more in the compared one), lightness falling to both sides. Each class has an
ink of at least 4.5:1 on it. Knows no record and no streamlit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.figures.style import Paper

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Spacing = Literal["linear", "log"]
CLASSES = 12
SIGNED_CLASSES = 13
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
SIGNED_COLOURS: dict[Paper, tuple[str, ...]] = {
    "light": (
        *("#024270", "#1567A6", "#4598E0", "#81BCF3", "#ACD4FC", "#D5E9FD", "#F4F4F2"),
        *("#F9E1D0", "#F3C5A3", "#E6A675", "#CE7B31", "#944F02", "#613201"),
    ),
    "dark": (
        *("#ADD6FE", "#6DB4F6", "#4391D7", "#26679E", "#1F4D76", "#1D3850", "#242830"),
        *("#4A2E17", "#6C3D13", "#915114", "#C67630", "#E79A5D", "#FCC49A"),
    ),
}
SIGNED_INKS: dict[Paper, tuple[str, ...]] = {
    "light": (*["#FFFFFF"] * 2, *["#1A1020"] * 9, *["#FFFFFF"] * 2),
    "dark": (*["#000000"] * 3, *["#FFFFFF"] * 7, *["#000000"] * 3),
}


@dataclass(frozen=True)
class HeatScale:
    """Where each colour class begins: `edges`, rising, one more than there are classes, in the measure's unit.

    From 0 to the clip, or from minus the clip to the clip where `signed`. Values beyond share the outermost class;
    `clipped` counts them.
    """

    edges: tuple[float, ...]
    spacing: Spacing
    clip_percentile: float
    clipped: int
    signed: bool = False

    @property
    def classes(self) -> int:
        """How many colours there are."""
        return len(self.edges) - 1

    def colour_class(self, value: float | None) -> int:
        """0 to classes - 1, or -1 for a value that is missing."""
        if value is None or math.isnan(value):
            return -1
        return min(max(bisect_right(self.edges, value) - 1, 0), self.classes - 1)

    def colour_classes(self, values: ArrayLike) -> NDArray[np.int8]:
        """The class of every value, -1 for NaN."""
        given = np.asarray(values, np.float64)
        found = np.clip(np.searchsorted(self.edges, given, side="right") - 1, 0, self.classes - 1)
        return np.where(np.isnan(given), -1, found).astype(np.int8)

    @property
    def colours(self) -> dict[Paper, tuple[str, ...]]:
        """The fill of every class, on either paper."""
        return SIGNED_COLOURS if self.signed else COLOURS

    @property
    def inks(self) -> dict[Paper, tuple[str, ...]]:
        """The text colour on every class, on either paper."""
        return SIGNED_INKS if self.signed else INKS


def heat_scale(
    values: Sequence[float] | NDArray[np.float64],
    *,
    spacing: Spacing = "linear",
    clip_percentile: float = 100.0,
    signed: bool = False,
) -> HeatScale:
    """One scale over all `values`, its top at the given percentile of their sizes (100: the largest).

    Without `signed` all values are >= 0 and it begins at 0.
    """
    sizes = np.abs(np.asarray(values, np.float64))
    ordered = np.sort(sizes[np.isfinite(sizes)])
    top = _percentile(ordered, clip_percentile) or 1.0  # nothing, or nothing but zeros: any scale will do
    edges = _signed_edges(top, spacing) if signed else _edges(top, spacing)
    return HeatScale(edges, spacing, clip_percentile, int(np.sum(sizes > top)), signed)


def _signed_edges(top: float, spacing: Spacing) -> tuple[float, ...]:
    if spacing == "linear":
        return tuple(top * (2 * step / SIGNED_CLASSES - 1) for step in range(SIGNED_CLASSES + 1))
    arm = SIGNED_CLASSES // 2  # classes on either side of the one around 0
    upper = [top * 10 ** (-LOG_DECADES * (1 - step / arm)) for step in range(arm + 1)]
    return (*(-edge for edge in reversed(upper)), *upper)


def _edges(top: float, spacing: Spacing) -> tuple[float, ...]:
    if spacing == "linear":
        return tuple(top * step / CLASSES for step in range(CLASSES + 1))
    lowest = -LOG_DECADES
    inner = [10 ** (lowest * (1 - step / (CLASSES - 1))) for step in range(CLASSES)]
    return (0.0, *(top * share for share in inner))


def _percentile(ordered: NDArray[np.float64], percentile: float) -> float:
    if not len(ordered):
        return 0.0
    at = math.ceil(percentile / 100 * len(ordered)) - 1  # the smallest value that this share does not exceed
    return float(ordered[min(max(at, 0), len(ordered) - 1)])
