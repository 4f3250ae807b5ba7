"""How much each state of the model knows: the headline by domain, and by mastery level. Knows evaluations only."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.headlines import SCOPE_NAMES, Scope, headline, levels, scopes
from analysis.knowledge.statistics import wilson
from analysis.records import Evaluation


def accuracy_table(states: Mapping[str, Evaluation]) -> pd.DataFrame:
    """One row a state and domain: accuracy, low, high (fractions 0-1, 95%), n, measure."""
    rows = []
    for state, evaluation in states.items():
        for scope in scopes(evaluation):
            number = headline(evaluation, scope)
            low, high = number.interval95 or (number.value, number.value)
            row = {"state": state, "domain": SCOPE_NAMES[scope], "accuracy": number.value, "low": low, "high": high}
            rows.append(row | {"n": number.n, "measure": number.measure})
    return pd.DataFrame(rows)


def level_table(states: Mapping[str, Evaluation], scope: Scope) -> pd.DataFrame:
    """One row a state and mastery level 0-4: accuracy, low, high (fractions 0-1, Wilson 95%), n."""
    rows = []
    for state, evaluation in states.items():
        for level, tally in levels(evaluation, scope).items():
            low, high = wilson(tally.correct, tally.n)
            rows.append(
                {"state": state, "level": level, "accuracy": tally.accuracy, "low": low, "high": high, "n": tally.n}
            )
    return pd.DataFrame(rows, columns=["state", "level", "accuracy", "low", "high", "n"])


def accuracy_bars(states: Mapping[str, Evaluation]) -> style.Figure:
    """The headline accuracy (0-100%) of each state, side by side within each domain, with 95% intervals."""
    table = accuracy_table(states)
    x = alt.X("domain:N", title=None, sort=list(SCOPE_NAMES.values()), axis=alt.Axis(labelAngle=0))
    subtitle = (
        f"{table['measure'].iloc[0]} · n = {' and '.join(numbers.count(n) for n in table['n'].drop_duplicates())}"
    )
    return style.finish(_bars(table, x), "Right answers by domain (%)", f"{subtitle} · bars: 95% interval")


def level_bars(states: Mapping[str, Evaluation], scope: Scope) -> style.Figure:
    """Accuracy (0-100%) at each mastery level of the asked facts, for each state, with 95% Wilson intervals."""
    table = level_table(states, scope)
    x = alt.X(
        "level:O", title="Mastery of the fact by the base (0: never right, 4: mostly)", axis=alt.Axis(labelAngle=0)
    )
    subtitle = f"n = {numbers.count(table.groupby('state')['n'].sum().max())} · bars: 95% interval"
    return style.finish(_bars(table, x), f"Right answers by mastery, {SCOPE_NAMES[scope]} (%)", subtitle)


def _bars(table: pd.DataFrame, x: alt.X) -> style.Figure:
    present = list(dict.fromkeys(table["state"]))
    offset = alt.XOffset("state:N", sort=present)
    colour = alt.Color("state:N", scale=style.state_scale(*present), sort=present, title=None)
    tooltip = [
        alt.Tooltip("state:N", title="state"),
        alt.Tooltip("accuracy:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="95% to", format=".1%"),
        alt.Tooltip("n:Q", title="questions"),
    ]
    y = alt.Y(
        "accuracy:Q",
        axis=alt.Axis(format=style.PERCENT_FORMAT, title=None, tickCount=5),
        scale=style.accuracy_scale(table["high"]),
    )
    chart = alt.Chart(table).encode(x=x, xOffset=offset, tooltip=tooltip)
    bars = chart.mark_bar(opacity=0.85).encode(y=y, color=colour)
    whiskers = chart.mark_rule(strokeWidth=1.5, color=style.RANDOM).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    return alt.layer(bars, whiskers, height=style.FIGURE_HEIGHT)
