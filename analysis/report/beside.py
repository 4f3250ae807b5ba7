"""The files beside a report's page: what each of a finding's tables holds, and the list of them that the page shows.

A figure drawn from several tables has its largest as `data` and the others as `data-2`, `data-3` and so on: a number
says nothing, so each is told by its rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from analysis.figures import numbers

if TYPE_CHECKING:
    import pandas as pd

TEXTS = "texts"  # the table of texts that a finding compared: its command reads them from JSON lines
MOST_COLUMNS = 16  # told by name
FIGURE, FINDING = "as it is drawn here", "its sentence, its note and everything that made it"


def in_order(names: Iterable[str]) -> list[str]:
    """Names of a finding's tables: data, data-2, ..., then the texts."""
    return sorted(names, key=lambda name: (name == TEXTS, len(name), name))


def holds(name: str, frame: pd.DataFrame) -> str:
    """What a table holds: '4 rows: strategy, percent, accuracy'; of the texts, that they are what was compared."""
    columns = [str(column) for column in frame.columns]
    told = ", ".join(columns[:MOST_COLUMNS])
    if len(columns) > MOST_COLUMNS:
        told += f" and {len(columns) - MOST_COLUMNS} more"
    compared = "the texts that were compared, " if name == TEXTS else ""
    return f"{compared}{numbers.count(len(frame))} row{'' if len(frame) == 1 else 's'}: {told}"


def listed(files: Sequence[str], frames: Mapping[str, pd.DataFrame]) -> str:
    """The files as a list of links, a line for each figure and table with what it holds; "" without any."""
    kinds: dict[str, list[str]] = {}
    for file in files:
        kinds.setdefault(PurePosixPath(file).stem, []).append(file)
    words = {"figure": FIGURE, **{name: holds(name, frames[name]) for name in in_order(frames)}, "finding": FINDING}
    lines = "".join(_line(name, kinds[name], told) for name, told in words.items() if name in kinds)
    return f'<ul class="files tools" aria-label="Files">{lines}</ul>' if lines else ""


def _line(name: str, files: Sequence[str], words: str) -> str:
    links = " · ".join(f'<a href="{escape(file)}" download>{escape(_kind(file))}</a>' for file in files)
    return f"<li><b>{escape(name)}</b> {links}: {escape(words)}</li>"


def _kind(file: str) -> str:
    return PurePosixPath(file).suffix[1:].upper()
