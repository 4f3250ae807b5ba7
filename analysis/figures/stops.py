"""Slider stops as tables, metrics and words. Knows stops, counts and evaluations; draws nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.figures import numbers, verdicts
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope, headline, scopes
from analysis.figures.repairs import repair_columns
from analysis.figures.stop_sentence import best_sentence
from analysis.figures.stop_verdicts import Judged, best_ranked, control_words, known_verdict, ranked
from analysis.figures.strategies import STRATEGY_NAMES, ranges, series_name, spec_words, strategy_name
from analysis.figures.verdicts import Verdict
from analysis.records import BLENDS, Evaluation, RestoreCount, RestoreSpec, Stop

__all__ = ["STRATEGY_NAMES", "spec_words", "strategy_name"]

CURVE_COLUMNS = (
    *("strategy", "order", "among", "seed", "percent", "effective_percent", "moved_percent", "count"),
    *("accuracy", "low", "high", "n", "fixed", "broken", "mcnemar_p"),
)


_CHANGED_FIRST = ("relative-top", "absolute-top", "small-base")


@dataclass(frozen=True)
class Metric:
    """One number as it stands on a page: its label, the value, the change against tuned, its 95% interval, in words."""

    label: str
    value: str
    delta: str | None
    direction: verdicts.Direction  # what the change's test carries: "unclear" where it is no better than chance
    interval: str


def accuracy_metrics(
    restored: Evaluation, tuned: Evaluation | None, against: Mapping[Scope, Verdict] | None = None
) -> tuple[Metric, ...]:
    """The headline of each domain, with its change against the tuned model; `against` says what that change carries."""
    return tuple(_metric(restored, tuned, scope, (against or {}).get(scope)) for scope in scopes(restored))


def _metric(restored: Evaluation, tuned: Evaluation | None, scope: Scope, verdict: Verdict | None) -> Metric:
    number = headline(restored, scope)
    change = number.value - headline(tuned, scope).value if tuned else None
    name = SCOPE_NAMES[scope].capitalize()
    return Metric(
        label=f"{name} (n = {number.n})",
        value=numbers.share(number.value),
        delta=numbers.delta(change) if change is not None else None,
        direction=verdict.direction if verdict is not None else "unclear",
        interval=numbers.interval(number.interval95),
    )


def past_cliff(count: RestoreCount) -> bool:
    """Whether k asks for more than fine-tuning changed, so that everything changed is already restored."""
    changed_first = count.spec.strategy in _CHANGED_FIRST or count.spec.among == "changed"
    return changed_first and 0 < count.changed_percent < count.spec.percent


def nothing_moves(count: RestoreCount) -> bool:
    """Whether all that is restored are weights that fine-tuning left alone."""
    return count.count > 0 and count.effective_count == 0 and count.changed_count > 0


def rounding_words(count: RestoreCount) -> str:
    """What storing a blend made of its values, in a sentence; empty where there is none, or nothing changed."""
    seen = count.realised
    if seen is None or not count.changed_count or count.spec.strategy not in BLENDS:
        return ""
    parts = {"the base's": seen.to_base, "the tuned": seen.to_tuned, "between the two": seen.between}
    if seen.beyond:
        parts["beyond them"] = seen.beyond
    changed = sum(parts.values())
    listed = ", ".join(f"{numbers.share(part / changed)} {where}" for where, part in parts.items())
    return (
        f"As stored, of {numbers.short_count(changed)} changed weights: {listed}. The values moved "
        f"{numbers.share(seen.l2_percent / 100)} of the squared distance from tuned to base."
    )


def beside(stops: Sequence[Stop], spec: RestoreSpec) -> tuple[Stop, ...]:
    """The stops that can be compared with a spec: the same parameters, ranked in the same way where they are ranked."""
    return tuple(stop for stop in stops if is_beside(stop.spec, spec))


def is_beside(one: RestoreSpec, other: RestoreSpec) -> bool:
    """Whether two stops can be compared: over the same parameters, ranked alike where both are ranked."""
    return _place(one) == _place(other) and _same_ranking(one, other)


def _place(spec: RestoreSpec) -> tuple[object, ...]:
    return spec.region, spec.layers, spec.modules


def _same_ranking(one: RestoreSpec, other: RestoreSpec) -> bool:
    ranked = one.strategy not in BLENDS and other.strategy not in BLENDS
    return not ranked or (one.scope, one.arithmetic) == (other.scope, other.arithmetic)


def seed_table(table: pd.DataFrame) -> pd.DataFrame:
    """A curve table with each stop's seeds joined: mean positions and accuracy, lowest and highest accuracy."""
    groups = table.groupby(["strategy", "order", "percent"], sort=False)
    joined = groups.agg(
        effective_percent=("effective_percent", "mean"),
        moved_percent=("moved_percent", "mean"),
        accuracy=("accuracy", "mean"),
        lowest=("accuracy", "min"),
        highest=("accuracy", "max"),
        seeds=("seed", "nunique"),
    )
    return joined.reset_index()


def curve_table(stops: Sequence[Stop], scope: Scope) -> pd.DataFrame:
    """One row a stop: strategy, seed, percent, effective_percent, accuracy, low, high (fractions 0-1), n, flips."""
    return pd.DataFrame(
        [_curve_row(stop, headline(stop.evaluation, scope)) for stop in stops], columns=list(CURVE_COLUMNS)
    )


def _curve_row(stop: Stop, number: Headline) -> dict[str, object]:
    low, high = number.interval95 or (number.value, number.value)
    moved = stop.count.effective_l2_percent
    return {
        "strategy": stop.spec.strategy,
        "order": series_name(stop.spec),
        "among": stop.spec.among,
        "seed": stop.spec.seed,
        "percent": float(stop.spec.percent),
        "effective_percent": stop.count.effective_percent,
        "moved_percent": math.nan if moved is None else moved,
        "count": stop.count.count,
        "accuracy": number.value,
        "low": low,
        "high": high,
        "n": number.n,
        "fixed": stop.versus_tuned.fixed,
        "broken": stop.versus_tuned.broken,
        "mcnemar_p": stop.versus_tuned.mcnemar_p,
    }


def sweep_table(stops: Sequence[Stop], scopes: Sequence[Scope]) -> pd.DataFrame:
    """Every evaluated stop, one row each, ready for a CSV: the spec, the counts and the accuracy per domain."""
    rows = []
    for stop in sorted(
        stops, key=lambda stop: (stop.spec.strategy, stop.spec.among, stop.spec.seed, stop.spec.percent)
    ):
        row = _curve_row(stop, headline(stop.evaluation, scopes[0]))
        where = {
            "region": stop.spec.region,
            "scope": stop.spec.scope,
            "layers": "all" if stop.spec.layers is None else ranges(stop.spec.layers),
            "modules": "all" if stop.spec.modules is None else " ".join(stop.spec.modules),
            "arithmetic": stop.spec.arithmetic,
            "changed_percent": stop.count.changed_percent,
        }
        per_scope = {f"accuracy_{scope}": headline(stop.evaluation, scope).value for scope in scopes}
        rows.append(
            {name: row[name] for name in CURVE_COLUMNS if name not in ("order", "accuracy", "low", "high")}
            | repair_columns(stop.three_way)
            | per_scope
            | where
        )
    return pd.DataFrame(rows)


def curve_words(
    stops: Sequence[Stop],
    scope: Scope,
    base: Evaluation | None,
    tuned: Evaluation | None,
    told: Judged | None = None,
) -> str:
    """The accuracy curve's whole message, for those who do not see it or ask for more; `told`: its tests."""
    parts = [f"Right answers, {SCOPE_NAMES[scope]}, against the share of parameters restored."]
    for name, evaluation in (("Base in this prompt", base), ("Tuned", tuned)):
        if evaluation is not None:
            parts.append(f"{name}: {_written(evaluation, scope)}.")
    if ranked(stops):
        parts.append(best_words(stops, scope, told))
    return " ".join(parts)


def curve_finding(stops: Sequence[Stop], scope: Scope, tuned: Evaluation | None, told: Judged | None = None) -> str:
    """What the curve shows, in short: its best stop against tuned and against as many at random."""
    if not ranked(stops):
        return curve_words(stops, scope, None, tuned)
    there = f" Tuned: {_written(tuned, scope)}." if tuned else ""
    return f"{best_sentence(stops, scope, told)}{there} Right answers, {SCOPE_NAMES[scope]}; 95% intervals."


def _written(evaluation: Evaluation, scope: Scope) -> str:
    number = headline(evaluation, scope)
    return f"{numbers.share(number.value)} [{numbers.interval(number.interval95)}]"


def best_words(stops: Sequence[Stop], scope: Scope, told: Judged | None = None) -> str:
    """The best stop with its interval and what its change carries, corrected for choosing the best of several here."""
    best = best_ranked(stops, scope)
    if best is None:
        return ""
    told = told or Judged()
    verdict = told.versus_tuned or known_verdict(best, scope)
    count = len(ranked(stops))
    change = f", {verdicts.against(verdicts.corrected(verdict, count), 'tuned')}" if verdict is not None else ""
    control = control_words(told.draws, count)
    several = (
        f"It is the best of {count}, chosen on these very questions, and tends to look worse on others: the stop "
        "chosen on one part of them and reported on the rest says by how much."
        if count > 1
        else ""
    )
    here = f"At {numbers.percent(best.spec.percent)} restored: {_written(best.evaluation, scope)}"
    return " ".join(filter(None, [f"{here}{change}.", control, several]))


def table_words(stops: Sequence[Stop], scope: Scope) -> str:
    """The table of stops in a sentence."""
    n = headline(stops[0].evaluation, scope).n
    return (
        f"All {len(stops)} evaluated stops; {SCOPE_NAMES[scope]} n = {numbers.count(n)}. Fixed, broken and McNemar's p "
        "are against tuned over all questions, not corrected for the number of stops."
    )
