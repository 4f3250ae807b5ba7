"""The hero's figures: accuracy against the share of parameters restored, and where the restored parameters lie.

Method and stops: Ye et al., EMNLP 2025 (arXiv 2509.16596), Tables 4, 9, 10. Knows stops and counts, no weights.
"""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope, headline, level_accuracies
from analysis.records import PAPER_PERCENTS, Evaluation, RestoreCount, RestoreSpec, Stop

STRATEGY_NAMES = {
    "relative-top": "largest relative change first",
    "relative-bottom": "smallest relative change first",
    "random": "random control",
}
PERCENT_AXIS = alt.Axis(values=[0, *PAPER_PERCENTS, 80, 100], title="Restored, % of the region", grid=False)
PERCENT_SCALE = alt.Scale(type="sqrt", domain=[0, 100])  # the paper's stops crowd the low end
STOP_CLICK = "stop"


def curve_table(stops: Sequence[Stop], scope: Scope) -> pd.DataFrame:
    """One row a stop: strategy, seed, percent, effective_percent, accuracy, low, high (fractions 0-1), n, fixed, broken."""
    return pd.DataFrame([_curve_row(stop, headline(stop.evaluation, scope)) for stop in stops], columns=list(_COLUMNS))


_COLUMNS = (
    *("strategy", "order", "seed", "percent", "effective_percent", "count"),
    *("accuracy", "low", "high", "n", "fixed", "broken", "mcnemar_p"),
)


def _curve_row(stop: Stop, number: Headline) -> dict[str, object]:
    low, high = number.interval95 or (number.value, number.value)
    return {
        "strategy": stop.spec.strategy,
        "order": STRATEGY_NAMES.get(stop.spec.strategy, stop.spec.strategy),
        "seed": stop.spec.seed,
        "percent": float(stop.spec.percent),
        "effective_percent": stop.count.effective_percent,
        "count": stop.count.count,
        "accuracy": number.value,
        "low": low,
        "high": high,
        "n": number.n,
        "fixed": stop.versus_tuned.fixed,
        "broken": stop.versus_tuned.broken,
        "mcnemar_p": stop.versus_tuned.mcnemar_p,
    }


def accuracy_curve(
    stops: Sequence[Stop],
    *,
    scope: Scope,
    base: Evaluation | None = None,
    tuned: Evaluation | None = None,
    current_percent: float | None = None,
    changed_percent: float | None = None,
) -> alt.LayerChart:
    """Accuracy (0-100%) against k with 95% intervals; base and tuned as lines, the random control on the same axes.

    `current_percent` marks the slider; `changed_percent` the cliff: past it, restoring restores nothing more.
    A click on a dot is reported under the selection `stop` with its strategy, seed and percent.
    """
    table = curve_table(stops, scope)
    references = _reference_layers(scope, base, tuned)
    layers = [*_marker_layers(current_percent, changed_percent), *references, *_stop_layers(table)]
    measure = headline(tuned or base or stops[0].evaluation, scope).measure if (tuned or base or stops) else ""
    n = headline(tuned or base or stops[0].evaluation, scope).n if (tuned or base or stops) else 0
    chart = alt.layer(*layers).properties(height=style.FIGURE_HEIGHT)
    title = f"Right answers, {SCOPE_NAMES[scope]} (%)"
    return style.finish(chart, title, f"{measure}; n = {numbers.count(n)}; bars and bands: 95% interval")


def _stop_layers(table: pd.DataFrame) -> list[alt.Chart]:
    present = [name for name in STRATEGY_NAMES if name in set(table["strategy"])]
    colour = alt.Color(
        "order:N",
        title=None,
        scale=alt.Scale(
            domain=[STRATEGY_NAMES[name] for name in present],
            range=[style.STRATEGY_COLOURS[name] for name in present],
        ),
    )
    x = alt.X("percent:Q", scale=PERCENT_SCALE, axis=PERCENT_AXIS)
    y = alt.Y("accuracy:Q", axis=alt.Axis(format="%", title=None), scale=alt.Scale(zero=True))
    chart = alt.Chart(table)
    lines = chart.mark_line(opacity=0.75).encode(x=x, y=alt.Y("mean(accuracy):Q", axis=y.axis), color=colour)
    bars = chart.mark_rule(opacity=0.55, strokeWidth=1.5).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
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
    layers: list[alt.Chart] = []
    for evaluation, colour, label in ((base, style.BASE, "base in this prompt"), (tuned, style.TUNED, "tuned")):
        if evaluation is not None:
            layers += _reference(headline(evaluation, scope), colour, label)
    return layers


def _reference(number: Headline, colour: str, label: str) -> list[alt.Chart]:
    low, high = number.interval95 or (number.value, number.value)
    words = f"{label} {numbers.share(number.value)}"
    chart = alt.Chart(pd.DataFrame([{"accuracy": number.value, "low": low, "high": high, "label": words, "percent": 100}]))
    band = chart.mark_rect(color=colour, opacity=0.1).encode(y="low:Q", y2="high:Q")
    rule = chart.mark_rule(color=colour, strokeDash=[6, 3], strokeWidth=1.5).encode(y="accuracy:Q", tooltip=["label:N"])
    text = chart.mark_text(color=colour, align="right", dy=-7, fontSize=12, fontWeight=600)
    return [band, rule, text.encode(x=alt.X("percent:Q", scale=PERCENT_SCALE), y="accuracy:Q", text="label:N")]


def _marker_layers(current_percent: float | None, changed_percent: float | None) -> list[alt.Chart]:
    layers: list[alt.Chart] = []
    if changed_percent is not None and changed_percent < 100:
        beyond = pd.DataFrame([{"from": changed_percent, "to": 100.0, "note": "nothing more to restore"}])
        x = alt.X("from:Q", scale=PERCENT_SCALE, axis=PERCENT_AXIS)
        layers.append(alt.Chart(beyond).mark_rect(color=style.RANDOM, opacity=0.12).encode(x=x, x2="to:Q", tooltip="note:N"))
    if current_percent is not None:
        here = pd.DataFrame([{"percent": current_percent}])
        x = alt.X("percent:Q", scale=PERCENT_SCALE, axis=PERCENT_AXIS)
        layers.append(alt.Chart(here).mark_rule(color=style.RESTORED, opacity=0.8).encode(x=x))
    return layers


def layer_bars(count: RestoreCount) -> alt.Chart:
    """Where the restored parameters lie, by layer: each layer's share of all restored, in % (the paper's Table 9)."""
    rows = [{"place": layer, "share": _part(part, count), "count": part} for layer, part in sorted(count.by_layer.items())]
    y = alt.Y("place:O", title="Layer", sort="descending")
    return _place_bars(rows, y, "Restored parameters by layer (%)")


def module_bars(count: RestoreCount) -> alt.Chart:
    """Where the restored parameters lie, by kind of module, in % of all restored (the paper's Table 10)."""
    parts = sorted(count.by_module.items(), key=lambda item: -item[1])
    rows = [{"place": module, "share": _part(part, count), "count": part} for module, part in parts]
    y = alt.Y("place:N", title="Module", sort=[module for module, _ in parts])
    return _place_bars(rows, y, "Restored parameters by module (%)")


def _part(part: int, count: RestoreCount) -> float:
    return part / count.count if count.count else 0.0


def _place_bars(rows: list[dict[str, object]], y: alt.Y, title: str) -> alt.Chart:
    tooltip = [
        alt.Tooltip("place:N", title=str(y.to_dict().get("title", ""))),
        alt.Tooltip("count:Q", title="restored parameters", format=","),
        alt.Tooltip("share:Q", title="share of all restored", format=".2%"),
    ]
    x = alt.X("share:Q", title=None, axis=alt.Axis(format="%", tickCount=5))
    table = pd.DataFrame(rows, columns=["place", "share", "count"])
    chart = alt.Chart(table).mark_bar(color=style.RESTORED).encode(x=x, y=y, tooltip=tooltip)
    return style.finish(chart.properties(height=style.SLIM_HEIGHT), title)


def level_table(
    scope: Scope, base: Evaluation | None, tuned: Evaluation | None, restored: Evaluation | None
) -> pd.DataFrame:
    """Accuracy per mastery level 0-4 (fractions 0-1) in base, tuned and restored, with n; NaN where not evaluated."""
    states = {"base": base, "tuned": tuned, "restored": restored}
    columns = {name: level_accuracies(state, scope) for name, state in states.items() if state is not None}
    levels = sorted({level for column in columns.values() for level in column})
    return pd.DataFrame([_level_row(level, columns) for level in levels], columns=["level", "n", *states])


def _level_row(level: int, columns: dict[str, dict[int, Headline]]) -> dict[str, object]:
    cells = {name: column[level] for name, column in columns.items() if level in column}
    n = max((cell.n for cell in cells.values()), default=0)
    return {"level": level, "n": n} | {name: cell.value for name, cell in cells.items()}


def sweep_table(stops: Sequence[Stop], scopes: Sequence[Scope]) -> pd.DataFrame:
    """Every evaluated stop, one row each, ready for a CSV: the spec, the counts and the accuracy per domain."""
    rows = []
    for stop in sorted(stops, key=lambda stop: (stop.spec.strategy, stop.spec.seed, stop.spec.percent)):
        row = _curve_row(stop, headline(stop.evaluation, scopes[0]))
        per_scope = {f"accuracy_{scope}": headline(stop.evaluation, scope).value for scope in scopes}
        rows.append({name: row[name] for name in _COLUMNS if name not in ("order", "accuracy", "low", "high")} | per_scope)
    return pd.DataFrame(rows)


def spec_words(spec: RestoreSpec) -> str:
    """A restoration in words: 'top 5% by relative change, transformer'."""
    order = {"relative-top": "top", "relative-bottom": "bottom", "random": "random"}[spec.strategy]
    by = "" if spec.strategy == "random" else " by relative change"
    layers = "" if spec.layers is None else f", layers {spec.layers[0]}–{spec.layers[-1]}"
    return f"{order} {numbers.percent(spec.percent)}{by}, {spec.region}{layers}"
