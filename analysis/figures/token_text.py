"""One text coloured token by token, as a figure that can be pinned and saved: what the reading view shows of it.

Tokens stand in lines of fixed width; the scale is this text's own. Knows a report's columns; draws no streamlit.
"""

from typing import Any

import altair as alt
import pandas as pd

from analysis.figures import numbers, style
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_measures import WORDS, Measure, measure_name
from analysis.figures.visible import visible

LINE_LETTERS = 84
LINE_HEIGHT, LETTER_WIDTH = 30, 7.6  # pixels
_LETTER_SIZE = alt.ExprRef(f"min(12, 12 * width / {LETTER_WIDTH * LINE_LETTERS:g})")  # narrower: no letter on another
MOST_TOKENS = 600  # of one text; a figure of more is not read
INK = "#1F2428"  # of letters on a coloured cell: every cell is light enough for it, on either paper
RISING, SIGNED = ["#FFF7EC", "#F39A4E"], ["#6FB4E3", "#F5F5F5", "#F39A4E"]


def text_table(columns: TokenColumns, number: int, measure: Measure) -> pd.DataFrame:
    """One row a token of the text: line, start, middle and end (letters from the left), token, value (None: none)."""
    first = int(columns.starts[number])
    last = min(int(columns.starts[number + 1]), first + MOST_TOKENS)
    values = columns.values(measure)[first:last].tolist()
    rows, line, at = [], 0, 0
    for token, value in zip(columns.tokens[first:last], values, strict=True):
        shown = "".join(visible(token.text)).replace("\n", "")  # the mark of a line's end stays
        if at and at + len(shown) > LINE_LETTERS:
            line, at = line + 1, 0
        known = value if value == value and token.counted else None
        place = {"line": line, "start": at, "middle": at + len(shown) / 2, "end": at + len(shown)}
        rows.append({**place, "token": shown, "value": known})
        at += len(shown)
    return pd.DataFrame(rows, columns=["line", "start", "middle", "end", "token", "value"])


def coloured_text(columns: TokenColumns, number: int, measure: Measure, title: str) -> style.Figure:
    """The text with each token on its value's colour; tokens that do not count stand on none."""
    table, name = text_table(columns, number, measure), measure_name(columns.report, measure)
    lines = int(table["line"].max()) + 1 if len(table) else 1
    across = alt.Scale(domain=[0, LINE_LETTERS])
    colours = alt.Scale(range=SIGNED, domainMid=0) if WORDS[measure].signed else alt.Scale(range=RISING)
    colour = alt.Color("value:Q", title=name, scale=colours, legend=alt.Legend(orient="top", titleLimit=400))
    shared = {
        "y": alt.Y("line:O", axis=None),
        "tooltip": [alt.Tooltip("token:N"), alt.Tooltip("value:Q", title=name, format=".4g")],
    }
    known, other = table[table["value"].notna()], table[table["value"].isna()]
    cells = alt.Chart(known).mark_rect().encode(x=alt.X("start:Q", axis=None, scale=across), x2="end:Q", color=colour)
    middle = alt.X("middle:Q", axis=None, scale=across)
    letters: dict[str, Any] = {"font": "monospace", "fontSize": _LETTER_SIZE}
    inked = alt.Chart(known).mark_text(**letters, color=INK).encode(x=middle, text="token:N")
    plain = alt.Chart(other).mark_text(**letters, opacity=0.6).encode(x=middle, text="token:N")
    layers = [layer.encode(**shared) for layer in (cells, inked, plain)]
    return style.finish(
        alt.layer(*layers, width=LETTER_WIDTH * LINE_LETTERS, height=LINE_HEIGHT * lines),
        title,
        f"{len(table)} tokens · {name}",
    )


def text_words(columns: TokenColumns, number: int, measure: Measure) -> str:
    """Where the measure is largest in this text, in a sentence; one text, which shows and does not prove."""
    known = text_table(columns, number, measure).dropna(subset=["value"])
    name = measure_name(columns.report, measure)
    if known.empty:
        return f"{name}: no token of this text counts."
    most = known.iloc[int(known["value"].abs().to_numpy().argmax())]
    unit = WORDS[measure].unit
    return (
        f"{name}: farthest from 0 at “{most['token']}” ({numbers.significant(most['value'])} {unit}); mean "
        f"{numbers.significant(float(known['value'].mean()))} over the {len(known)} tokens of one text that count."
    )
