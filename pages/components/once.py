"""What a page makes of stored results, made once: figures as specifications, and sentences that take a bootstrap.

Made for the digest of everything it depends on and shared by all sessions, so nobody may change what comes out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st
from streamlit.dataframe_util import convert_anything_to_arrow_bytes

from analysis.figures import style
from analysis.records import Evaluation, Stop
from cache.keys import digest

Made = TypeVar("Made")
MOST = 256


class Remembered(dict[str, Any]):
    """A figure's specification and the name that it is remembered by."""

    def __init__(self, name: str, specification: Mapping[str, Any]) -> None:
        super().__init__(specification)
        self.name = name


def once(make: Callable[[], Made], *depends: Any) -> Made:
    """What `make` gives, remembered for these values; what it is goes among them, as a word."""
    return _made(digest(depends), make)


def figure(make: Callable[[], style.Figure], *depends: Any) -> dict[str, Any]:
    """A figure's specification, remembered for these values: altair takes a tenth of a second to write one."""
    name = digest(["figure", *depends])
    return _made(name, lambda: Remembered(name, style.specification(make())))


def on_screen(figure: style.Figure | dict[str, Any], paper: style.Paper) -> dict[str, Any]:
    """The specification as a page of that paper shows it; one that is remembered has its data in Arrow already."""
    if not isinstance(figure, Remembered):
        return style.on_screen(figure, paper)
    return _made(f"{figure.name} on {paper}", lambda: _in_arrow(style.on_screen(figure, paper)))


def _in_arrow(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification with its tables as streamlit sends them, which it makes anew in each run otherwise."""
    sets = spec.get("datasets", {})
    return {**spec, "datasets": {name: convert_anything_to_arrow_bytes(rows) for name, rows in sets.items()}}


def bare(evaluation: Evaluation | None) -> Evaluation | None:
    """An evaluation without its rows, which its numbers and its seconds tell from any other of the same pair."""
    return replace(evaluation, rows=()) if evaluation else None


def bare_stops(stops: Sequence[Stop]) -> list[list[Any]]:
    """What tells these stops from any others of the same pair and questions, much shorter than the stops."""
    return [[stop.spec, stop.evaluation.seconds, stop.three_way is None] for stop in stops]


@st.cache_resource(max_entries=MOST, show_spinner=False)
def _made(name: str, _make: Callable[[], Any]) -> Any:
    del name
    return _make()
