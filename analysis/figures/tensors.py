"""Every tensor at a glance: how much of it changed against how strongly, to zoom and lasso in.

Source of the measures: Ye et al., EMNLP 2025 (arXiv 2509.16596), section 5. Knows a profile's tensor rows only. Plotly
draws it, which zooms, lassoes and hovers over hundreds of points in the browser; it loads with the first such figure.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from analysis.figures import numbers, plotly_style
from analysis.figures.updates import MEASURES, RATIO_CAVEAT, Measure, layer_name, module_order
from analysis.records import Arithmetic

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from analysis.weights.tables import TensorRow

RESTORED_PERCENT = 20.0  # the rows' `restored` must hold this percentage
DRAWN_AS_SVG = 3000  # tensors; beyond, one page element a tensor is too slow and WebGL draws them
_HOVER = (
    "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]} parameters<br>%{customdata[3]} of them changed<br>"
    "mean relative change %{customdata[4]}<br>length of the update (L2) %{customdata[5]}<br>"
    f"restored at {RESTORED_PERCENT:g}%: %{{customdata[6]}}<extra></extra>"
)


def upward(measure: Measure) -> Measure:
    """The measure on the vertical axis: the page's own, unless it is the share changed, which lies along the bottom."""
    return "mean_relative" if measure == "changed_fraction" else measure


def tensor_scatter(
    rows: Sequence["TensorRow"], measure: Measure = "mean_relative", *, arithmetic: Arithmetic = "exact"
) -> "Figure":
    """Share of a tensor's parameters changed (%) against `upward(measure)` (log), a trace a module kind.

    A marker's area is the parameter count; a value of exactly 0 stands at the foot, on a line marked 0.
    """
    import plotly.graph_objects as go

    kind, floor = upward(measure), _floor([getattr(row, upward(measure)) for row in rows])
    told = f"Area: number of parameters. Arithmetic: {arithmetic}.<br>{_HANDLING}"
    figure = go.Figure(layout=plotly_style.layout("Every tensor at a glance", told))
    figure.update_xaxes(title="Share of its parameters changed, %", showgrid=True, zeroline=False)
    figure.update_yaxes(title=_sentence(MEASURES[kind].title), **_log_axis([getattr(row, kind) for row in rows], floor))
    drawn = go.Scatter if len(rows) <= DRAWN_AS_SVG else go.Scattergl
    largest = max((row.parameters for row in rows), default=1)
    for module in sorted({row.module for row in rows}, key=module_order):
        figure.add_trace(drawn(_trace([row for row in rows if row.module == module], kind, floor, largest)))
    return figure


_HANDLING = "Drag a box or a lasso to list tensors; double-click lets go."  # a line that a phone shows whole


def _trace(rows: Sequence["TensorRow"], kind: Measure, floor: float, largest: int) -> dict[str, Any]:
    module = rows[0].module
    return {
        "mode": "markers",
        "name": escape(module),
        "x": [100 * row.changed_fraction for row in rows],
        "y": [getattr(row, kind) or floor for row in rows],
        "marker": plotly_style.area_marker(plotly_style.module_ink(module), [row.parameters for row in rows], largest),
        "customdata": [_words(row) for row in rows],
        "hovertemplate": _HOVER,
        "unselected": {"marker": {"opacity": 0.18}},
    }


def _words(row: "TensorRow") -> list[str]:
    """What the hover says. Names come from files, and plotly reads text as HTML: they are escaped."""
    restored = row.restored[RESTORED_PERCENT]
    return [
        escape(row.name),
        "outside the layers" if row.layer is None else f"layer {layer_name(row.layer)}",
        numbers.count(row.parameters),
        numbers.share(row.changed_fraction),
        numbers.significant(row.mean_relative),
        numbers.significant(row.l2),
        f"{numbers.count(restored)} ({numbers.share(restored / row.parameters if row.parameters else None)})",
    ]


def _floor(values: Iterable[float]) -> float:
    """Where a log axis draws 0: half a decade or more under the smallest value above 0."""
    above = [value for value in values if value > 0]
    return 10 ** (math.floor(math.log10(min(above))) - 0.5) if above else 1.0


def _log_axis(values: Sequence[float], floor: float) -> dict[str, Any]:
    """A log axis over the values; with zeros among them, also the line at `floor` that is labelled 0."""
    above = [value for value in values if value > 0]
    if len(above) == len(values):
        return {"type": "log", "tickformat": "~g", "zeroline": False}
    ticks = _ticks(above)
    low, high = math.log10(floor), math.log10(max([*above, floor]))
    margin = max(0.06 * (high - low), 0.1)
    return {
        "type": "log",
        "range": [low - margin, high + margin],
        "tickvals": [floor, *ticks],
        "ticktext": ["0", *(numbers.significant(tick) for tick in ticks)],
        "zeroline": False,
    }


def _ticks(above: Sequence[float]) -> list[float]:
    """1, 2 and 5 in each decade; over many decades, the decades alone."""
    if not above:
        return []
    first, last = math.floor(math.log10(min(above))), math.ceil(math.log10(max(above)))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = (float(f"{step}e{decade}") for decade in range(first, last + 1) for step in steps)
    return [tick for tick in ticks if 0.5 * min(above) <= tick <= 2 * max(above)]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def picked(points: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The names of the tensors among the points of a selection, as the browser reports them."""
    return frozenset(unescape(point["customdata"][0]) for point in points if point.get("customdata"))


def scatter_words(rows: Sequence["TensorRow"], measure: Measure | None = None) -> str:
    """The figure in a sentence or two: how many tensors, how far they range, and the largest of what is drawn upward.

    Without a `measure`, of everything that may be drawn there, so that the words are true of each.
    """
    if not rows:
        return "This region holds no tensors."
    shares = [row.changed_fraction for row in rows]
    kinds = sorted({upward(each) for each in MEASURES} if measure is None else {upward(measure)}, reverse=True)
    largest = "; ".join(f"largest {MEASURES[kind].title}: {_largest(rows, kind)}" for kind in kinds)
    return (
        f"{len(rows)} tensors, {sum(share == 0 for share in shares)} of them unchanged; between "
        f"{numbers.share(min(shares))} and {numbers.share(max(shares))} of a tensor's parameters changed. "
        f"{_sentence(largest)}.{''.join(RATIO_CAVEAT.get(kind, '') for kind in kinds)}"
    )


def _largest(rows: Sequence["TensorRow"], kind: Measure) -> str:
    most = max(rows, key=lambda row: float(getattr(row, kind)))
    return f"{most.name} ({numbers.significant(getattr(most, kind))})"
