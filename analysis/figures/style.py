"""One visual language for every figure: the colours of the three models, type sizes, and the two papers they lie on.

Colours are from Okabe and Ito's palette for colour-blind readers, each at least 3:1 against both backgrounds. A figure
leaves text and grid to the page, so one specification reads in light and in dark; `on_paper` fixes both for a file.
Altair for all but the one that is zoomed and lassoed in (plotly_style.py): it exports PNG and SVG without a browser and
reports clicks. Knows no record and no streamlit.
"""

import copy
import json
import math
import textwrap
from collections.abc import Iterable
from typing import Any, Final, Literal, cast

import altair as alt

Paper = Literal["light", "dark"]
Figure = alt.Chart | alt.LayerChart | alt.FacetChart

BASE = "#0072B2"
TUNED = "#D55E00"
RESTORED = "#009E73"
RANDOM = "#606060"
COLOURS = {"base": BASE, "tuned": TUNED, "restored": RESTORED, "random": RANDOM}
STRATEGY_COLOURS = {
    "relative-top": RESTORED,
    "relative-bottom": "#B5739D",
    "random": RANDOM,
    "absolute-top": "#7A6BC4",
    "absolute-bottom": "#9A7D00",
    "small-base": "#A0623A",
    "interpolation": "#2A8CA8",
    "layer-scaled": "#C9458F",
    "drop-rescale": "#6F801F",
    "spectral": "#9A4FC2",
}
# Ten colours cannot all be told apart without some of the cones, so every strategy has a mark of its own as well.
_X = "M0,-.3L.6,-.9L.9,-.6L.3,0L.9,.6L.6,.9L0,.3L-.6,.9L-.9,.6L-.3,0L-.9,-.6L-.6,-.9Z"
_STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"
STRATEGY_SHAPES = {
    "relative-top": "circle",
    "relative-bottom": "triangle-left",
    "random": "square",
    "absolute-top": "triangle-up",
    "absolute-bottom": "triangle-down",
    "small-base": "triangle-right",
    "interpolation": "cross",
    "layer-scaled": "diamond",
    "drop-rescale": _X,
    "spectral": _STAR,
}
# With a hole: the same control among the changed weights only.
CHANGED_SHAPES = {
    "random": "M-.9,-.9L.9,-.9L.9,.9L-.9,.9ZM-.45,-.45L-.45,.45L.45,.45L.45,-.45Z",
    "relative-bottom": "M-1,0L.8,-1L.8,1ZM-.35,0L.45,.45L.45,-.45Z",
    "absolute-bottom": "M0,1L-1,-.8L1,-.8ZM0,.35L.45,-.45L-.45,-.45Z",
}
# Mastery is ordinal: from level 0 to 4 each colour is lighter and colder than the one before, to every eye.
LEVEL_COLOURS = ("#B93626", "#B55C58", "#AD7489", "#A082B8", "#9289E4")
# Of what is no state of a model: three kinds told apart, and two quiet inks.
KINDS = ("#5646F5", "#E34B48", "#BC6BB1")
SLATE, SAND = "#64748B", "#8B7F70"
# The same hues, light enough for text; held apart for every eye by tests/figures/test_colour_blind.py.
ON_DARK = {BASE: "#4A9FD6", TUNED: "#EE8A4A", RESTORED: "#5AD6AA", RANDOM: "#8A8A8A"}
SEQUENTIAL: Final = "viridis"  # magnitudes >= 0; perceptually even, readable without colour vision
PAPERS: dict[Paper, dict[str, str]] = {
    "light": {"background": "#FFFFFF", "text": "#24292F", "faint": "#6B7280", "grid": "#E5E7EB"},
    "dark": {"background": "#14171C", "text": "#E6E8EB", "faint": "#9BA3AE", "grid": "#2C323B"},
}
TITLE_LETTERS = 46  # of a line of a title: as wide as half a page of 1,280 pixels, or a phone
SUBTITLE_LETTERS = 56  # of its smaller letters in the same width
SUBTITLE_LINE = 14  # pixels
PHONE = 480  # pixels: a figure's place is narrower on one
FIGURE_HEIGHT = 330  # pixels; a page fits title, legend and axes into it
SLIM_HEIGHT = 200
HEAD_HEIGHT = 100  # of which this much goes to title and axis, where rows of equal height follow
PERCENT_FORMAT = "~%"  # 0.125 -> 12.5%, 0.1 -> 10%


def state_scale(*states: str) -> alt.Scale:
    """The fixed colour of each model state, in the order given."""
    return alt.Scale(domain=list(states), range=[COLOURS[state] for state in states])


def accuracy_scale(highs: Iterable[float]) -> alt.Scale:
    """From 0 to a little above the highest value, at least 10%, so that a model that knows nothing has an axis too."""
    return alt.Scale(domain=[0, min(1.0, 1.1 * max([*highs, 0.09]))])


def legend_columns(many: int, few: int, *, below: int) -> alt.ExprRef:
    """How many entries of a legend stand side by side: few where the plot is narrower than `below` pixels."""
    return alt.ExprRef(f"width < {below} ? {few} : {many}")


def label_limit(wide: int, narrow: int) -> alt.ExprRef:
    """Pixels for the names along an axis: `narrow` on a phone, where the plot would have no room beside them."""
    return alt.ExprRef(f"containerSize()[0] < {PHONE} ? {narrow} : {wide}")  # a file has no container: wide


def finish(figure: Figure, title: str, subtitle: str | list[str] = "") -> Figure:
    """The figure with its title (which names the unit), a quiet subtitle and the house configuration."""
    text = alt.TitleParams(text=title, subtitle=subtitle or [], anchor="start")
    figure.title = text  # in place: each of altair's own copies checks every layer against the schema again
    figure.config = alt.Config(**_config())
    return figure


def noted(figure: Figure, *words: str) -> Figure:
    """The figure with further lines under its title: what its numbers were made with."""
    title = cast("alt.TitleParams", figure.title)
    held = title.subtitle if title.subtitle else []
    title.subtitle = [*([held] if isinstance(held, str) else held), *words]
    return figure


def _largest_first(spec: dict[str, Any]) -> None:
    """Put the largest set of data first: streamlit's "Show data" and screen readers get the first one alone.

    Of equally long sets the one that says more, so the stops come before what is drawn through them.
    """
    sets = spec.get("datasets", {})
    spec["datasets"] = dict(sorted(sets.items(), key=lambda item: _extent(item[1]), reverse=True))


def _extent(rows: Any) -> tuple[int, int]:
    tabular = isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict)
    return len(rows), len(rows[0]) if tabular else 0


def on_screen(figure: Figure | dict[str, Any], paper: Paper) -> dict[str, Any]:
    """The figure's Vega-Lite specification as a page of that paper shows it: the page itself gives text and grid.

    A specification kept from such a figure is taken too, and left as it is.
    """
    spec = _inked(figure, paper)
    _largest_first(spec)
    _wrap_title(spec)
    if isinstance(spec.get("width"), int | float):  # lines of text: a page would squeeze them to nothing under a title
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["config"]["title"]["subtitleColor"] = PAPERS[paper]["faint"]
    spec["config"]["text"] = {"color": PAPERS[paper]["text"]}
    return spec


def on_paper(figure: Figure | dict[str, Any], paper: Paper = "light") -> dict[str, Any]:
    """The specification for a file: with the text, grid and background of that paper, 720 pixels wide."""
    tones, spec = PAPERS[paper], _inked(figure, paper)
    config = spec["config"]
    words = {"labelColor": tones["text"], "titleColor": tones["text"]}
    config["axis"] |= words | {"gridColor": tones["grid"], "domainColor": tones["faint"], "tickColor": tones["faint"]}
    config["legend"] |= words
    config["title"] |= {"color": tones["text"], "subtitleColor": tones["faint"]}
    config |= {"text": {"color": tones["text"]}, "background": tones["background"]}
    config["view"] |= {"continuousWidth": 720, "discreteWidth": 720}
    return spec


def specification(figure: Figure) -> dict[str, Any]:
    """A figure's Vega-Lite specification with all of its data, in the colours of the light paper."""
    with alt.data_transformers.enable("default", max_rows=None):
        return figure.to_dict(validate=False)


def _inked(figure: Figure | dict[str, Any], paper: Paper) -> dict[str, Any]:
    """The specification, its model colours light enough for a dark paper; the schema is held by the tests, not here."""
    spec = {**figure, "config": copy.deepcopy(figure["config"])} if isinstance(figure, dict) else specification(figure)
    if paper == "light":
        return spec
    text = json.dumps(spec)
    for colour, lighter in ON_DARK.items():
        text = text.replace(colour, lighter)
    return cast("dict[str, Any]", json.loads(text))


def _wrap_title(spec: dict[str, Any]) -> None:
    """Break a title, and lines beneath it, that half a page, or a phone, would cut off."""
    title = spec.get("title")
    if not isinstance(title, dict):
        return
    spec["title"] = {**title}
    if isinstance(title.get("text"), str) and len(title["text"]) > TITLE_LETTERS:
        count = math.ceil(len(title["text"]) / TITLE_LETTERS)
        width = min(TITLE_LETTERS, math.ceil(len(title["text"]) / count) + 8)  # no last word all alone
        spec["title"]["text"] = textwrap.wrap(title["text"], width)
    if beneath := title.get("subtitle"):
        told = [beneath] if isinstance(beneath, str) else beneath
        lines = spec["title"]["subtitle"] = [line for each in told for line in _subtitle_lines(each)]
        if isinstance(spec.get("height"), int | float):  # else rows would grow so thin that they lose their names
            spec["height"] += SUBTITLE_LINE * (len(lines) - len(told))


def _subtitle_lines(text: str) -> list[str]:
    """A line beneath a title, broken between its parts where it is too long, and between words where a part is."""
    lines: list[str] = []
    for part in text.split(_BETWEEN):
        joined = _BETWEEN.join([*lines[-1:], part])
        if lines and len(joined) <= SUBTITLE_LETTERS:
            lines[-1] = joined
        else:
            lines += textwrap.wrap(part, SUBTITLE_LETTERS, break_on_hyphens=False)
    return lines


_BETWEEN = " · "


def _config() -> dict[str, Any]:
    # Rules are whiskers of points that speak for themselves; a group of them without a row has no words at all.
    return {
        "rule": {"aria": False},
        "background": "transparent",
        "view": {"stroke": None},
        "font": "Source Sans, Source Sans Pro, Helvetica, Arial, sans-serif",
        "title": {"fontSize": 15, "fontWeight": 600, "subtitleFontSize": 12, "subtitlePadding": 4, "offset": 12},
        "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8},
        "legend": {"labelFontSize": 12, "titleFontSize": 12, "orient": "top", "titleFontWeight": "normal"},
        "line": {"strokeWidth": 2.25},
        "point": {"size": 60, "filled": True},
    }
