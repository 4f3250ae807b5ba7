"""The hero's figure: accuracy against the share of parameters restored, beside base, tuned and the random control.

Method and stops: Ye et al., EMNLP 2025 (arXiv 2509.16596), Table 4. Knows stops and evaluations, no weights.
"""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope, headline
from analysis.figures.stops import STRATEGY_NAMES, curve_table
from analysis.records import PAPER_PERCENTS, Evaluation, Stop

PERCENT_AXIS = alt.Axis(values=[0, *PAPER_PERCENTS, 80, 100], title="Restored, % of the region", grid=False)
PERCENT_SCALE = alt.Scale(type="sqrt", domain=[0, 100])  # the paper's stops crowd the low end
STOP_CLICK = "stop"


def accuracy_curve(
    stops: Sequence[Stop],
    *,
    scope: Scope,
    base: Evaluation | None = None,
    tuned: Evaluation | None = None,
    current_percent: float | None = None,
    changed_percent: float | None = None,
) -> style.Figure:
    """Accuracy (0-100%) against k with 95% intervals; base and tuned as lines, the random control on the same axes.

    `current_percent` marks the slider; `changed_percent` the cliff: past it, restoring restores nothing more.
    A click on a dot is reported under the selection `stop` with its strategy, seed and percent.
    """
    table = _from_zero(curve_table(stops, scope), tuned, scope)
    layers = [
        *_marker_layers(current_percent, changed_percent),
        *_reference_layers(scope, base, tuned),
        *_stop_layers(table, _accuracy_scale(table, scope, base, tuned)),
    ]
    chart = alt.layer(*layers, height=style.FIGURE_HEIGHT)
    return style.finish(chart, f"Right answers, {SCOPE_NAMES[scope]} (%)", _subtitle(stops, scope, tuned or base))


def _subtitle(stops: Sequence[Stop], scope: Scope, reference: Evaluation | None) -> str:
    if reference is None and not stops:
        return "nothing has been asked yet"
    number = headline(reference or stops[0].evaluation, scope)
    return f"{number.measure} · n = {numbers.count(number.n)} · bars and bands: 95% interval"


def _accuracy_scale(table: pd.DataFrame, scope: Scope, *references: Evaluation | None) -> alt.Scale:
    tops = [interval[1] for item in references if item and (interval := headline(item, scope).interval95)]
    return style.accuracy_scale([*tops, *table["high"]])


def _from_zero(table: pd.DataFrame, tuned: Evaluation | None, scope: Scope) -> pd.DataFrame:
    """The table with 0% in front of every order: nothing restored is the tuned model."""
    if tuned is None or table.empty:
        return table
    number = headline(tuned, scope)
    low, high = number.interval95 or (number.value, number.value)
    start = table.drop_duplicates(["strategy", "seed"]).assign(
        percent=0.0, effective_percent=0.0, count=0, accuracy=number.value, low=low, high=high, fixed=0, broken=0
    )
    return pd.concat([start, table[table["percent"] > 0]], ignore_index=True)


def _stop_layers(table: pd.DataFrame, scale: alt.Scale) -> list[alt.Chart]:
    present = sorted(set(table["strategy"]), key=list(STRATEGY_NAMES).index)
    colour = alt.Color(
        "order:N",
        title=None,
        scale=alt.Scale(
            domain=[STRATEGY_NAMES[name] for name in present],
            range=[style.STRATEGY_COLOURS[name] for name in present],
        ),
    )
    x = alt.X("percent:Q", scale=PERCENT_SCALE, axis=PERCENT_AXIS)
    percent = alt.Axis(format=style.PERCENT_FORMAT, title=None)
    y = alt.Y("accuracy:Q", axis=percent, scale=scale)
    chart = alt.Chart(table)
    lines = chart.mark_line(opacity=0.75).encode(x=x, y=alt.Y("mean(accuracy):Q", axis=percent), color=colour)
    bars = chart.mark_rule(opacity=0.55, strokeWidth=1.5).encode(
        x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), color=colour
    )
    dots = chart.mark_point(filled=True, size=75, opacity=1, cursor="pointer")
    return [lines, bars, dots.encode(x=x, y=y, color=colour, tooltip=_stop_tooltip()).add_params(_click())]


def _click() -> alt.Parameter:
    return alt.selection_point(name=STOP_CLICK, fields=["strategy", "seed", "percent"], on="click", nearest=False)


def _stop_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("percent:Q", title="restored, % of region"),
        alt.Tooltip("effective_percent:Q", title="really changed, % of region", format=".2f"),
        alt.Tooltip("accuracy:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="95% to", format=".1%"),
        alt.Tooltip("n:Q", title="questions"),
        alt.Tooltip("fixed:Q", title="fixed against tuned"),
        alt.Tooltip("broken:Q", title="broken against tuned"),
        alt.Tooltip("order:N", title="order"),
        alt.Tooltip("seed:Q", title="seed"),
    ]


def _reference_layers(scope: Scope, base: Evaluation | None, tuned: Evaluation | None) -> list[alt.Chart]:
    lower = headline(base, scope).value if base else None
    upper = headline(tuned, scope).value if tuned else None
    base_above = lower is not None and upper is not None and lower > upper  # so that the two labels never meet
    layers: list[alt.Chart] = []
    if base is not None:
        layers += _reference(headline(base, scope), style.BASE, "base in this prompt", above=base_above)
    if tuned is not None:
        layers += _reference(headline(tuned, scope), style.TUNED, "tuned", above=not base_above)
    return layers


def _reference(number: Headline, colour: str, label: str, *, above: bool) -> list[alt.Chart]:
    low, high = number.interval95 or (number.value, number.value)
    words = f"{label} {numbers.share(number.value)}"
    chart = alt.Chart(
        pd.DataFrame([{"accuracy": number.value, "low": low, "high": high, "label": words, "percent": 100}])
    )
    band = chart.mark_rect(color=colour, opacity=0.1).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    rule = chart.mark_rule(color=colour, strokeDash=[6, 3], strokeWidth=1.5).encode(
        y=alt.Y("accuracy:Q"), tooltip=[alt.Tooltip("label:N")]
    )
    text = chart.mark_text(color=colour, align="right", dy=-8 if above else 9, fontSize=12, fontWeight=600)
    return [
        band,
        rule,
        text.encode(x=alt.X("percent:Q", scale=PERCENT_SCALE), y=alt.Y("accuracy:Q"), text=alt.Text("label:N")),
    ]


def _marker_layers(current_percent: float | None, changed_percent: float | None) -> list[alt.Chart]:
    layers: list[alt.Chart] = []
    if changed_percent is not None and changed_percent < 100:
        beyond = pd.DataFrame([{"from": changed_percent, "to": 100.0, "note": "nothing more to restore"}])
        x = alt.X("from:Q", scale=PERCENT_SCALE, axis=PERCENT_AXIS)
        layers.append(
            alt.Chart(beyond)
            .mark_rect(color=style.RANDOM, opacity=0.12)
            .encode(x=x, x2=alt.X2("to:Q"), tooltip=[alt.Tooltip("note:N")])
        )
    if current_percent is not None:
        here = pd.DataFrame([{"percent": current_percent}])
        x = alt.X("percent:Q", scale=PERCENT_SCALE, axis=PERCENT_AXIS)
        layers.append(alt.Chart(here).mark_rule(color=style.RESTORED, opacity=0.8).encode(x=x))
    return layers
