"""Tables as text: CSV, Markdown and LaTeX, each escaped so that a value is read as it is.

Numbers are written in full in CSV; in Markdown and LaTeX as a page shows them (records.Column says how).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args

from analysis.figures import numbers
from analysis.report import small_print
from analysis.report.records import Column

if TYPE_CHECKING:
    import pandas as pd

    from analysis.report.footer import Line

TableKind = Literal["csv", "md", "tex"]
TABLES: tuple[TableKind, ...] = get_args(TableKind)
MIME: dict[TableKind, str] = {"csv": "text/csv", "md": "text/markdown", "tex": "application/x-tex"}
_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "−": "$-$",
}
_LATEX_MARKS = re.compile("|".join(map(re.escape, _LATEX)))
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_MARKDOWN_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~$<>&])")


def text_table(
    frame: pd.DataFrame, kind: TableKind, columns: Sequence[Column] | None = None, made: Sequence[Line] = ()
) -> str:
    """The table in that format; `columns` are those shown, in order (all of them where not given).

    `made` (what made it) stands under a Markdown table, and in comments over a LaTeX one; CSV is nothing but data.
    """
    shown = every_column(frame) if columns is None else columns
    if kind == "csv":
        return csv_text(frame)
    if kind == "md":
        told = "".join(f"- {_in_markdown(small_print.plain(line))}\n" for line in made)
        return f"{_markdown(frame, shown)}\n{told}" if told else _markdown(frame, shown)
    return small_print.over_latex(made) + _latex(frame, shown)


def every_column(frame: pd.DataFrame) -> tuple[Column, ...]:
    """A table's columns under their own names."""
    return tuple(Column(str(name), str(name)) for name in frame.columns)


def csv_text(frame: pd.DataFrame) -> str:
    """All rows and columns as CSV, values as they are but for texts that a spreadsheet would take for a formula.

    Those begin with a quote ('=SUM(A1)); numbers stay numbers, also where they are written as text.
    """
    safe = frame.apply(lambda values: values if values.dtype.kind in "iufb" else values.map(_inert))
    return str(safe.rename(columns=_inert).to_csv(index=False))


def _inert(value: Any) -> Any:
    formula = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if formula else value


def written(value: Any, form: str) -> str:
    """A value as a page shows it: a share as a percentage, a number in its format and with a true minus, a missing one
    as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value != value:
        return numbers.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if form == "percent":
        return numbers.share(float(value))
    if form in ("localized", "plain", "compact"):
        return numbers.minus(f"{value:,}" if isinstance(value, int) else f"{value:,.6g}")
    if "%" in form:
        return numbers.minus(form % value)
    return numbers.minus(f"{value:.6g}" if isinstance(value, float) else str(value))


def cells(frame: pd.DataFrame, columns: Sequence[Column]) -> list[list[str]]:
    """Every row as texts, in the order of the columns."""
    chosen = [[written(value, column.format) for value in frame[column.name].tolist()] for column in columns]
    return [list(row) for row in zip(*chosen, strict=True)]


def written_frame(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The table as it is read: labels over texts."""
    import pandas as pd

    return pd.DataFrame(cells(frame, columns), columns=[column.label for column in columns])


def numeric(frame: pd.DataFrame, column: Column) -> bool:
    """Whether a column holds numbers, which stand on the right."""
    return bool(frame[column.name].dtype.kind in "iuf")


def _markdown(frame: pd.DataFrame, columns: Sequence[Column]) -> str:
    heads = [_in_markdown(column.label) for column in columns]
    rules = ["---:" if numeric(frame, column) else "---" for column in columns]
    rows = [[_in_markdown(cell) for cell in row] for row in cells(frame, columns)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [heads, rules, *rows])


def _in_markdown(text: str) -> str:
    return _MARKDOWN_MARKS.sub(r"\\\1", " ".join(text.split()))


def _latex(frame: pd.DataFrame, columns: Sequence[Column]) -> str:
    kinds = "".join("r" if numeric(frame, column) else "l" for column in columns)
    heads = " & ".join(_in_latex(column.label) for column in columns)
    rows = [" & ".join(_in_latex(cell) for cell in row) for row in cells(frame, columns)]
    body = "".join(f"{row} \\\\\n" for row in rows)
    return (
        "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}\n"
        f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{heads} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
    )


def _in_latex(text: str) -> str:
    return _LATEX_MARKS.sub(lambda found: _LATEX[found[0]], " ".join(text.split()))


def html_table(frame: pd.DataFrame, columns: Sequence[Column], *, most: int | None = None) -> str:
    """The table as HTML, every text escaped; at most `most` rows, and a line that says how many there are."""
    shown = frame if most is None else frame.head(most)
    sides = ["n" if numeric(frame, column) else "t" for column in columns]
    heads = "".join(
        f'<th scope="col" class="{side}">{escape(column.label)}</th>'
        for side, column in zip(sides, columns, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f'<td class="{side}">{escape(cell)}</td>' for side, cell in zip(sides, row, strict=True))
        + "</tr>"
        for row in cells(shown, columns)
    )
    more = f"<p class='more'>{len(shown):,} of {len(frame):,} rows</p>" if len(shown) < len(frame) else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{more}"
