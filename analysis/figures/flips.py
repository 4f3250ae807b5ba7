"""The 2 x 2 grid: questions right and wrong before and after, each tile to be clicked. Knows a table of sides only."""

from collections.abc import Collection

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.samples import SIDES, State

FLIP_CLICK = "flip"
_FIXED, _BROKEN, _STAYED = style.KINDS  # none of the models' own: a side is no state
COLOURS = {"fixed": _FIXED, "broken": _BROKEN, "still right": _STAYED, "still wrong": style.RANDOM}


def flip_grid(table: pd.DataFrame, before: State, after: State, chosen: Collection[str] = ()) -> style.Figure:
    """The four counts; the `chosen` sides stand out, and a click reports the tile's side as `flip`."""
    counts = table["side"].value_counts()
    cells = pd.DataFrame(
        [
            {"before": _word(was), "after": _word(now), "side": side, "n": int(counts.get(side, 0))}
            for (was, now), side in SIDES.items()
        ]
    )
    cells["label"] = [f"{numbers.count(n)} {side}" for n, side in zip(cells["n"], cells["side"], strict=True)]
    cells["chosen"] = cells["side"].isin(list(chosen))
    x = alt.X("after:N", sort=["right", "wrong"], title=f"{after} answers", axis=_AXIS)
    y = alt.Y("before:N", sort=["right", "wrong"], title=f"{before} answers", axis=_AXIS)
    colours = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    tiles = alt.Chart(cells).encode(x=x, y=y, tooltip=["side:N", alt.Tooltip("n:Q", title="questions", format=",")])
    click = alt.selection_point(name=FLIP_CLICK, fields=["side"], on="click")
    rects = tiles.mark_rect(cornerRadius=6, cursor="pointer", stroke="transparent", strokeWidth=4).encode(
        color=alt.Color("side:N", scale=colours, legend=None),
        opacity=alt.condition("datum.chosen", alt.value(0.5), alt.value(0.16)),
    )
    words = tiles.mark_text(fontSize=15, fontWeight=600, cursor="pointer").encode(text="label:N")
    chart = alt.layer(rects.add_params(click), words, height=style.SLIM_HEIGHT)
    return style.finish(chart, f"Questions, {before} against {after} (count)", f"n = {numbers.count(len(table))}")


_AXIS = alt.Axis(labelAngle=0, grid=False, ticks=False, domain=False)


def _word(right: bool) -> str:
    return "right" if right else "wrong"
