"""What restoration costs on other tasks (GSM8K, XSum, one's own): scores against how much is restored.

The rows are those of a task's report (strategy, seed, percent, metric, filter, n, value, low, high). Ye et al., EMNLP
2025, ask these two tasks in Table 5; its values are not held here. Knows no store.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from analysis.figures import numbers, style

ORDERS = {"relative-top": "largest relative change first", "random": "random control"}
COLOURS = {
    "the base": style.BASE,
    "tuned": style.TUNED,
    ORDERS["relative-top"]: style.RESTORED,
    ORDERS["random"]: style.RANDOM,
}
NAMES = {"base": "the base", "tuned": "tuned", **ORDERS}


def scores_of(table: pd.DataFrame) -> list[str]:
    """The scores that were taken, a metric behind a filter each, in the task's order: 'exact_match (strict-match)'."""
    return list(dict.fromkeys(_named(table)["score"]))


def task_curve(table: pd.DataFrame, score: str) -> style.Figure:
    """One score (0-100%) against the restored percentage, with 95% intervals; the base as a line through all."""
    rows = _named(table)
    rows = rows[rows["score"] == score]
    starts = [rows[rows["strategy"] == "tuned"].assign(order=words) for words in ORDERS.values()]
    drawn = pd.concat([*starts, rows[rows["strategy"].isin(list(ORDERS))]])
    names = list(COLOURS)
    scale = alt.Scale(domain=names, range=[COLOURS[name] for name in names])
    x = alt.X("percent:Q", title="restored, %", axis=alt.Axis(tickCount=6))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT), scale=_scale(rows))
    colour = alt.Color("order:N", scale=scale, title=None, legend=alt.Legend(columns=2, symbolOpacity=1))
    base = alt.Chart(rows[rows["strategy"] == "base"])
    tuned = alt.Chart(rows[rows["strategy"] == "tuned"])
    chart = alt.Chart(drawn).encode(x=x, color=colour)
    layers = [
        base.mark_rule(strokeDash=[4, 3]).encode(y=y, color=colour, tooltip=_tooltip()),
        chart.mark_line().encode(y=y, detail="seed:N"),
        chart.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", title=None), y2="high:Q"),
        chart.mark_point(filled=True, size=70, opacity=1).encode(y=y, tooltip=_tooltip()),
        tuned.mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y, color=colour, tooltip=_tooltip()),
    ]
    notes = [f"n = {numbers.count(rows['n'].max())} documents a state · bars: 95% over the documents"]
    figure = alt.layer(*layers, height=style.FIGURE_HEIGHT)
    return style.finish(figure, f"{score} as parameters go back to the base (%)", notes)


def _scale(rows: pd.DataFrame) -> alt.Scale:
    return style.accuracy_scale(list(rows["high"].fillna(rows["value"])))


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("order:N", title="state"),
        alt.Tooltip("percent:Q", title="restored, %"),
        alt.Tooltip("value:Q", title="score", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("n:Q", title="documents"),
    ]


def _named(table: pd.DataFrame) -> pd.DataFrame:
    rows = table.to_dict("records")
    return table.assign(
        score=[f"{row['metric']} ({row['filter']})" if row["filter"] != "none" else row["metric"] for row in rows],
        order=table["strategy"].map(NAMES),
    )


def task_words(table: pd.DataFrame, percent: float) -> str:
    """Every score of base, tuned and the states at one percentage, with interval and n; judges none."""
    rows = _named(table)
    told = [_score_words(rows[rows["score"] == score], percent) for score in scores_of(table)]
    n = numbers.count(rows["n"].max())
    return f"{' '.join(told)} In brackets 95% over n = {n} documents, each state on its own: no paired test."


def _score_words(rows: pd.DataFrame, percent: float) -> str:
    at = rows[(rows["percent"] == percent) | rows["strategy"].isin(["base", "tuned"])]
    at = at[at["seed"] == at.groupby("strategy")["seed"].transform("min")]
    told = "; ".join(
        f"{row['order']}{f' at {percent:g}%' if row['percent'] else ''} {numbers.share(row['value'])} "
        f"[{numbers.interval((row['low'], row['high']))}]"
        for row in at.to_dict("records")
    )
    return f"{rows['score'].iloc[0]}: {told}."
