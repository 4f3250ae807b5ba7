"""One finding as its part of a report's page: what is drawn, its slider, its tools, its small print; all text escaped.

Laid out by itself, so that findings in another order, or on another page, are not laid out again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from analysis.report import beside, footer, tables, web
from analysis.report.records import Finding, Placed

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 60  # of a pinned table; the files hold all


@dataclass(frozen=True)
class LaidOut:
    """What of a finding's part hangs on the finding alone: HTML above and below the note, and the figure as JSON.

    `figure` is "" for a table; `unreadable`: it only says why there is nothing.
    """

    drawing: str
    beneath: str
    small_print: str
    figure: str = ""
    unreadable: bool = False


def lay_out(placed: Placed) -> LaidOut:
    """Lay out a finding with its data; one that cannot be read says why."""
    finding = placed.finding
    if placed.unreadable:
        return LaidOut(f'<p class="unreadable">{escape(unreadable_words(placed))}</p>', "", "", unreadable=True)
    return LaidOut(
        drawing=_drawing(finding, placed.tables),
        beneath=_slider(finding),
        small_print=f'<footer class="made"><dl>{_small_print(finding)}</dl></footer>',
        figure=as_json(_figure(finding)) if is_drawn(finding) else "",
    )


def article(number: int, placed: Placed, laid: LaidOut, files: Sequence[str] = ()) -> str:
    """A finding's whole part of the page; `number` is its place, `files` lie beside the page."""
    finding = placed.finding
    note = f'<figcaption class="note">{escape(placed.note)}</figcaption>' if placed.note else ""
    news = f'<p class="news">Since it was pinned: {escape("; ".join(placed.news))}.</p>' if placed.news else ""
    tools = "" if laid.unreadable else _tools(finding, beside.listed(files, placed.tables))
    return (
        f'<article class="finding" id="f-{number}" aria-labelledby="t-{number}">'
        f'<p class="where">{escape(where(finding))}</p><h3 id="t-{number}">{escape(finding.title)}</h3>{news}'
        f"<figure>{laid.drawing}{note}</figure>{laid.beneath}{tools}{laid.small_print}</article>\n"
    )


def is_drawn(finding: Finding) -> bool:
    """Whether a browser draws it; tables and samples are text."""
    return finding.kind in ("figure", "zoomable")


def unreadable_words(placed: Placed) -> str:
    """What stands in the place of a finding that cannot be read."""
    return f"This pin cannot be read: {placed.unreadable}."


def where(finding: Finding) -> str:
    """Where a finding comes from, in a few words: its page and its pair."""
    made = finding.making
    pair = f"{made.base.name} → {made.tuned.name}" if made.base and made.tuned else ""
    return " · ".join(part for part in (made.page.capitalize(), pair) if part)


def _drawing(finding: Finding, frames: Mapping[str, pd.DataFrame]) -> str:
    if is_drawn(finding):
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


def _tools(finding: Finding, files: str) -> str:
    if not is_drawn(finding):
        return files
    name = escape(finding.id)
    svg = f'<button data-do="svg" data-figure="{name}">SVG</button>' if finding.kind == "figure" else ""
    return (
        f'<details class="values" data-figure="{name}"><summary>The values behind it</summary>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Values"></div></details><div class="tools">{svg}'
        f'<button data-do="csv" data-figure="{name}">CSV</button></div>{files}'
    )


def _small_print(finding: Finding) -> str:
    return "".join(
        f"<dt>{escape(line.name)}</dt><dd>{_coded(escape(line.words)) if line.code else escape(line.words)}</dd>"
        for line in footer.lines(finding.making)
    )


def _coded(escaped: str) -> str:
    """A command; a browser would break a line within the dashes of an option."""
    words = (f"<span>{word}</span>" if word.startswith("-") else word for word in escaped.split(" "))
    return f"<code>{' '.join(words)}</code>"


def _figure(finding: Finding) -> dict[str, Any]:
    if finding.kind == "zoomable":
        datasets = finding.drawn.get("datasets", {})
        return {"kind": finding.kind, "spec": finding.spec, "drawn": {"datasets": datasets}, "stops": []}
    stops = [{"percent": stop.percent, "heads": stop.heads, "rows": stop.rows} for stop in finding.stops]
    return {"kind": finding.kind, "spec": web.responsive(finding.spec), "stops": stops}


def as_json(value: Any) -> str:
    """JSON that ends no script element, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
