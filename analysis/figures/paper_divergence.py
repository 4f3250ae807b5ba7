"""The paper's measurement as words, tables and figures: KL at the first answer token of facts the base knows well.

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596), section 4, Figures 4 and 5. Knows no streamlit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.figures import mastery_tables, numbers, style
from analysis.figures.visible import legible, spoken
from analysis.records import Evaluation

if TYPE_CHECKING:
    from analysis.knowledge.correlation import Estimate
    from analysis.language.paper_records import PaperDivergence

ROW_HEIGHT = 24
FEWEST_MODELS = 4
MODEL_COLUMNS = ("model", "kl_nats", "low", "high", "n", "accuracy", "accuracy_low", "accuracy_high", "questions")


@dataclass(frozen=True)
class TunedModel:
    """One tuned model of the base: its name, its measurement, and its evaluation on the same questions where known."""

    name: str
    measured: PaperDivergence
    evaluation: Evaluation | None


def paper_words(found: PaperDivergence) -> str:
    """The measurement in a sentence or two, with n, interval and what was dropped."""
    kept = f"{numbers.count(found.n)} of {numbers.count(found.asked)} level-4 facts count"
    if found.mean_kl_nats is None:
        return f"Nothing to average: {kept}."
    interval = (
        ""
        if found.low is None or found.high is None
        else f" (95% interval over facts: {numbers.significant(found.low)} to {numbers.significant(found.high)})"
    )
    return (
        f"KL({found.state} ‖ base) at the first answer token: {numbers.significant(found.mean_kl_nats)} nats"
        f"{interval}, over the {found.state} model's {found.top} largest logits; {kept}. Over the full vocabulary: "
        f"{numbers.significant(found.mean_kl_full_nats)} nats."
    )


def dropped_table(found: PaperDivergence) -> pd.DataFrame:
    """What became of every level-4 fact: `facts` by reason, the counted ones first; they add up to all asked."""
    rows = [("counted", found.n), *sorted(found.dropped.items(), key=lambda item: -item[1])]
    return pd.DataFrame(rows, columns=["what became of it", "facts"])


def relation_table(found: PaperDivergence) -> pd.DataFrame:
    """One row a relation: name, the statement given to the base, its success rate (0-1), n, mean KL (nats)."""
    rows = [
        (mastery_tables.relation_name(row.relation), row.statement, row.rate, row.n, row.mean_kl_nats)
        for row in found.by_relation
    ]
    return pd.DataFrame(rows, columns=["relation", "statement", "rate", "n", "mean_kl_nats"])


def fact_table(found: PaperDivergence) -> pd.DataFrame:
    """One row a counted fact, largest KL first, token text made visible."""
    table = pd.DataFrame([asdict(row) for row in sorted(found.rows, key=lambda row: -row.kl_nats)])
    for column in ("base_choice", "tuned_choice", "completion", "statement"):
        if column in table:
            table[column] = table[column].map(spoken if column.endswith("choice") else legible)
    return table


def by_relation(found: PaperDivergence) -> style.Figure:
    """Mean KL of each relation, largest first, n beside it."""
    table = relation_table(found).dropna(subset=["mean_kl_nats"])
    names = list(table.sort_values("mean_kl_nats", ascending=False)["relation"])
    tips = [alt.Tooltip(f"{name}:N", title=name) for name in ("relation", "statement")]
    tips += [alt.Tooltip("n:Q", title="facts"), alt.Tooltip("mean_kl_nats:Q", title="mean KL (nats)", format=".3g")]
    y = alt.Y("relation:N", sort=names, title=None, axis=alt.Axis(labelLimit=220))
    chart = alt.Chart(table)
    bars = chart.mark_bar(color=style.COLOURS.get(found.state, style.TUNED), opacity=0.75).encode(
        x=alt.X("mean_kl_nats:Q", title="nats"), y=y, tooltip=tips
    )
    words = chart.mark_text(align="left", dx=4, fontSize=11).encode(x="mean_kl_nats:Q", y=y, text=alt.Text("label:N"))
    figure = alt.layer(bars, words.transform_calculate(label="'n = ' + datum.n"))
    height = style.HEAD_HEIGHT + ROW_HEIGHT * max(3, len(table))
    return style.finish(
        figure.properties(height=height),
        f"KL({found.state} ‖ base) at the first answer token, by relation (nats)",
        f"top {found.top}, level-4 facts, n = {found.n:,}",
    )


def model_table(models: Sequence[TunedModel]) -> pd.DataFrame:
    """One row a tuned model of the same base: KL (nats) with interval and n, accuracy (contains, 0-1) with interval."""
    return pd.DataFrame([_model_row(model) for model in models], columns=list(MODEL_COLUMNS))


def _model_row(model: TunedModel) -> dict[str, object]:
    found, asked = model.measured, model.evaluation
    low, high = asked.wilson95["contains"] if asked else (None, None)
    return {
        "model": model.name,
        "kl_nats": found.mean_kl_nats,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "accuracy": asked.accuracy["contains"] if asked else None,
        "accuracy_low": low,
        "accuracy_high": high,
        "questions": asked.n if asked else 0,
    }


def model_scatter(models: Sequence[TunedModel]) -> style.Figure:
    """Accuracy against KL, one mark a tuned model with both intervals (the paper's Figure 5)."""
    table = model_table(models).dropna(subset=["kl_nats", "accuracy"])
    x = alt.X("kl_nats:Q", title="KL (nats)", scale=alt.Scale(zero=False, padding=30), axis=alt.Axis(tickCount=6))
    y = alt.Y("accuracy:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT, tickCount=6))
    tips = [alt.Tooltip("model:N"), alt.Tooltip("kl_nats:Q", title="KL (nats)", format=".3g")]
    tips += [alt.Tooltip("accuracy:Q", format=".1%"), alt.Tooltip("n:Q", title="facts"), alt.Tooltip("questions:Q")]
    chart = alt.Chart(table)
    across = chart.mark_rule(color=style.TUNED, opacity=0.5).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    up = chart.mark_rule(color=style.TUNED, opacity=0.5).encode(x=x, y=alt.Y("accuracy_low:Q"), y2="accuracy_high:Q")
    dots = chart.mark_point(color=style.TUNED, filled=True, size=90).encode(x=x, y=y, tooltip=tips)
    names = chart.mark_text(align="left", dx=8, dy=-8, fontSize=12).encode(x=x, y=y, text="model:N")
    figure = alt.layer(across, up, dots, names).properties(height=style.FIGURE_HEIGHT)
    return style.finish(figure, "Right answers (%) against KL at the first answer token", correlation_words(models))


def correlation_words(models: Sequence[TunedModel]) -> str:
    """How accuracy goes with KL over models: rank and linear correlation with intervals, or why there is none."""
    from analysis.knowledge.correlation import correlate

    table = model_table(models).dropna(subset=["kl_nats", "accuracy"])
    found = correlate(table["kl_nats"].astype(float).tolist(), table["accuracy"].astype(float).tolist())
    if found.n < FEWEST_MODELS:
        return f"{found.n} tuned models: a correlation needs {FEWEST_MODELS}"
    if found.spearman.estimate is None:
        return f"{found.n} tuned models, all alike: there is nothing to correlate"
    rank, line = (_estimate_words(one) for one in (found.spearman, found.pearson))
    return f"rank correlation {rank}, permutation p {found.spearman.p:.2f}; Pearson's r {line}; {found.n} tuned models"


def _estimate_words(one: Estimate) -> str:
    estimate, low, high = (numbers.signed(value, 2) for value in (one.estimate, one.low, one.high))
    return f"{estimate} (95%: {low} to {high})"
