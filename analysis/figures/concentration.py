"""How unevenly the change is spread: the share of all change held by the most changed x% of parameters.

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596), Table 3. The ratio r is heavy-tailed by construction, so its shuffled
null stands beside it, and so does the share of absolute change |d|. Knows a profile's curve only.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from analysis.experiments import paper
from analysis.figures import numbers, style
from analysis.records import PAPER_PERCENTS, Arithmetic

if TYPE_CHECKING:
    from analysis.weights.tables import Concentration

PAPER_CONCENTRATION = {float(each.group): round(100 * each.value, 2) for each in paper.CONCENTRATION}
CURVES = {
    "share_relative": ("relative change r", style.SLATE),
    "share_null": ("r, changes shuffled (null)", style.RANDOM),
    "share_absolute": ("absolute change |d|", style.SAND),
}


def concentration_table(
    curve: "Concentration",
    percents: Sequence[float] = PAPER_PERCENTS,
    *,
    changed_percent: float = 100.0,
    arithmetic: Arithmetic = "exact",
) -> pd.DataFrame:
    """Shares (0-1) held by the most changed x% at these percentages, beside the paper's for LLaMA-3-8B, level 0.

    `effective_percent`: how much of the region restoring them really changes, the cliff `changed_percent` at most.
    """
    return pd.DataFrame(
        [
            {"percent": percent, "effective_percent": min(float(percent), changed_percent)}
            | {name: float(np.interp(percent, curve.percent, getattr(curve, name))) for name in CURVES}
            | {"paper": PAPER_CONCENTRATION.get(percent, float("nan")) / 100, "arithmetic": arithmetic}
            for percent in percents
        ]
    )


def concentration_curve(
    curve: "Concentration", *, changed_percent: float | None = None, arithmetic: Arithmetic = "exact"
) -> style.Figure:
    """Share of all change (0-100%) held by the most changed x% of parameters: r, its shuffled null, and |d|.

    `changed_percent` marks the cliff: beyond it lie weights that did not change at all.
    """
    parts = [
        pd.DataFrame({"percent": curve.percent, "share": getattr(curve, name), "what": words})
        for name, (words, _) in CURVES.items()
    ]
    table = pd.concat(parts, ignore_index=True).query("percent >= 0.1")
    order = [words for words, _ in CURVES.values()]
    colours = alt.Scale(domain=order, range=[colour for _, colour in CURVES.values()])
    ticks = [0.1, 0.3, *PAPER_PERCENTS, 100]
    chart = (
        alt.Chart(table)
        .mark_line()
        .encode(
            x=alt.X(
                "percent:Q",
                scale=_PERCENT_SCALE,
                axis=alt.Axis(values=ticks, title="Most changed parameters, % of the region", grid=False, format="~g"),
            ),
            y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=style.PERCENT_FORMAT, title=None)),
            color=alt.Color("what:N", scale=colours, sort=order, title=None, legend=_LEGEND),
            strokeDash=alt.StrokeDash(
                "what:N", sort=order, title=None, legend=_LEGEND, scale=alt.Scale(domain=order, range=DASHES)
            ),
            tooltip=[
                alt.Tooltip("what:N", title="share of"),
                alt.Tooltip("percent:Q", title="top, %", format=".3~g"),
                alt.Tooltip("share:Q", title="holds", format=".1%"),
            ],
        )
    )
    marked = changed_percent is not None and 0.1 < changed_percent < 100
    figure = alt.layer(*([_cliff(changed_percent or 0.0)] if marked else []), chart, height=style.FIGURE_HEIGHT)
    finished = style.finish(figure, "Share of all change held by the most changed parameters (%)", _null_words(curve))
    return style.noted(finished, f"arithmetic: {arithmetic}")


def _cliff(changed_percent: float) -> style.Figure:
    """A line where the changed weights end, named on its left, where there is room."""
    words = f"cliff: {numbers.percent(changed_percent, 1)} changed"
    chart = alt.Chart(pd.DataFrame([{"cliff": changed_percent, "words": words}]))
    x = alt.X("cliff:Q", scale=_PERCENT_SCALE)
    rule = chart.mark_rule(color=style.RANDOM, strokeDash=[3, 3]).encode(x=x, tooltip=[alt.Tooltip("words:N")])
    text = chart.mark_text(align="right", dx=-5, fontSize=11, color=style.RANDOM)
    free = 0.06 if changed_percent > 45 else 0.5  # of the height: between the curves of r and of |d|
    return alt.layer(rule, text.encode(x=x, y=alt.datum(free), text=alt.Text("words:N")))


_PERCENT_SCALE = alt.Scale(type="log", domain=[0.1, 100])

_COLUMNS = style.legend_columns(3, 1, below=460)
_LEGEND = alt.Legend(orient="top", columns=_COLUMNS, symbolStrokeWidth=2.5, symbolSize=250, labelLimit=300)
DASHES = [[1, 0], [2, 3], [6, 3]]


def _null_words(curve: "Concentration") -> str:
    if curve.null_parameters == curve.parameters:
        return f"{numbers.short_count(curve.parameters)} parameters"
    drawn = numbers.short_count(curve.null_parameters)
    return f"{numbers.short_count(curve.parameters)} parameters; null estimated from {drawn} of them"


def concentration_words(curve: "Concentration") -> str:
    """The concentration figure in one sentence."""
    row = concentration_table(curve, (5,)).iloc[0]
    return (
        f"The most changed 5% of parameters hold {numbers.share(row['share_relative'])} of all relative change and "
        f"{numbers.share(row['share_absolute'])} of all absolute change; shuffled changes alone would hold "
        f"{numbers.share(row['share_null'])} of the relative change."
    )
