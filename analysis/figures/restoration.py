"""The hero's figure: accuracy against the share of parameters restored, beside base, tuned and the random control.

Method and stops: Ye et al., EMNLP 2025 (arXiv 2509.16596), Table 4. Knows stops and evaluations, no weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt
import pandas as pd

from analysis.figures import curve_marks, numbers, stop_slider, style
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope, headline
from analysis.figures.stops import curve_table, seed_table
from analysis.figures.strategies import series_name
from analysis.records import BLENDS, PAPER_PERCENTS, Evaluation, RestoreSpec, Stop

Axis = Literal["percent", "effective_percent", "moved_percent"]
AXIS_NAMES: dict[Axis, str] = {
    "percent": "k",
    "effective_percent": "effective k",
    "moved_percent": "way to the base (L2)",
}
_TITLES: dict[Axis, str] = {
    "percent": "Restored, % of the region (k)",
    "effective_percent": "Really changed, % of the region (effective k)",
    "moved_percent": "Moved from tuned, % of the squared distance to base",
}
STOP_CLICK = "stop"
_HEIGHT = style.FIGURE_HEIGHT + 50  # pixels: three lines stand under the title
_LEGEND_ROW = 20  # pixels
_FEW = 3
_FARTHEST = 200.0  # percent of the squared distance: rescaled changes go on from there without end
_NEAR_AXIS = 0.01  # of accuracy: a label beneath such a line would lie on the axis
_CLIFF_BEYOND = 45  # percent: further right the cliff's label stands on its left


@dataclass(frozen=True)
class _X:
    """The horizontal axis: which column it shows, and how far it reaches."""

    column: Axis
    reach: float

    def of(self, field: str) -> alt.X:
        """The channel for a field in percent; a square root, because the paper's stops crowd the low end."""
        return alt.X(f"{field}:Q", scale=self.scale(), axis=self.axis())

    def scale(self) -> alt.Scale:
        """From nothing to as far as it reaches."""
        return alt.Scale(type="sqrt", domain=[0, self.reach], clamp=True)

    def axis(self) -> alt.Axis:
        """With the paper's stops where k is shown."""
        values = [0, *PAPER_PERCENTS, 80, 100] if self.column == "percent" else alt.Undefined
        return alt.Axis(title=_TITLES[self.column], grid=False, labelOverlap="greedy", values=values)


def accuracy_curve(
    stops: Sequence[Stop],
    *,
    scope: Scope,
    base: Evaluation | None = None,
    tuned: Evaluation | None = None,
    axis: Axis = "percent",
    current: RestoreSpec | None = None,
    current_percent: float | None = None,
    changed_percent: float | None = None,
) -> style.Figure:
    """Accuracy (0-100%) of every stop against k or against the share really changed, with base and tuned as lines.

    Bars are 95% intervals of a stop; a strategy with several seeds shows their mean and the band from lowest to top.
    Of many strategies only relative-top and that of `current`, the slider's stop, carry their bars. `current_percent`
    (on the chosen axis) marks the slider, `changed_percent` the cliff: past it, restoring restores nothing more. A
    click on a dot is reported under the selection `stop` with its strategy, among, seed and percent.
    """
    table = _from_zero(curve_table(stops, scope), tuned, scope).dropna(subset=[axis])
    if axis == "moved_percent":
        changed_percent = None  # the cliff is a share of weights
    x = _X(axis, _reach(table, axis, changed_percent))
    layers = [
        *_marker_layers(x, current_percent, changed_percent),
        *_reference_layers(x, scope, base, tuned),
        *_stop_layers(table, x, _accuracy_scale(table, scope, base, tuned), _with_bars(table, current)),
    ]
    rows = -(-table["order"].nunique() // curve_marks.columns(table))
    chart = alt.layer(*layers, height=_HEIGHT + _LEGEND_ROW * rows)
    return style.finish(chart, f"Right answers, {SCOPE_NAMES[scope]} (%)", _subtitle(stops, scope, tuned or base))


def _with_bars(table: pd.DataFrame, current: RestoreSpec | None) -> set[str]:
    """The curves whose stops carry their intervals: all of a few, of many the paper's and the one looked at."""
    curves = set(table["order"])
    if len(curves) <= _FEW:
        return curves
    return {series_name(RestoreSpec(0)), *([series_name(current)] if current else [])}


def _reach(table: pd.DataFrame, axis: Axis, changed_percent: float | None) -> float:
    if axis == "percent":
        return 100.0
    if axis == "moved_percent":
        return min(_FARTHEST, float(max([100.0, *table[axis]])))
    return min(100.0, 1.02 * float(max([0.1, changed_percent or 0.0, *table[axis]])))


def _subtitle(stops: Sequence[Stop], scope: Scope, reference: Evaluation | None) -> list[str] | str:
    if reference is None and not stops:
        return "nothing has been asked yet"
    number = headline(reference or stops[0].evaluation, scope)
    ranked = sorted({stop.spec.arithmetic for stop in stops if stop.spec.strategy not in BLENDS})
    arithmetic = f" · arithmetic: {', '.join(ranked)}" if ranked else ""
    lines = [
        f"{number.measure} · n = {numbers.count(number.n)}{arithmetic}",
        "95% intervals: bars, and bands of base and tuned",
    ]
    return [*lines, *(["bands over seeds: lowest to highest"] if any(stop.spec.seed for stop in stops) else [])]


def _accuracy_scale(table: pd.DataFrame, scope: Scope, *references: Evaluation | None) -> alt.Scale:
    tops = [interval[1] for item in references if item and (interval := headline(item, scope).interval95)]
    return style.accuracy_scale([*tops, *table["high"]])


def _from_zero(table: pd.DataFrame, tuned: Evaluation | None, scope: Scope) -> pd.DataFrame:
    """The table with 0% in front of every order: nothing restored is the tuned model."""
    if tuned is None or table.empty:
        return table
    number = headline(tuned, scope)
    low, high = number.interval95 or (number.value, number.value)
    start = table.drop_duplicates(["order", "seed"]).assign(
        percent=0.0,
        effective_percent=0.0,
        moved_percent=0.0,
        count=0,
        accuracy=number.value,
        low=low,
        high=high,
        fixed=0,
        broken=0,
    )
    return pd.concat([start, table[table["percent"] > 0]], ignore_index=True)


def _stop_layers(table: pd.DataFrame, x: _X, scale: alt.Scale, barred: set[str]) -> list[alt.Chart]:
    joined = seed_table(table)
    joined = joined.assign(dashed_as=joined["order"].map(curve_marks.dashed_as(table)))
    several = set(joined.loc[joined["seeds"] > 1, "order"])
    series = curve_marks.series(table)
    at, percent = x.of(x.column), alt.Axis(format=style.PERCENT_FORMAT, title=None)
    along = alt.Order("percent:Q")  # from stop to stop: effective k need not grow with k
    colour, shape = curve_marks.colour(series), curve_marks.shape(series)
    band = alt.Chart(joined[joined["order"].isin(several)]).mark_area(opacity=0.16)
    lines = alt.Chart(joined).mark_line(opacity=0.8)
    bars = alt.Chart(table[table["order"].isin(barred - several)]).mark_rule(opacity=0.55, strokeWidth=1.5)
    dots = alt.Chart(table).mark_point(filled=True, opacity=1, cursor="pointer")
    size = alt.condition(alt.FieldOneOfPredicate("order", sorted(several)), alt.value(45), alt.value(80))
    return [
        band.encode(x=at, y=alt.Y("lowest:Q", axis=percent), y2=alt.Y2("highest:Q"), color=colour, order=along),
        lines.encode(x=at, y=alt.Y("accuracy:Q", axis=percent), color=colour, strokeDash=curve_marks.DASH, order=along),
        bars.encode(x=at, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), color=colour),
        dots.encode(
            x=at,
            y=alt.Y("accuracy:Q", axis=percent, scale=scale),
            color=colour,
            shape=shape,
            size=size,
            tooltip=_stop_tooltip(),
        ).add_params(_click()),
    ]


def _click() -> alt.Parameter:
    return alt.selection_point(
        name=STOP_CLICK, fields=["strategy", "among", "seed", "percent"], on="click", nearest=False
    )


def _stop_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("percent:Q", title="restored, % of region"),
        alt.Tooltip("effective_percent:Q", title="really changed, % of region", format=".2f"),
        alt.Tooltip("moved_percent:Q", title="way to the base, % of squared distance", format=".2f"),
        alt.Tooltip("accuracy:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="95% to", format=".1%"),
        alt.Tooltip("n:Q", title="questions"),
        alt.Tooltip("fixed:Q", title="fixed against tuned"),
        alt.Tooltip("broken:Q", title="broken against tuned"),
        alt.Tooltip("order:N", title="order"),
        alt.Tooltip("seed:Q", title="seed"),
    ]


def _reference_layers(x: _X, scope: Scope, base: Evaluation | None, tuned: Evaluation | None) -> list[alt.Chart]:
    """Base and tuned as lines, each named at the end where the curves, which lead from tuned to base, are not."""
    lower = headline(base, scope).value if base else None
    upper = headline(tuned, scope).value if tuned else None
    base_above = lower is not None and (lower < _NEAR_AXIS or (upper is not None and lower > upper))
    tuned_above = upper is not None and (upper < _NEAR_AXIS or lower is None or upper >= lower)
    layers: list[alt.Chart] = []
    if base is not None:
        layers += _reference(x, headline(base, scope), "base", "base in this prompt", above=base_above)
    if tuned is not None:
        layers += _reference(x, headline(tuned, scope), "tuned", "tuned", above=tuned_above)
    return layers


def _reference(x: _X, number: Headline, state: str, label: str, *, above: bool) -> list[alt.Chart]:
    low, high = number.interval95 or (number.value, number.value)
    words, colour, right = f"{label} {numbers.share(number.value)}", style.COLOURS[state], state == "tuned"
    row = {"accuracy": number.value, "low": low, "high": high, "label": words, "end": x.reach if right else 0.0}
    chart = alt.Chart(pd.DataFrame([row]))
    band = chart.mark_rect(color=colour, opacity=0.1).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    rule = chart.mark_rule(color=colour, strokeDash=[6, 3], strokeWidth=1.5).encode(
        y=alt.Y("accuracy:Q"), tooltip=[alt.Tooltip("label:N")]
    )
    text = chart.mark_text(
        color=colour,
        align="right" if right else "left",
        dx=-12 if right else 8,
        dy=-9 if above else 10,
        fontSize=12,
        fontWeight=600,
    )
    return [band, rule, text.encode(x=x.of("end"), y=alt.Y("accuracy:Q"), text=alt.Text("label:N"))]


def _marker_layers(x: _X, current_percent: float | None, changed_percent: float | None) -> list[alt.Chart]:
    layers: list[alt.Chart] = []
    if changed_percent is not None and changed_percent < x.reach:
        layers += _cliff(x, changed_percent)
    if current_percent is not None:
        layers.append(stop_slider.mark(x.scale(), x.axis(), current_percent))
    return layers


def _cliff(x: _X, changed_percent: float) -> list[alt.Chart]:
    words = f"cliff: {numbers.percent(changed_percent, 1)} changed"
    beyond = pd.DataFrame([{"from": changed_percent, "to": x.reach, "note": "nothing more to restore", "cliff": words}])
    chart, left = alt.Chart(beyond), changed_percent > _CLIFF_BEYOND
    text = chart.mark_text(align="right" if left else "left", dx=-5 if left else 5, fontSize=11, color=style.RANDOM)
    return [
        chart.mark_rect(color=style.RANDOM, opacity=0.12).encode(
            x=x.of("from"), x2=alt.X2("to:Q"), tooltip=[alt.Tooltip("note:N"), alt.Tooltip("cliff:N")]
        ),
        chart.mark_rule(color=style.RANDOM, strokeDash=[3, 3]).encode(x=x.of("from"), tooltip=[alt.Tooltip("cliff:N")]),
        text.encode(x=x.of("from"), y=alt.value(8), text=alt.Text("cliff:N")),
    ]
