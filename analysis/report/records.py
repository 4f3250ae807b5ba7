"""What a pinned finding holds: what is drawn, its data, and everything that made it, so that it outlives the models.

Knows no page, no store and no model; a record here is plain data that JSON and parquet can hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["figure", "zoomable", "table", "sample"]


@dataclass(frozen=True)
class Side:
    """One model of a pair: its name, where it lay, and the content hash of its weights ("" where it is not known)."""

    name: str
    source: str
    content: str = ""


@dataclass(frozen=True)
class Asked:
    """The questions put: where they came from, the hash of the set, how many, and how they were put."""

    source: str
    id: str
    n: int
    prompt: str
    settings: dict[str, Any] = field(default_factory=dict)  # split, domain, mastery, limit, seed, shots, as asked
    dtype: str = "auto"  # the one used, where it is decided


@dataclass(frozen=True)
class Restoration:
    """The slider's stop a finding is about; `effective_percent` is of the region, 0-100, None where not counted."""

    strategy: str
    percent: float
    arithmetic: str
    seed: int
    region: str
    settings: dict[str, Any] = field(default_factory=dict)  # scope, layers, modules, among, as asked
    effective_percent: float | None = None


@dataclass(frozen=True)
class Grows:
    """Which stops a figure takes up when they are evaluated later: over the same parameters as `beside` (the fields of
    a restoration), ranked alike where both are ranked; of these strategies, all of them where none is named."""

    beside: dict[str, Any]
    strategies: tuple[str, ...] = ()
    among: str = ""  # only controls drawn on these weights; "" is either


@dataclass(frozen=True)
class Making:
    """Everything that made a finding. `view` is the page's address after its path; `created` seconds since the epoch.

    `identity` tells one making from another (page, figure, pair, questions, stop, `further`), whatever came of it:
    two findings of one identity are an older and a newer result of the same thing.
    """

    page: str
    figure: str
    identity: str
    created: float
    view: str = ""
    base: Side | None = None
    tuned: Side | None = None
    asked: Asked | None = None
    restoration: Restoration | None = None
    further: dict[str, Any] = field(default_factory=dict)
    algorithms: dict[str, int] = field(default_factory=dict)  # version of each algorithm behind it (cache.keys)
    versions: dict[str, str] = field(default_factory=dict)  # package -> version
    command: str = ""
    grows: Grows | None = None  # None: no stop evaluated later belongs in it


@dataclass(frozen=True)
class Column:
    """A column of a pinned table: its name in the data, what stands over it, and how its numbers are written.

    `format`: "percent" (fractions 0-1), "" (as it is) or a printf format such as "%.3g nats".
    """

    name: str
    label: str
    format: str = ""


@dataclass(frozen=True)
class StopReading:
    """What the slider of a pinned figure shows at one percentage: a row a curve, under `heads`."""

    percent: float
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Finding:
    """A pinned figure, table or sample. `title` is the sentence that states it, `alt` the figure in words.

    `spec` is the Vega-Lite specification with its data ("figure") or plotly's ("zoomable", then `drawn` is the
    Vega-Lite twin that files are drawn from); `columns` are a table's. `stops` keep a restoration's slider.
    """

    id: str
    kind: Kind
    title: str
    alt: str
    making: Making
    spec: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    stops: tuple[StopReading, ...] = ()


@dataclass(frozen=True)
class Placed:
    """A finding in the report: its section ("" is none), the person's note, and its data by name.

    `unreadable` says why its files cannot be read ("" where they can): then the finding is nothing but its id.
    """

    finding: Finding
    section: str = ""
    note: str = ""
    news: tuple[str, ...] = ()  # what has changed since, in words; empty where nothing has
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    unreadable: str = ""
