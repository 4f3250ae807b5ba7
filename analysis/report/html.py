"""Findings as one HTML file that needs no network: figures, sliders, present mode, small print.

Whatever a person or a model wrote is escaped; the page may run the scripts it carries and nothing else (their hashes
stand in its content security policy), and may load nothing. Vega comes out of vl-convert's own bundle, plotly's script
only where a plotly figure is among the findings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from analysis.report import footer, tables, web
from analysis.report.records import Finding, Placed

if TYPE_CHECKING:
    import pandas as pd

    from analysis.figures.style import Paper

Start = Literal["page", "present"]
ROWS_SHOWN = 60  # of a pinned table; the files hold all
NO_SECTION = "Further findings"  # over findings without a section, where others have one
# Ink that is read as text or stands behind text: 4.5:1 on its paper, where the figures' own colours are 3:1.
_INKS: dict[str, dict[str, str]] = {
    "light": {
        "tuned-ink": "#A84A00",
        "restored-ink": "#00704F",
        "on-restored": "#FFFFFF",
        "link": "#00598C",
        "edge": "#8A919C",
    },
    "dark": {
        "tuned-ink": "#F0A06A",
        "restored-ink": "#3CC49B",
        "on-restored": "#08110E",
        "link": "#7CC0EA",
        "edge": "#6C7580",
    },
}


def report_html(
    placed: Sequence[Placed],
    *,
    title: str = "Findings",
    paper: Paper | None = None,
    start: Start = "page",
    inside: bool = False,
    files: Mapping[str, Sequence[str]] | None = None,
    made: float | None = None,
) -> str:
    """The findings as one page, in sections as they come.

    `paper`: light, dark, or as the reader's system has it. `inside`: shown in a frame of the dashboard. `files`: beside
    the page, by finding id. `made`: when, in seconds since the epoch (now).
    """
    scripts = [
        _vega(),
        *([_plotly()] if any(each.finding.kind == "zoomable" for each in placed) else []),
        _asset("report.js"),
    ]
    attributes = [
        f'data-paper="{paper}"' if paper else "",
        f'data-start="{start}"',
        'data-inside="yes"' if inside else "",
    ]
    about = f"{len(placed)} findings · made {footer.date(time.time() if made is None else made)} by Palimpsest"
    return "".join(
        [
            f'<!doctype html>\n<html lang="en" {" ".join(filter(None, attributes))}>\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}</title>\n<style>{_colours()}{_asset('report.css')}</style>\n</head>\n<body>\n",
            _head(title, about, placed),
            f"<main>\n{_body(placed, files or {})}</main>\n{_BAR}{_keys() if placed else ''}",
            f'<script type="application/json" id="figures">{_json(_figures(placed))}</script>\n',
            *(f"<script>{script}</script>\n" for script in scripts),
            "</body>\n</html>\n",
        ]
    )


def _policy(scripts: Iterable[str]) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _colours() -> str:
    def rules(paper: Paper) -> str:
        return "".join(f"--{name}:{value};" for name, value in {**web.palette(paper), **_INKS[paper]}.items())

    light, dark = rules("light"), rules("dark")
    return (
        f":root{{{light}color-scheme:light}}@media (prefers-color-scheme:dark){{:root{{{dark}color-scheme:dark}}}}"
        f':root[data-paper="light"]{{{light}color-scheme:light}}:root[data-paper="dark"]{{{dark}color-scheme:dark}}'
        f"@media print{{:root,:root[data-paper]{{{light}color-scheme:light}}}}\n"
    )


_BAR = (
    '<div class="bar"><span class="place" aria-live="polite"></span><span class="hidden-controls">'
    '<button data-do="before" aria-label="The finding before">←</button>'
    '<button data-do="after" aria-label="The next finding">→</button>'
    '<button data-do="paper">Dark</button><button data-do="full">Full screen</button>'
    '<button data-do="keys">Keys</button><button data-do="end">End (Esc)</button></span></div>\n'
)
_KEYS = (
    ("p", "Present: one finding a screen"),
    ("→", "The next finding; ← the one before"),
    ("↓", "Down a tall finding, then the next; ↑ up. PageDown, PageUp and Space do the same"),
    ("Home", "The first finding; End the last"),
    ("f", "Full screen"),
    ("Esc", "Stop presenting"),
    ("d", "Dark or light"),
    ("?", "These keys"),
)


def _keys() -> str:
    rows = "".join(f"<dt><kbd>{escape(key)}</kbd></dt><dd>{escape(does)}</dd>" for key, does in _KEYS)
    return (
        f'<dialog class="keys" aria-labelledby="keys-head"><h2 id="keys-head">Keys</h2><dl>{rows}</dl>'
        '<button data-do="keys">Close</button></dialog>\n'
    )


def _head(title: str, about: str, placed: Sequence[Placed]) -> str:
    buttons = (
        '<div class="controls"><button class="primary" data-do="present">Present</button>'
        '<button data-do="paper">Dark</button><button data-do="print">Print or PDF</button>'
        '<button data-do="keys">Keys</button></div>'
    )
    items = "".join(
        f'<li><a href="#f-{number}">{escape(each.finding.title)}</a></li>' for number, each in _numbered(placed)
    )
    contents = f'<nav class="contents" aria-label="Contents"><ol>{items}</ol></nav>' if len(placed) > 1 else ""
    script = "<noscript><p>The scripts this page carries draw its figures: allow them.</p></noscript>"
    return (
        f'<header class="top"><h1>{escape(title)}</h1><p class="about">{escape(about)}</p>{buttons if placed else ""}'
        f"{script}{contents}</header>\n"
    )


def _numbered(placed: Sequence[Placed]) -> Iterable[tuple[int, Placed]]:
    return enumerate(placed, start=1)


def _body(placed: Sequence[Placed], files: Mapping[str, Sequence[str]]) -> str:
    parts, section = [], ""
    for number, each in _numbered(placed):
        if each.section != section:
            parts.append(f"<h2>{escape(each.section or NO_SECTION)}</h2>\n")
            section = each.section
        parts.append(_finding(number, each, files.get(each.finding.id, ())))
    return "".join(parts) or "<p>Nothing has been pinned yet.</p>"


def _finding(number: int, placed: Placed, files: Sequence[str]) -> str:
    finding = placed.finding
    note = f'<figcaption class="note">{escape(placed.note)}</figcaption>' if placed.note else ""
    news = f'<p class="news">Since it was pinned: {escape("; ".join(placed.news))}.</p>' if placed.news else ""
    return (
        f'<article class="finding" id="f-{number}" aria-labelledby="t-{number}">'
        f'<p class="where">{escape(where(finding))}</p><h3 id="t-{number}">{escape(finding.title)}</h3>{news}'
        f"<figure>{_drawing(finding, placed.tables)}{note}</figure>{_slider(finding)}{_tools(finding, files)}"
        f'<footer class="made"><dl>{_small_print(finding)}</dl></footer></article>\n'
    )


def where(finding: Finding) -> str:
    """Where a finding comes from, in a few words: its page and its pair."""
    made = finding.making
    pair = f"{made.base.name} → {made.tuned.name}" if made.base and made.tuned else ""
    return " · ".join(part for part in (made.page.capitalize(), pair) if part)


def _drawing(finding: Finding, frames: Mapping[str, pd.DataFrame]) -> str:
    if finding.kind in ("figure", "zoomable"):
        role = "group" if finding.kind == "zoomable" else "img"  # an image may hold no buttons, as plotly's toolbar has
        words, name = escape(finding.alt), escape(finding.id)
        return f'<div class="chart" role="{role}" data-figure="{name}" aria-label="{words}"></div>'
    frame = frames.get("data")
    if frame is None:
        return "<p>The data of this table is missing from the store.</p>"
    shown = finding.columns or tables.every_column(frame)
    return f'<div class="scroll {finding.kind}" tabindex="0" role="region" aria-label="{escape(finding.alt)}">' + (
        f"{tables.html_table(frame, shown, most=ROWS_SHOWN)}</div>"
    )


def _slider(finding: Finding) -> str:
    if not finding.stops:
        return ""
    last, start = len(finding.stops) - 1, _first_stop(finding)
    return (
        f'<div class="slider"><label>Restored <input type="range" min="0" max="{last}" step="1" value="{start}">'
        '<output></output></label><div class="reading scroll" tabindex="0" role="region" '
        'aria-label="Result at this stop"></div></div>'
    )


def _first_stop(finding: Finding) -> int:
    """The slider starts where it stood when the figure was pinned, or at the nearest stop that was evaluated."""
    stood = finding.making.restoration.percent if finding.making.restoration else 0.0
    distances = [abs(stop.percent - stood) for stop in finding.stops]
    return distances.index(min(distances))


def _tools(finding: Finding, files: Sequence[str]) -> str:
    links = " · ".join(
        f'<a href="{escape(name)}" download>{escape(name.rpartition(".")[2].upper())}</a>' for name in files
    )
    beside = f'<p class="files tools">Files: {links}</p>' if links else ""
    if finding.kind not in ("figure", "zoomable"):
        return beside
    name = escape(finding.id)
    svg = f'<button data-do="svg" data-figure="{name}">SVG</button>' if finding.kind == "figure" else ""
    return (
        f'<details class="values" data-figure="{name}"><summary>The values behind it</summary>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Values"></div></details><div class="tools">{svg}'
        f'<button data-do="csv" data-figure="{name}">CSV</button></div>{beside}'
    )


def _small_print(finding: Finding) -> str:
    return "".join(
        f"<dt>{escape(line.name)}</dt><dd>{_coded(escape(line.words)) if line.code else escape(line.words)}</dd>"
        for line in footer.lines(finding.making)
    )


def _coded(escaped: str) -> str:
    return f"<code>{escaped}</code>"


def _figures(placed: Sequence[Placed]) -> dict[str, Any]:
    return {each.finding.id: _figure(each.finding) for each in placed if each.finding.kind in ("figure", "zoomable")}


def _figure(finding: Finding) -> dict[str, Any]:
    if finding.kind == "zoomable":
        datasets = finding.drawn.get("datasets", {})
        return {"kind": finding.kind, "spec": finding.spec, "drawn": {"datasets": datasets}, "stops": []}
    stops = [{"percent": stop.percent, "heads": stop.heads, "rows": stop.rows} for stop in finding.stops]
    return {"kind": finding.kind, "spec": web.responsive(finding.spec), "stops": stops}


def _json(value: Any) -> str:
    """JSON that ends no script element, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@lru_cache(maxsize=1)
def _vega() -> str:
    import vl_convert

    return _inlined(str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")))


@lru_cache(maxsize=1)
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return _inlined(str(get_plotlyjs()))


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return resources.files("analysis.report").joinpath(name).read_text("utf-8")


def _inlined(script: str) -> str:
    """A script that may stand inside an HTML page: nothing in it ends the element early."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
