"""Ways to a good model on the same data (Table 7): plain fine-tuning, its variants, LoRA, and restoring afterwards.

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596). Every way is shown beside plain fine-tuning and beside a random draw
of as many parameters. Knows the result table and the paper's numbers.
"""

from typing import Any

import altair as alt
import pandas as pd

from analysis.experiments import paper
from analysis.experiments.spread import PLAIN, headline, level_name, measured, over_runs, size_name, spread_kind
from analysis.figures import experiments as look
from analysis.figures import numbers, style
from analysis.figures.experiments_sizes import DOMAIN_NAMES
from analysis.figures.strategies import WORDS

ROW = 36  # pixels a way: two lines of text
LEGEND = 56
_TWO_LINES = r"split(replace(datum.label, ', then ', '\nthen '), '\n')"  # what was trained, and what was restored of it
_WAY_AXIS = alt.Axis(labelLimit=250, labelExpr=_TWO_LINES, ticks=False, domain=False)


def way_words(variant: str, strategy: Any, percent: float) -> str:
    """A way by its name: 'LoRA', 'Plain fine-tuning, then relative top 20%'."""
    made = look.variant_name(variant)
    return f"{made}, then {WORDS[strategy].short} {percent:g}%" if strategy else made


def way_rows(table: pd.DataFrame, level: str, size: int, percent: float, domain: str) -> pd.DataFrame:
    """Accuracy (0-1) of every way for one training set: each variant as it is, and restored at `percent`."""
    rows = measured(table, "accuracy", domain=domain, group=headline(table), level=level, size=size)
    rows = rows[(rows["variant"] != "base") & ((rows["strategy"] == "") | (rows["percent"] == percent))]
    joined = over_runs(rows, ("variant", "strategy", "percent"))
    named = joined.assign(
        way=[way_words(row["variant"], row["strategy"], row["percent"]) for row in joined.to_dict("records")]
    )
    first = (named["variant"] == PLAIN) & (named["strategy"] == "")
    order = named.assign(first=~first, restored=named["strategy"] != "")
    return order.sort_values(["first", "restored", "mean"], ascending=[True, True, False]).drop(
        columns=["first", "restored"]
    )


def way_dots(table: pd.DataFrame, level: str, size: int, percent: float, domain: str) -> style.Figure:
    """Accuracy (percent) of every way with its spread, plain fine-tuning as a line through all."""
    rows = way_rows(table, level, size, percent, domain)
    rows = rows.assign(kind_of=[_kind(row["strategy"]) for row in rows.to_dict("records")])
    order = list(rows["way"])
    y = alt.Y("way:N", sort=order, title=None, axis=_WAY_AXIS)
    highs = list(rows["high"].fillna(rows["mean"]))
    x = alt.X("mean:Q", scale=style.accuracy_scale(highs), axis=alt.Axis(format=style.PERCENT_FORMAT, title=None))
    kinds = alt.Scale(domain=list(KIND_COLOURS), range=list(KIND_COLOURS.values()))
    legend = alt.Legend(orient="top", columns=style.legend_columns(3, 1, below=260), symbolSize=90)
    colour = alt.Color("kind_of:N", scale=kinds, title=None, legend=legend)
    tooltip = [
        alt.Tooltip("way:N", title="way"),
        alt.Tooltip("mean:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("runs:Q", title="runs"),
        alt.Tooltip("n:Q", title="questions a run"),
    ]
    chart = alt.Chart(rows.assign(level=level, size=size))
    layers = [
        chart.mark_rule(strokeWidth=2, opacity=0.6).encode(x="low:Q", x2="high:Q", y=y, color=colour),
        chart.mark_point(filled=True, size=95, opacity=1, cursor="pointer")
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
        .add_params(look.click("level", "size", "variant", "strategy", "percent")),
    ]
    plain = rows[(rows["variant"] == PLAIN) & (rows["strategy"] == "")]
    if len(plain):
        line = alt.Chart(plain).mark_rule(strokeDash=[4, 3], color=style.TUNED, opacity=0.8)
        layers.insert(0, line.encode(x="mean:Q"))
    return style.finish(
        alt.layer(*layers, height=style.HEAD_HEIGHT + LEGEND + ROW * max(1, len(rows))),
        f"Right by way, {level_name(level)} · {size_name(size)} (%)",
        [
            f"{DOMAIN_NAMES[domain]} · n = {numbers.count(rows['n'].max())} questions a run",
            spread_kind(rows),
            "dashed: plain fine-tuning",
        ],
    )


def way_sentence(table: pd.DataFrame, level: str, size: int, percent: float, domain: str) -> str:
    """Every way with its spread, in a sentence that judges none."""
    rows = way_rows(table, level, size, percent, domain)
    told = "; ".join(f"{row['way']} {look.spread_words(row)}" for row in rows.to_dict("records"))
    what = f"Trained on {level_name(level)} · {size_name(size)}, {DOMAIN_NAMES[domain]}"
    return f"{what}: {told} {look.asked_words(rows)}." if told else f"{what}: nothing is measured yet."


KIND_COLOURS = {"trained": style.TUNED, "then restored": style.RESTORED, "control": style.RANDOM}


def _kind(strategy: str) -> str:
    if not strategy:
        return "trained"
    return "control" if strategy in ("random", "relative-bottom", "absolute-bottom") else "then restored"


def paper_ways() -> pd.DataFrame:
    """The paper's Table 7 as far as it is held: way, accuracy (0-1)."""
    return pd.DataFrame(
        [{"the paper's way": _PAPER_WAYS[value.variant, value.strategy], "right": value.value} for value in paper.WAYS]
    )


_PAPER_WAYS = {
    ("sft", ""): "full fine-tuning on divided data",
    ("lora", ""): "LoRA",
    ("sft", "relative-top"): "full fine-tuning, then restored",
}


def way_table(table: pd.DataFrame, level: str, size: int, percent: float, domain: str) -> pd.DataFrame:
    """The dots as a table (fractions 0-1)."""
    return way_rows(table, level, size, percent, domain)[["way", "mean", "low", "high", "kind", "runs", "n"]]
