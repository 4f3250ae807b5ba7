"""What the command line prints: answers on standard output, progress and warnings on standard error."""

import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis.errors import PalimpsestError
from analysis.experiments.estimate import told_seconds
from analysis.folders import whole_file
from analysis.records import Pace

LINE_SECONDS = 5.0  # between two lines of progress where nothing can be written over


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def show(fields: Mapping[str, Any]) -> None:
    """One JSON object on standard output, nothing else."""
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)  # a path may hold bytes that are no characters


def answer(fields: Mapping[str, Any], as_json: bool, *, table: str | None = None) -> None:
    """The fields as JSON, or readable: single values a line each, and the rows of `table` as a table."""
    if as_json:
        show(fields)
        return
    for name, value in fields.items():
        if not isinstance(value, list | dict | tuple):
            print(f"{name:>20}  {_short(value)}")
        elif isinstance(value, dict) and all(not isinstance(item, dict) for item in value.values()):
            print(f"{name:>20}  " + "  ".join(f"{key} {_short(item)}" for key, item in value.items()))
    if table:
        print()
        _print_rows(list(fields[table]))


def _print_rows(rows: list[dict[str, Any]]) -> None:
    columns = [name for name in rows[0] if _fits_a_cell([row[name] for row in rows])] if rows else []
    cells = [columns, *([_short(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _fits_a_cell(values: list[Any]) -> bool:
    """Whether a column holds single values, and any at all."""
    nested = any(isinstance(value, list | dict | tuple) for value in values)
    return not nested and any(value is not None for value in values)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "–".join(_short(item) for item in value)
    return str(value)


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """JSON lines, whole or not at all."""
    try:
        with whole_file(path) as partial, partial.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    except OSError as error:
        raise PalimpsestError(f"{path} could not be written: {error.strerror}.", code="output") from error


class TerminalProgress:
    """Progress on standard error: one line rewritten on a terminal, a line every five seconds elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._last = 0.0
        self._started = time.monotonic()
        self._shown = ""
        self._pace = Pace()

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Show how far the work is, at most ten times a second on a terminal."""
        del partial
        now = time.monotonic()
        self._pace.hear(now, done)
        finished = bool(total) and done >= total
        if now - self._last < (0.1 if self._live else LINE_SECONDS) and not (finished and self._live):
            return
        self._last = now
        share = f"{100 * done / total:3.0f}%" if total else "   …"
        left = self._pace.seconds_left(now, done, total)
        words = f", {told_seconds(left)} left" if left and not finished else ""
        text = f"{share}  {note}  ({now - self._started:.0f} s{words})"
        if self._live:
            print("\r" + text.ljust(len(self._shown)), end="\n" if finished else "", file=sys.stderr, flush=True)
            self._shown = "" if finished else text
        elif not finished or self._shown != note:
            say(text)
            self._shown = note

    def cancelled(self) -> bool:
        """An interrupt arrives as KeyboardInterrupt; nothing else cancels a command."""
        return False


def progress() -> TerminalProgress:
    """A fresh progress line."""
    return TerminalProgress()
