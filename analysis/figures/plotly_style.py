"""The house style for the figures one zooms and lassoes in, which plotly draws: palette, layout, camera button.

One specification serves light and dark, so that a change of theme keeps zoom and selection: no background, text and
grid from the page, and every ink at least 3:1 against both. Knows no record, no streamlit, and does not import plotly.
"""

import math
from dataclasses import dataclass
from typing import Any

HEIGHT = 480  # pixels
LARGEST_MARKER = 26.0  # pixels across, for the circle of the largest value
QUIET, STRONG = "#7F858D", "#15835F"  # the toolbar: at rest, and the tool in hand
SMALLEST_RADIUS = 3.0  # pixels: a norm beside a matrix is still seen and hit


@dataclass(frozen=True)
class Ink:
    """How one kind is drawn: a colour and a symbol, so that no kind is told by its colour alone."""

    colour: str
    symbol: str


# Attention in cool colours, MLP in warm ones; two kinds that share a symbol differ without colour vision too.
MODULE_INKS = {
    "q": Ink("#7A6BC4", "circle"),
    "k": Ink("#2F86C6", "square"),
    "v": Ink("#0F958A", "diamond"),
    "o": Ink("#B5739D", "triangle-up"),
    "gate": Ink("#CC5A3C", "circle"),
    "up": Ink("#9A7D00", "square"),
    "down": Ink("#A0623A", "diamond"),
    "embed": Ink("#6B8A2A", "triangle-up"),
    "norm": Ink("#7F858D", "cross"),
    "head": Ink("#6B8A2A", "triangle-down"),
}
OTHER_INK = Ink("#8A8A8A", "x")
# Areas of plotly's symbols of one size, against its circle (from its outlines), so that equal counts look equal.
_AREAS = {
    "circle": 1.0,
    "square": 4 / math.pi,
    "diamond": 2 * 1.3**2 / math.pi,
    "triangle-up": math.sqrt(3) / math.pi,
    "triangle-down": math.sqrt(3) / math.pi,
    "cross": 5 * 0.8**2 / math.pi,  # five squares, as the x is
    "x": 5 * 0.8**2 / math.pi,
}


def module_ink(module: str) -> Ink:
    """The colour and symbol of a module kind; kinds without a name of their own share one."""
    return MODULE_INKS.get(module, OTHER_INK)


def area_marker(ink: Ink, sizes: list[int], largest: int) -> dict[str, Any]:
    """A plotly marker whose area follows `sizes`, on one scale for every trace drawn with the same `largest`."""
    return {
        "color": ink.colour,
        "symbol": ink.symbol,
        "size": sizes,
        "sizemode": "area",
        "sizeref": _AREAS[ink.symbol] * 2 * max(largest, 1) / LARGEST_MARKER**2,
        "sizemin": SMALLEST_RADIUS,
        "opacity": 0.8,
        "line": {"width": 0.75, "color": "rgba(255,255,255,0.55)"},
    }


def layout(title: str, subtitle: str) -> dict[str, Any]:
    """The layout every such figure starts from: quiet title above, legend in a row, nothing behind it."""
    return {
        "title": {
            "text": title,
            "x": 0,
            "xanchor": "left",
            "y": 0.97,
            "yanchor": "top",
            "font": {"size": 15},
            "subtitle": {"text": subtitle, "font": {"size": 12}},
        },
        "height": HEIGHT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Source Sans, Source Sans Pro, Helvetica, Arial, sans-serif", "size": 12},
        "margin": {"l": 70, "r": 16, "t": 118, "b": 56},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.01,
            "yanchor": "bottom",
            "itemsizing": "constant",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": QUIET, "activecolor": STRONG},
        "hoverlabel": {"align": "left"},
        "hovermode": "closest",
    }


def config(name: str) -> dict[str, Any]:
    """The toolbar: zoom, lasso, reset, and a camera that writes `palimpsest-<name>.svg`."""
    return {
        "displaylogo": False,
        "scrollZoom": False,  # a wheel over the figure goes on scrolling the page
        "modeBarButtonsToRemove": ["autoScale2d"],
        "toImageButtonOptions": {"format": "svg", "filename": f"palimpsest-{name}", "width": 960, "height": HEIGHT},
    }
