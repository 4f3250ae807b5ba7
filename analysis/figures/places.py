"""Where the restored parameters lie, by layer and by module (the paper's Tables 9 and 10). Knows counts, no weights.

Shares are of all parameters restored, in %, so that they add up to 100 whatever k is.
"""

from typing import Any

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.strategies import spec_words
from analysis.records import RestoreCount

ROW_HEIGHT = 22  # pixels a bar


def layer_bars(count: RestoreCount) -> style.Figure:
    """Where the restored parameters lie, by layer: each layer's share of all restored, in % (the paper's Table 9)."""
    rows = [
        {"place": layer, "share": _part(part, count), "count": part} for layer, part in sorted(count.by_layer.items())
    ]
    y = alt.Y("place:O", title="Layer", sort="descending")
    return style.noted(_place_bars(rows, y, "layer", "Restored parameters by layer (%)"), spec_words(count.spec))


def module_bars(count: RestoreCount) -> style.Figure:
    """Where the restored parameters lie, by kind of module, in % of all restored (the paper's Table 10)."""
    parts = sorted(count.by_module.items(), key=lambda item: -item[1])
    rows = [{"place": module, "share": _part(part, count), "count": part} for module, part in parts]
    y = alt.Y("place:N", title="Module", sort=[module for module, _ in parts])
    return style.noted(_place_bars(rows, y, "module", "Restored parameters by module (%)"), spec_words(count.spec))


def _part(part: int, count: RestoreCount) -> float:
    return part / count.count if count.count else 0.0


def _place_bars(rows: list[dict[str, Any]], y: alt.Y, kind: str, title: str) -> style.Figure:
    tooltip = [
        alt.Tooltip("place:N", title=kind),
        alt.Tooltip("count:Q", title="restored parameters", format=","),
        alt.Tooltip("share:Q", title="share of all restored", format=".2%"),
    ]
    x = alt.X("share:Q", title=None, axis=alt.Axis(format=style.PERCENT_FORMAT, tickCount=5))
    table = pd.DataFrame(rows, columns=["place", "share", "count"])
    chart = alt.Chart(table).mark_bar(color=style.RESTORED).encode(x=x, y=y, tooltip=tooltip)
    return style.finish(chart.properties(height=style.HEAD_HEIGHT + ROW_HEIGHT * max(4, len(rows))), title)


def layer_words(count: RestoreCount) -> str:
    """The layer figure in one sentence, for those who do not see it."""
    return _words("layer", {str(layer): part for layer, part in count.by_layer.items()}, count)


def module_words(count: RestoreCount) -> str:
    """The module figure in one sentence, for those who do not see it."""
    return _words("module", count.by_module, count)


def _words(kind: str, parts: dict[str, int], count: RestoreCount) -> str:
    if not count.count:
        return f"Nothing is restored at {numbers.percent(count.spec.percent)}."
    largest = max(parts, key=lambda name: parts[name])
    return (
        f"Of {numbers.count(count.count)} restored parameters the largest part, "
        f"{numbers.share(_part(parts[largest], count))}, lies in {kind} {largest}."
    )
