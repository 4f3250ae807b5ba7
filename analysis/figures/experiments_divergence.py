"""KL at the first answer token against training samples (Figure 4), and accuracy against KL (Figure 5).

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596). KL(tuned || base) in nats over level-4 test facts, the tuned model's
ten largest logits; the measurement over the whole vocabulary stands beside it where it was made.
"""

import altair as alt
import pandas as pd

from analysis.experiments.association import kl_and_accuracy, rank_correlation
from analysis.experiments.claim import nats_words
from analysis.experiments.spread import (
    headline,
    level_name,
    measured,
    over_runs,
    size_name,
    size_order,
    spread_kind,
    variant_of,
)
from analysis.figures import experiments as look
from analysis.figures import numbers, style

KL_GROUP = "4"  # the level of the facts it is measured on
KINDS = {"kl_paper": "ten largest logits (the paper's)", "kl_full": "whole vocabulary"}


def kl_rows(table: pd.DataFrame, measure: str = "kl_paper") -> pd.DataFrame:
    """KL (nats) of the tuned models, one row a training level and size: mean, low, high, kind, runs, n."""
    return over_runs(measured(table, measure, strategy="", variant=variant_of(table)), ("level", "size"))


def kl_curve(table: pd.DataFrame, measure: str = "kl_paper") -> style.Figure:
    """Mean KL (nats) against training samples, one line a training level, with its spread."""
    rows = kl_rows(table, measure)
    levels, sizes = look.levels_of(rows), size_order(rows["size"])
    placed = look.placed(rows, sizes, levels).assign(measure=measure, group=KL_GROUP)
    y = alt.Y("mean:Q", title=None, axis=alt.Axis(format="~g"), scale=alt.Scale(zero=True))
    tooltip = look.run_tooltip(
        alt.Tooltip("mean:Q", title="KL, nats", format=".3f"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    )
    layers = look.size_layers(placed, levels, y, tooltip)
    facts = f"n = {numbers.count(rows['n'].max())} level-4 facts a run" if rows["n"].max() > 0 else "level-4 facts"
    return style.finish(
        alt.layer(*layers, height=style.FIGURE_HEIGHT),
        "KL at the first answer token (nats)",
        [f"KL(tuned || base), {KINDS[measure]}", *look.variant_lines(table), facts, spread_kind(rows)],
    )


def accuracy_scatter(table: pd.DataFrame, measure: str = "kl_paper", domain: str = "in") -> style.Figure:
    """In-domain accuracy (0-100%) against KL (nats), a mark a run; its title tells the rank correlation."""
    points = kl_and_accuracy(table, measure, domain, variant=variant_of(table))
    levels = look.levels_of(points)
    shown = points.assign(
        trained=[level_name(level) for level in points["level"]],
        samples=[size_name(size) for size in points["size"]],
        measure="accuracy",
        group=headline(table),
    )
    legend = alt.Legend(orient="top", columns=3, symbolSize=90)
    chart = alt.Chart(shown).mark_point(filled=True, size=85, opacity=0.9, cursor="pointer")
    highs = list(points["accuracy"])
    figure = chart.encode(
        x=alt.X("kl:Q", title="KL(tuned || base), nats", axis=alt.Axis(format="~g"), scale=alt.Scale(zero=True)),
        y=alt.Y(
            "accuracy:Q", axis=alt.Axis(format=style.PERCENT_FORMAT, title=None), scale=style.accuracy_scale(highs)
        ),
        color=alt.Color("trained:N", scale=look.level_scale(levels), title=None, legend=legend),
        shape=alt.Shape("trained:N", scale=look.shape_scale(levels), title=None, legend=legend),
        tooltip=[
            alt.Tooltip("trained:N", title="trained on"),
            alt.Tooltip("samples:N", title="samples"),
            alt.Tooltip("seed:Q", title="seed"),
            alt.Tooltip("kl:Q", title="KL, nats", format=".3f"),
            alt.Tooltip("accuracy:Q", title="right", format=".1%"),
            alt.Tooltip("n:Q", title="questions"),
        ],
    ).add_params(look.click(*look.NUMBER_FIELDS, "seed"))
    figure = figure.properties(height=style.FIGURE_HEIGHT)
    notes = ["a mark a run", *look.variant_lines(table), correlation_words(points)]
    return style.finish(figure, "Right against KL, in-domain (%)", notes)


def correlation_words(points: pd.DataFrame) -> str:
    """Spearman's rho with its interval, what it is over, and what it leaves out."""
    found = rank_correlation(points)
    if found is None:
        return f"{len(points)} runs; a correlation needs at least four training sets"
    estimate, low, high = (numbers.signed(value, 2) for value in (found.estimate, found.low, found.high))
    return f"rank correlation {estimate} [{low}, {high}], 95%, {found.groups} training sets resampled"


def kl_words(table: pd.DataFrame, measure: str = "kl_paper") -> str:
    """KL of every training level at its smallest and its largest size, and how it goes with accuracy, in a sentence."""
    rows = kl_rows(table, measure)
    told = [_level_words(rows[rows["level"] == level]) for level in look.levels_of(rows)]
    points = kl_and_accuracy(table, measure, variant=variant_of(table))
    what = f"KL(tuned || base) in nats{look.variant_words(table)}"
    return f"{what}: {'; '.join(told)} ({spread_kind(rows)}). With accuracy: {correlation_words(points)}."


def _level_words(rows: pd.DataFrame) -> str:
    at = {int(row["size"]): row for row in rows.to_dict("records")}
    ends = dict.fromkeys((size_order(at)[0], size_order(at)[-1]))
    told = ", ".join(f"{nats_words(at[size])} at {size_name(size)}" for size in ends)
    return f"{level_name(rows['level'].iloc[0])} {told}"


def divergence_table(table: pd.DataFrame) -> pd.DataFrame:
    """KL (nats) by level, size and kind of measurement, with spread and n."""
    parts = [kl_rows(table, measure).assign(over=words) for measure, words in KINDS.items()]
    joined = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return joined.assign(samples=[size_name(size) for size in joined["size"]])[
        ["level", "samples", "over", "mean", "low", "high", "kind", "runs", "n"]
    ]
