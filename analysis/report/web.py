"""A figure's specification made ready for a web page that has no server: as wide as its place, coloured by the page.

Colours that depend on the paper become CSS variables, so that light, dark and print need no second drawing; see
report.css. Scales that are interpolated keep theirs: a variable has no place between two colours.
"""

from __future__ import annotations

from typing import Any

from analysis.figures import style
from analysis.figures.style import BASE, ON_DARK, RANDOM, RESTORED, TUNED

_NAMES = {BASE: "base", TUNED: "tuned", RESTORED: "restored", RANDOM: "random"}  # of all that are lighter on dark paper
VARIABLES = {colour: f"var(--{name})" for colour, name in _NAMES.items()}


def palette(paper: style.Paper) -> dict[str, str]:
    """The value of every variable on that paper."""
    tones = style.PAPERS[paper]
    lit = {name: ON_DARK[colour] if paper == "dark" else colour for colour, name in _NAMES.items()}
    return {"paper": tones["background"], "text": tones["text"], "faint": tones["faint"], "grid": tones["grid"], **lit}


def responsive(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification with the page's colours, filling the width of its place; its data are left as they are."""
    data = spec.get("datasets", {})
    drawn: dict[str, Any] = _variables({name: value for name, value in spec.items() if name != "datasets"})
    config = drawn.setdefault("config", {})
    words = {"labelColor": "var(--text)", "titleColor": "var(--text)"}
    lines = {"gridColor": "var(--grid)", "domainColor": "var(--faint)", "tickColor": "var(--faint)"}
    config["axis"] = {**config.get("axis", {}), **words, **lines}
    config["legend"] = {**config.get("legend", {}), **words}
    config["title"] = {**config.get("title", {}), "color": "var(--text)", "subtitleColor": "var(--faint)"}
    config["text"] = {"color": "var(--text)"}
    config["background"] = "transparent"
    several = any(kind in drawn for kind in ("facet", "hconcat", "vconcat"))
    if not several and "width" not in drawn:  # a width of its own is kept: letters would lie on each other
        drawn["width"] = "container"
        drawn["autosize"] = {"type": "fit-x", "contains": "padding"}
    return {**drawn, "datasets": data} if data else drawn


def _variables(value: Any) -> Any:
    if isinstance(value, str):
        return VARIABLES.get(value, value)
    if isinstance(value, list):
        return [_variables(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "quantitative" and "scale" in value:
        return {name: item if name == "scale" else _variables(item) for name, item in value.items()}
    return {name: _variables(item) for name, item in value.items()}
