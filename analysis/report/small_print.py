"""What made a figure or a table, inside its own file: small type under a picture, lines under or over a table's text.

A file leaves the page it came from; the footer (footer.lines) goes along. CSV stays nothing but data.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.report.footer import Line

_TYPE, _LEADING, _EDGE = 9.0, 12.0, 8.0  # pixels: the size of the type, from line to line, and around them
_LETTER = 0.53  # of the size of the type: as wide as a letter is on average, hashes and paths among them
_FONT = "Source Sans, Source Sans Pro, Helvetica, Arial, sans-serif"
_HEAD = re.compile(
    r'(<svg\b[^>]*?)width="(?P<width>[\d.]+)" height="(?P<height>[\d.]+)" viewBox="0 0 [\d.]+ [\d.]+"([^>]*>)'
)


def under_picture(svg: str, lines: Sequence[Line], *, ink: str, background: str) -> str:
    """The drawing as it is, on a sheet as much taller as the small print under it needs."""
    head = _HEAD.match(svg)
    if not lines or head is None:  # a drawing of another kind is left alone
        return svg
    width, height = float(head["width"]), float(head["height"])
    letters = max(20, int((width - 2 * _EDGE) / (_TYPE * _LETTER)))
    printed = [row for line in lines for row in textwrap.wrap(plain(line), letters, subsequent_indent="    ")]
    taller = height + 2 * _EDGE + _LEADING * len(printed)
    first, end = height + _EDGE + _TYPE, svg.rindex("</svg>")
    texts = "".join(
        f'<text x="{_EDGE:g}" y="{first + number * _LEADING:g}" xml:space="preserve">{escape(part)}</text>'
        for number, part in enumerate(printed)
    )
    sheet = f'<rect y="{height:g}" width="{width:g}" height="{taller - height:g}" fill="{background}"/>'
    words = f'<g class="made" font-family="{_FONT}" font-size="{_TYPE:g}px" fill="{ink}">{texts}</g>'
    size = f'width="{width:g}" height="{taller:g}" viewBox="0 0 {width:g} {taller:g}"'
    return f"{head[1]}{size}{head[4]}{svg[head.end() : end]}{sheet}{words}</svg>"


def over_latex(lines: Sequence[Line]) -> str:
    """As comments at the head of a LaTeX table."""
    return "".join(f"% {plain(line)}\n" for line in lines)


def plain(line: Line) -> str:
    """One line of text, whatever breaks stand in it; a path may hold what neither XML nor UTF-8 can."""
    words = "".join(letter if letter.isprintable() else " " for letter in f"{line.name}: {line.words}")
    return " ".join(words.split())
