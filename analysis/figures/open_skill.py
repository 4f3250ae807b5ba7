"""Does restoration cost a new skill? Skill and facts against how much is restored, beside the random control.

The rows are those of analysis.experiments.state_rows; an open question of Ye et al., EMNLP 2025. Knows no store.
"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

from analysis.figures import numbers, style

MEASURES = {"skill": "the skill", "facts": "the facts"}
TRAINED = {"facts": "trained on facts", "skill": "trained on the skill", "both": "trained on both"}
ORDERS = {"relative-top": "largest relative change first", "random": "random control"}


def skill_curves(table: pd.DataFrame, chance: float, training: str = "both") -> style.Figure:
    """Share right (0-100%) of skill and facts against the restored percentage, after one training.

    Lines are means over the training seeds, bands from the lowest to the highest 95% limit; a small point a seed.
    """
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
    seeds = seed_table(table)
    seeds = seeds[seeds["training"] == training]
    trained = int(drawn["trainings"].max())
    if trained > 1:
        single = alt.Chart(seeds).encode(x=x, color=colour, y=y, shape=shape)
        layers.append(single.mark_point(filled=False, size=28, opacity=0.7).encode(tooltip=_tooltip("train_seed:Q")))
    told = {row["measure"]: row["n"] for row in drawn.to_dict("records")}
    draws = numbers.count(drawn["draws"].max())
    notes = [
        f"skill: n = {numbers.count(told.get('skill'))}, names in no example, exact answer; always the commonest: "
        f"{numbers.share(chance)}",
        f"facts: n = {numbers.count(told.get('facts'))}, mean over mastery levels · {numbers.count(trained)} "
        f"training{'s' if trained > 1 else ''} · bands: outermost 95% limits; the control: {draws} draws a training",
    ]
    title = f"A new skill and the facts as parameters go back to the base, {TRAINED[training]} (% right)"
    return style.finish(alt.layer(*layers, height=style.FIGURE_HEIGHT + 40), title, notes)


def _tooltip(*more: str) -> list[alt.Tooltip]:
    return [
        *(alt.Tooltip(field, title="training seed") for field in more),
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


def skill_rows(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """The rows of several trainings' tables, by the seed that trained them."""
    return pd.concat([table.assign(train_seed=seed) for seed, table in tables.items()], ignore_index=True)


def seed_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row a training seed, training, measure, order and percent; the control's draws joined: mean, outermost limits.

    The tuned model is both orders' start, at 0%. A table without `train_seed` is of one training.
    """
    table = table if "train_seed" in table else table.assign(train_seed=0)
    starts = [table[table["strategy"] == "tuned"].assign(strategy=order) for order in ORDERS]
    rows = pd.concat([*starts, table[table["strategy"].isin(list(ORDERS))]])
    keys = ["train_seed", "training", "measure", "strategy", "percent"]
    found = rows.groupby(keys, as_index=False).agg(
        value=("value", "mean"),
        low=("low", "min"),
        high=("high", "max"),
        n=("n", "max"),
        draws=("value", "size"),
        effective_percent=("effective_percent", "mean"),
    )
    return _named(found)


def curve_table(table: pd.DataFrame) -> pd.DataFrame:
    """The same joined over training seeds: mean, lowest low, highest high, and how many `trainings`."""
    keys = ["training", "measure", "strategy", "percent"]
    found = (
        seed_table(table)
        .groupby(keys, as_index=False)
        .agg(
            value=("value", "mean"),
            low=("low", "min"),
            high=("high", "max"),
            n=("n", "max"),
            draws=("draws", "max"),
            effective_percent=("effective_percent", "mean"),
            trainings=("value", "size"),
        )
    )
    return _named(found)


def _named(found: pd.DataFrame) -> pd.DataFrame:
    named = {"trained": TRAINED, "asked": MEASURES, "order": ORDERS}
    columns = {"trained": "training", "asked": "measure", "order": "strategy"}
    return found.assign(**{name: found[columns[name]].map(words) for name, words in named.items()})


def skill_words(table: pd.DataFrame, percent: float) -> str:
    """What restoring so much costs and gives, for the model trained on both, with intervals, n and trainings."""
    rows = [row for row in curve_table(table).to_dict("records") if row["training"] == "both"]
    found = {(row["measure"], row["strategy"], row["percent"]): row for row in rows}

    def share(measure: str, order: str, at: float) -> str:
        row = found.get((measure, order, at))
        if row is None:
            return numbers.MISSING
        return f"{numbers.share(row['value'])} [{numbers.interval((row['low'], row['high']))}]"

    def told(order: str, at: float) -> str:
        skill, facts = (share(measure, order, at) for measure in MEASURES)
        return f"{skill} of the skill and {facts} of the facts"

    asked = {row["measure"]: numbers.count(row["n"]) for row in rows}
    trainings = max((row["trainings"] for row in rows), default=0)
    several = f"means of {trainings} trainings, outermost 95% limits" if trainings > 1 else "one training, 95%"
    return (
        f"Trained on both, the tuned model has {told('relative-top', 0.0)}. With the {numbers.percent(percent)} of "
        f"largest relative change restored: {told('relative-top', percent)}; with as many at random: "
        f"{told('random', percent)} ({several}; n = {asked.get('skill', numbers.MISSING)} of the skill, "
        f"{asked.get('facts', numbers.MISSING)} facts)."
    )


def middle_percent(table: pd.DataFrame) -> float:
    """The percentage to speak of: 20 where it was asked (the paper's best), else the middle one."""
    asked = sorted(set(table.loc[table["strategy"] == "relative-top", "percent"]))
    return 20.0 if 20.0 in asked else float(asked[len(asked) // 2]) if asked else 0.0
