"""Findings made by hand, hostile texts among them."""

import altair as alt
import pandas as pd

from analysis.figures import style
from analysis.report import drawn
from analysis.report.records import Asked, Column, Finding, Making, Placed, Restoration, Side, StopReading

HOSTILE = '</script><img src=x onerror=alert(1)> & "quoted" \u2028 https://example.org/x.js'
COLUMNS = (Column("token", "token_1"), Column("share", "share & more", "percent"))


def making(identity: str = "one", **changes: object) -> Making:
    """What made a finding, every part of it present."""
    settings = {
        "page": "restore",
        "figure": "curve-in",
        "created": 1.7e9,
        "view": "k=20&pair=abc",
        "base": Side("base", "/models/base", "b" * 32),
        "tuned": Side("tuned", "/models/tuned", "t" * 32),
        "asked": Asked(
            "/data/questions.zip", "q" * 32, 500, "paper", {"seed": 0, "limit": 500, "split": "test"}, "float32"
        ),
        "restoration": Restoration("relative-top", 20.0, "exact", 0, "transformer", {"scope": "global"}, 18.8),
        "further": {},
        "algorithms": {"evaluation": 2},
        "versions": {"python": "3.11", "torch": "2.13.0"},
        "command": "palimpsest sweep /models/base '/models/tuned two'",
    }
    return Making(identity=identity, **(settings | changes))  # type: ignore[arg-type]


def figure(points: int = 3, label: str = "a") -> alt.Chart:
    """A small line of the restored model's colour."""
    table = pd.DataFrame({"x": range(points), "y": [0.5] * points, "name": [label] * points})
    chart = alt.Chart(table).mark_line(color=style.RESTORED).encode(x="x:Q", y="y:Q", tooltip=["name:N"])
    return style.finish(chart, "A line (%)", "n = 500")


def make_placed(
    name: str = "f1",
    *,
    title: str = "A sentence.",
    note: str = "",
    section: str = "",
    table: bool = False,
    points: int = 3,
    stops: tuple[StopReading, ...] = (),
    label: str = "a",
) -> Placed:
    """A pinned figure, or a table with `table=True`; texts, note and section as given."""
    rows = pd.DataFrame({"token": [label, "b"], "share": [0.25, None]})
    content = (
        drawn.of_table(rows, COLUMNS, "Two rows") if table else drawn.of_figure(figure(points, label), "A line", stops)
    )
    finding = Finding(
        id=name,
        kind=content.kind,
        title=title,
        alt=content.alt,
        making=making(name),
        spec=content.spec,
        columns=content.columns,
        stops=content.stops,
    )
    return Placed(finding, section, note, tables=content.tables)
