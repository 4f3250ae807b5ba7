"""Findings as one HTML file that needs no network: figures, sliders, present mode, small print.

Whatever a person or a model wrote is escaped; the page may run the scripts it carries and nothing else (their hashes
stand in its content security policy), and may load nothing. Plotly's script is carried only where one of its figures is
among the findings.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

from analysis.report import footer, scripts, web
from analysis.report.layout import LaidOut, article, as_json, lay_out
from analysis.report.records import Placed

if TYPE_CHECKING:
    from analysis.figures.style import Paper

Start = Literal["page", "present"]
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
    laid: Sequence[LaidOut] | None = None,
) -> str:
    """The findings as one page, in sections as they come.

    `paper`: light, dark, or as the reader's system has it. `inside`: shown in a frame of the dashboard. `files`: beside
    the page, by finding id. `made`: when, in seconds since the epoch (now). `laid`: the findings laid out already.
    """
    laid = [lay_out(each) for each in placed] if laid is None else laid
    carried = [
        scripts.vega(),
        *([scripts.plotly()] if any(each.finding.kind == "zoomable" for each in placed) else []),
        scripts.asset("report.js"),
    ]
    attributes = [
        f'data-paper="{paper}"' if paper else "",
        f'data-start="{start}"',
        'data-inside="yes"' if inside else "",
    ]
    about = f"{counted(laid)} · made {footer.date(time.time() if made is None else made)} by Palimpsest"
    return "".join(
        [
            f'<!doctype html>\n<html lang="en" {" ".join(filter(None, attributes))}>\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(carried)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}</title>\n<style>{_colours()}{scripts.asset('report.css')}</style>\n</head>\n<body>\n",
            _head(title, about, placed),
            f"<main>\n{_body(placed, laid, files or {})}</main>\n{_BAR}{_keys() if placed else ''}",
            f'<script type="application/json" id="figures">{_figures(placed, laid)}</script>\n',
            *(f"<script>{script}</script>\n" for script in carried),
            "</body>\n</html>\n",
        ]
    )


def counted(laid: Sequence[LaidOut]) -> str:
    """How many findings there are, and how many of them cannot be read."""
    lost = sum(part.unreadable for part in laid)
    told = f"{len(laid) - lost} finding{'' if len(laid) - lost == 1 else 's'}"
    return f"{told}, {lost} more could not be read" if lost else told


def _policy(carried: Iterable[str]) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in carried
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
KEYS = (
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
    rows = "".join(f"<dt><kbd>{escape(key)}</kbd></dt><dd>{escape(does)}</dd>" for key, does in KEYS)
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


def _body(placed: Sequence[Placed], laid: Sequence[LaidOut], files: Mapping[str, Sequence[str]]) -> str:
    parts, section = [], ""
    for (number, each), part in zip(_numbered(placed), laid, strict=True):
        if each.section != section:
            parts.append(f"<h2>{escape(each.section or NO_SECTION)}</h2>\n")
            section = each.section
        parts.append(article(number, each, part, files.get(each.finding.id, ())))
    return "".join(parts) or "<p>Nothing has been pinned yet.</p>"


def _figures(placed: Sequence[Placed], laid: Sequence[LaidOut]) -> str:
    """A JSON object of what is drawn, by finding id."""
    drawn = zip(placed, laid, strict=True)
    return f"{{{','.join(f'{as_json(each.finding.id)}:{part.figure}' for each, part in drawn if part.figure)}}}"
