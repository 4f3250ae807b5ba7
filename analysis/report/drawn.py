"""What is drawn as plain data: a figure's or a table's content ready to be pinned, and its data as tables.

Knows no page and no store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.figures.style import Figure, specification
from analysis.report.records import Column, Kind, StopReading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Drawn:
    """The content of a finding (see records.Finding), with its data by name."""

    kind: Kind
    alt: str
    spec: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    stops: tuple[StopReading, ...] = ()

    def content(self) -> list[Any]:
        """What tells this content from another, for a hash."""
        tables = {name: frame.to_csv(index=False) for name, frame in self.tables.items()}
        return [self.kind, self.spec, self.drawn, tables]


def of_figure(figure: Figure | dict[str, Any], alt: str, stops: Sequence[StopReading] = ()) -> Drawn:
    """An altair figure or its specification, without the colours of a paper, and its data."""
    spec = figure if isinstance(figure, dict) else specification(figure)
    return Drawn("figure", alt, spec=spec, tables=frames_of(spec), stops=tuple(stops))


def of_zoomable(figure: Any, twin: Figure, alt: str) -> Drawn:
    """A plotly figure with the altair twin that files are drawn from; never drawn by WebGL, which a report refuses."""
    spec = json.loads(figure.to_json())
    spec.get("layout", {}).pop("template", None)  # the page's; a report brings its own text and grid
    for trace in spec["data"]:
        trace["type"] = {"scattergl": "scatter"}.get(trace["type"], trace["type"])
    drawn = specification(twin)
    subtitle = spec["layout"].get("title", {}).get("subtitle")
    if subtitle:  # the page's tells what to do there
        told = drawn["title"]["subtitle"]
        subtitle["text"] = told if isinstance(told, str) else " ".join(told)
    return Drawn("zoomable", alt, spec=spec, drawn=drawn, tables=frames_of(drawn))


def of_table(frame: pd.DataFrame, columns: Sequence[Column], alt: str, kind: Kind = "table") -> Drawn:
    """A table, all of its rows and columns; `columns` are those that are shown, in order."""
    return Drawn(kind, alt, tables={"data": storable(frame)}, columns=tuple(columns))


def frames_of(spec: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The data of a specification, the largest first: "data", "data-2", ..."""
    sets = sorted(spec.get("datasets", {}).values(), key=len, reverse=True)
    frames = [storable(pd.DataFrame(rows)) for rows in sets if rows]
    return {f"data-{number}" if number > 1 else "data": frame for number, frame in enumerate(frames, start=1)}


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the values parquet cannot hold in one column (mixed or nested ones) written as text."""
    return frame.apply(_column).rename(columns=str)


def _column(values: pd.Series[Any]) -> pd.Series[Any]:
    if values.dtype != object:
        return values
    kinds = {type(value) for value in values.dropna()}
    if len(kinds) <= 1 and not kinds & {list, dict, tuple, set}:
        return values
    return values.map(lambda value: value if isinstance(value, str) or value is None else _text(value))


def _text(value: Any) -> str | None:
    if isinstance(value, float) and value != value:
        return None
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
