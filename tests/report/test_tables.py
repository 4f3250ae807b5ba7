"""Tables as text: what is read back is what was written, and nothing of a value is taken for markup."""

import csv
import io

import pandas as pd

from analysis.report.records import Column
from analysis.report.tables import html_table, text_table, written

NASTY = r"a|b & 50% #1 $x_1^2$ {\bf} ~ *bold* <b> `c` [d](e)" + "\nnext"
COLUMNS = (Column("token", "token_1"), Column("share", "share & more", "percent"))
FRAME = pd.DataFrame({"token": [NASTY, "–"], "share": [0.254, None], "hidden": [1, 2]})


def test_csv_holds_every_row_and_column_as_it_is() -> None:
    assert pd.read_csv(io.StringIO(text_table(FRAME, "csv", COLUMNS)))["token"].tolist() == FRAME["token"].tolist()


def test_csv_holds_no_formula_and_numbers_stay_numbers() -> None:
    texts = ["=SUM(A1)", "+cmd", "-1+1", "@x", "\t=1", "-3", "+.5e-3", "a=b", None]
    frame = pd.DataFrame({"=text": texts, "number": [-1.5] * len(texts), "mixed": [-2, "-two", *[None] * 7]})
    rows = list(csv.reader(io.StringIO(text_table(frame, "csv"))))
    assert rows[0] == ["'=text", "number", "mixed"]
    assert [row[0] for row in rows[1:]] == ["'=SUM(A1)", "'+cmd", "'-1+1", "'@x", "'\t=1", "-3", "+.5e-3", "a=b", ""]
    assert [row[1:] for row in rows[1:3]] == [["-1.5", "-2"], ["-1.5", "'-two"]]
    assert text_table(frame.head(0), "csv") == "'=text,number,mixed\n"


def test_markdown_keeps_a_row_a_line_and_escapes_its_marks() -> None:
    lines = text_table(FRAME, "md", COLUMNS).splitlines()
    assert lines[0] == r"| token\_1 | share \& more |"
    assert lines[1] == "| --- | ---: |"
    assert len(lines) == 4
    assert lines[2].startswith(r"| a\|b \& 50% \#1 \$x\_1^2\$ \{\\bf\} \~ \*bold\* \<b\> \`c\` \[d\]\(e\) next |")
    assert lines[3].endswith("| – |"), "a missing value is a dash, never 0"


def test_latex_escapes_every_special_letter_once() -> None:
    text = text_table(FRAME, "tex", COLUMNS)
    assert r"a\textbar{}b \& 50\% \#1 \$x\_1\textasciicircum{}2\$ \{\textbackslash{}bf\} \textasciitilde{}" in text
    assert r"\textless{}b\textgreater{}" in text and r"25.4\% \\" in text
    assert r"\begin{tabular}{lr}" in text and r"token\_1 & share \& more \\" in text


def test_html_escapes_heads_and_cells_and_says_how_many_rows_are_left_out() -> None:
    text = html_table(FRAME, COLUMNS, most=1)
    assert "<b>" not in text and "&lt;b&gt;" in text and "share &amp; more" in text
    assert "1 of 2 rows" in text


def test_numbers_are_written_as_their_page_does() -> None:
    assert written(0.5, "percent") == "50.0%"
    assert written(20.0, "%g%%") == "20%"
    assert written(-0.25, "") == "−0.25"
    assert written(0.123456, "%.3g nats") == "0.123 nats"
    assert written(1234567, "localized") == "1,234,567"
    assert written(True, "percent") == "yes"
    assert written(float("nan"), "percent") == "–"
