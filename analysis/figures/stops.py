"""Slider stops as tables, metrics and words. Knows stops, counts and evaluations; draws nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.figures import numbers
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope, headline, levels, scopes
from analysis.records import Evaluation, RestoreCount, RestoreSpec, Stop, Tally

STRATEGY_NAMES = {
    "relative-top": "largest relative change first",
    "relative-bottom": "smallest relative change first",
    "random": "random control",
    "absolute-top": "largest absolute change first",
    "absolute-bottom": "smallest absolute change first",
    "small-base": "smallest base values first",
    "interpolation": "interpolation",
    "layer-scaled": "interpolation, less in deeper layers",
    "drop-rescale": "drop at random and rescale the rest",
    "spectral": "weakest singular directions",
}
_STOP_WORDS = {
    "relative-top": "top {} by relative change",
    "relative-bottom": "bottom {} by relative change",
    "random": "random {}",
    "absolute-top": "top {} by absolute change",
    "absolute-bottom": "bottom {} by absolute change",
    "small-base": "{} with the smallest base values",
    "interpolation": "{} of the way back, everywhere",
    "layer-scaled": "{} of the way back, less in deeper layers",
    "drop-rescale": "{} of the changes dropped, the rest rescaled",
    "spectral": "weakest {} of singular directions",
}


def strategy_name(strategy: str) -> str:
    """What an order is called on screen; an order without a name of its own keeps its id."""
    return STRATEGY_NAMES.get(strategy, strategy)


CURVE_COLUMNS = (
    *("strategy", "order", "seed", "percent", "effective_percent", "count"),
    *("accuracy", "low", "high", "n", "fixed", "broken", "mcnemar_p"),
)


@dataclass(frozen=True)
class Metric:
    """One number as it stands on a page: its label, the value, the change against tuned, its 95% interval, in words."""

    label: str
    value: str
    delta: str | None
    moved: bool  # whether the change shows at all in the digits written
    interval: str


def accuracy_metrics(restored: Evaluation, tuned: Evaluation | None) -> tuple[Metric, ...]:
    """The headline of each domain, with its change against the tuned model."""
    return tuple(_metric(restored, tuned, scope) for scope in scopes(restored))


def _metric(restored: Evaluation, tuned: Evaluation | None, scope: Scope) -> Metric:
    number = headline(restored, scope)
    change = number.value - headline(tuned, scope).value if tuned else None
    name = SCOPE_NAMES[scope].capitalize()
    return Metric(
        label=f"{name} (n = {number.n})",
        value=numbers.share(number.value),
        delta=numbers.points(change) if change is not None else None,
        moved=change is not None and abs(change) >= 0.0005,
        interval=numbers.interval(number.interval95),
    )


def changed_percent(count: RestoreCount) -> float:
    """Share of the region that fine-tuning changed at all, 0-100: the most any restoration can undo."""
    return 100.0 * count.changed_count / count.region_parameters if count.region_parameters else 0.0


def past_cliff(count: RestoreCount) -> bool:
    """Whether k asks for more than fine-tuning changed, so that everything changed is already restored."""
    return count.spec.strategy == "relative-top" and 0 < count.changed_count < count.count


def curve_table(stops: Sequence[Stop], scope: Scope) -> pd.DataFrame:
    """One row a stop: strategy, seed, percent, effective_percent, accuracy, low, high (fractions 0-1), n, flips."""
    return pd.DataFrame(
        [_curve_row(stop, headline(stop.evaluation, scope)) for stop in stops], columns=list(CURVE_COLUMNS)
    )


def _curve_row(stop: Stop, number: Headline) -> dict[str, object]:
    low, high = number.interval95 or (number.value, number.value)
    return {
        "strategy": stop.spec.strategy,
        "order": strategy_name(stop.spec.strategy),
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


def level_table(
    scope: Scope, base: Evaluation | None, tuned: Evaluation | None, restored: Evaluation | None
) -> pd.DataFrame:
    """Accuracy per mastery level 0-4 (fractions 0-1) in base, tuned and restored, with n; NaN where not evaluated."""
    states = {"base": base, "tuned": tuned, "restored": restored}
    columns = {name: levels(state, scope) for name, state in states.items() if state is not None}
    present = sorted({level for column in columns.values() for level in column})
    return pd.DataFrame([_level_row(level, columns) for level in present], columns=["level", "n", *columns])


def _level_row(level: int, columns: dict[str, dict[int, Tally]]) -> dict[str, object]:
    cells = {name: column[level] for name, column in columns.items() if level in column}
    n = max((cell.n for cell in cells.values()), default=0)
    return {"level": level, "n": n} | {name: cell.accuracy for name, cell in cells.items()}


def sweep_table(stops: Sequence[Stop], scopes: Sequence[Scope]) -> pd.DataFrame:
    """Every evaluated stop, one row each, ready for a CSV: the spec, the counts and the accuracy per domain."""
    rows = []
    for stop in sorted(stops, key=lambda stop: (stop.spec.strategy, stop.spec.seed, stop.spec.percent)):
        row = _curve_row(stop, headline(stop.evaluation, scopes[0]))
        per_scope = {f"accuracy_{scope}": headline(stop.evaluation, scope).value for scope in scopes}
        rows.append(
            {name: row[name] for name in CURVE_COLUMNS if name not in ("order", "accuracy", "low", "high")} | per_scope
        )
    return pd.DataFrame(rows)


def spec_words(spec: RestoreSpec) -> str:
    """A restoration in words: 'top 5% by relative change, transformer'."""
    words = _STOP_WORDS.get(spec.strategy, spec.strategy + " {}").format(numbers.percent(spec.percent))
    layers = "" if spec.layers is None else f", layers {spec.layers[0]}–{spec.layers[-1]}"
    seed = f", seed {spec.seed}" if spec.seed else ""
    return f"{words}, {spec.region}{layers}{seed}"


def curve_words(stops: Sequence[Stop], scope: Scope, base: Evaluation | None, tuned: Evaluation | None) -> str:
    """The accuracy curve's message in a sentence or two, for those who do not see it."""
    parts = [f"Right answers, {SCOPE_NAMES[scope]}, against the share of parameters restored."]
    for name, evaluation in (("Base in this prompt", base), ("Tuned", tuned)):
        if evaluation is not None:
            parts.append(f"{name}: {numbers.share(headline(evaluation, scope).value)}.")
    ranked = [stop for stop in stops if stop.spec.strategy == "relative-top"]
    if ranked:
        best = max(ranked, key=lambda stop: headline(stop.evaluation, scope).value)
        value = numbers.share(headline(best.evaluation, scope).value)
        parts.append(f"Best of {len(ranked)} stops: {value} at {numbers.percent(best.spec.percent)}.")
    return " ".join(parts)
