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
PANEL_HEIGHT = 150
PANEL_WIDTH = 190


def skill_curves(table: pd.DataFrame, chance: float) -> style.Figure:
    """Share right (0-100%) of skill and facts against the restored percentage, a column a training; 95% intervals."""
    drawn = curve_table(table)
    scale = alt.Scale(domain=list(ORDERS.values()), range=[style.RESTORED, style.RANDOM])
    x = alt.X("percent:Q", title="restored, %", axis=alt.Axis(tickCount=4))
    colour = alt.Color("order:N", scale=scale, title=None)
    tooltip = [
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
    chart = alt.Chart(drawn).encode(x=x, color=colour)
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT, tickCount=4))
    layers = [
        chart.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title=None), y2="high:Q"),
        chart.mark_line().encode(y=y),
        chart.mark_point(filled=True, size=45, opacity=1).encode(y=y, tooltip=tooltip),
    ]
    panels = alt.layer(*layers, height=PANEL_HEIGHT, width=PANEL_WIDTH).facet(
        column=alt.Column("trained:N", sort=list(TRAINED.values()), title=None),
        row=alt.Row("asked:N", sort=list(MEASURES.values()), title=None),
    )
    told = drawn.groupby("measure")["n"].max()
    draws = numbers.count(drawn["draws"].max())
    notes = [
        f"skill: n = {numbers.count(told.get('skill'))} questions on names in no example, exact answer; always the "
        f"commonest answer: {numbers.share(chance)}",
        f"facts: n = {numbers.count(told.get('facts'))} test questions, mean over mastery levels · bands: 95%; the "
        f"control's from lowest to highest limit of {draws} draws",
    ]
    return style.finish(panels, "A new skill and the facts, as parameters go back to the base (% right)", notes)


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
