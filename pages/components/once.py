"""What a page makes of stored results, made once: figures as specifications, and sentences that take a bootstrap.

Made for the digest of everything it depends on and shared by all sessions, so nobody may change what comes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from analysis.figures import style
from analysis.records import Evaluation, Stop
from cache.keys import digest

Made = TypeVar("Made")
MOST = 256


def once(make: Callable[[], Made], *depends: Any) -> Made:
    """What `make` gives, remembered for these values; what it is goes among them, as a word."""
    return _made(digest(depends), make)


def figure(make: Callable[[], style.Figure], *depends: Any) -> dict[str, Any]:
    """A figure's specification, remembered for these values: altair takes a tenth of a second to write one."""
    return once(lambda: style.specification(make()), "figure", *depends)


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
