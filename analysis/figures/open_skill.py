"""Does restoration cost a new skill? Skill and facts against how much is restored, beside the random control.

The rows are those of analysis.experiments.state_rows; an open question of Ye et al., EMNLP 2025. Knows no store.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from analysis.figures import numbers, style

MEASURES = {"skill": "the skill", "facts": "the facts"}
TRAINED = {"facts": "trained on facts", "skill": "trained on the skill", "both": "trained on both"}
ORDERS = {"relative-top": "largest relative change first", "random": "random control"}


def skill_curves(table: pd.DataFrame, chance: float, training: str = "both") -> style.Figure:
    """Share right (0-100%) of skill and facts against the restored percentage, after one training; 95% bands."""
    drawn = curve_table(table)
    drawn = drawn[drawn["training"] == training]
    tones = alt.Scale(domain=list(ORDERS.values()), range=[style.RESTORED, style.RANDOM])
    names = list(MEASURES.values())
    x = alt.X("percent:Q", title="restored, %", axis=alt.Axis(tickCount=6))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT), scale=alt.Scale(domain=[0, 1]))
    colour = alt.Color("order:N", scale=tones, title=None, legend=alt.Legend(columns=2, symbolOpacity=1))
    legend = alt.Legend(columns=2, symbolFillColor=style.RANDOM)
    shape = alt.Shape("asked:N", scale=alt.Scale(domain=names, range=["circle", "square"]), title=None, legend=legend)
    dash = alt.StrokeDash("asked:N", scale=alt.Scale(domain=names, range=[[1, 0], [6, 4]]), title=None, legend=legend)
    chart = alt.Chart(drawn).encode(x=x, color=colour)
    layers = [
        chart.mark_area(opacity=0.14).encode(y=alt.Y("low:Q", title=None), y2="high:Q", detail="asked:N"),
        chart.mark_line().encode(y=y, strokeDash=dash),
        chart.mark_point(filled=True, size=75, opacity=1).encode(y=y, shape=shape, tooltip=_tooltip()),
    ]
    told = {row["measure"]: row["n"] for row in drawn.to_dict("records")}
    draws = numbers.count(drawn["draws"].max())
    notes = [
        f"skill: n = {numbers.count(told.get('skill'))}, names in no example, exact answer; always the commonest: "
        f"{numbers.share(chance)}",
        f"facts: n = {numbers.count(told.get('facts'))}, mean over mastery levels · bands: 95%, the control's over "
        f"{draws} draws",
    ]
    title = f"A new skill and the facts as parameters go back to the base, {TRAINED[training]} (% right)"
    return style.finish(alt.layer(*layers, height=style.FIGURE_HEIGHT + 40), title, notes)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("trained:N", title=" "),
        alt.Tooltip("asked:N", title="asked for"),
        alt.Tooltip("order:N", title="restored"),
        alt.Tooltip("percent:Q", title="restored, %"),
        alt.Tooltip("effective_percent:Q", title="really changed, %", format=".1f"),
        alt.Tooltip("value:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("n:Q", title="questions"),
        alt.Tooltip("draws:Q", title="draws"),
    ]


def curve_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row a training, measure, order and percent; the control's draws joined: mean, lowest low, highest high.

    The tuned model is both orders' start, at 0%.
    """
    starts = [table[table["strategy"] == "tuned"].assign(strategy=order) for order in ORDERS]
    rows = pd.concat([*starts, table[table["strategy"].isin(list(ORDERS))]])
    keys = ["training", "measure", "strategy", "percent"]
    found = rows.groupby(keys, as_index=False).agg(
        value=("value", "mean"),
        low=("low", "min"),
        high=("high", "max"),
        n=("n", "max"),
        draws=("value", "size"),
        effective_percent=("effective_percent", "mean"),
    )
    named = {"trained": TRAINED, "asked": MEASURES, "order": ORDERS}
    columns = {"trained": "training", "asked": "measure", "order": "strategy"}
    return found.assign(**{name: found[columns[name]].map(words) for name, words in named.items()})


def skill_words(table: pd.DataFrame, percent: float) -> str:
    """What restoring so much costs and gives, for the model trained on both, in a sentence."""
    rows = curve_table(table).to_dict("records")
    found = {
        (row["measure"], row["strategy"], row["percent"]): row["value"] for row in rows if row["training"] == "both"
    }

    def told(order: str, at: float) -> str:
        skill, facts = (numbers.share(found.get((measure, order, at))) for measure in MEASURES)
        return f"{skill} of the skill and {facts} of the facts"

    return (
        f"Trained on both, the tuned model has {told('relative-top', 0.0)}. With the {numbers.percent(percent)} of "
        f"largest relative change restored: {told('relative-top', percent)}; with as many at random: "
        f"{told('random', percent)}."
    )


def middle_percent(table: pd.DataFrame) -> float:
    """The percentage to speak of: 20 where it was asked (the paper's best), else the middle one."""
    asked = sorted(set(table.loc[table["strategy"] == "relative-top", "percent"]))
    return 20.0 if 20.0 in asked else float(asked[len(asked) // 2]) if asked else 0.0
