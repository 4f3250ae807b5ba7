"""The slider over a pinned restoration's stops, with where it was moved to in the address: a refresh keeps it.

All of them share one entry, which names those that were moved: a report may hold a hundred.
"""

import re

import streamlit as st

from analysis.report.records import Finding
from pages.components import address

MOVED = "report_stops"  # in the session and in the address: "<finding>:<percent>", separated by commas
_ENTRY = re.compile(r"(?P<finding>[A-Za-z0-9-]{1,40}):(?P<percent>\d{1,3}(\.\d{1,6})?)", re.ASCII)
_MOST = 60  # the last ones moved: an address has an end

Moved = tuple[tuple[str, float], ...]


def hold() -> None:
    """Take from the address where sliders stand, and write it there; once a run, before the first is drawn."""
    address.hold(address.Field(MOVED, _read, (), _written))


def draw(finding: Finding, key: str) -> float:
    """The finding's slider: where it was moved to, else at the stop nearest to where it was pinned."""
    percents = [stop.percent for stop in finding.stops]
    at = dict(st.session_state.get(MOVED, ())).get(finding.id)
    if at not in percents:
        stood = finding.making.restoration.percent if finding.making.restoration else 0.0
        at = min(percents, key=lambda percent: abs(percent - stood))
    st.session_state[key] = at
    words = {"format_func": lambda percent: f"{percent:g}%", "key": key}
    label = "Restored, % of the region (stops evaluated when it was pinned)"
    return float(st.select_slider(label, percents, **words, on_change=_move, args=(finding.id, key)))


def _move(finding_id: str, key: str) -> None:
    others = [each for each in st.session_state.get(MOVED, ()) if each[0] != finding_id]
    st.session_state[MOVED] = (*others, (finding_id, st.session_state[key]))[-_MOST:]


def _read(text: str) -> Moved | None:
    entries = [_ENTRY.fullmatch(part) for part in text.split(address.SEPARATOR) if part]
    found = [entry for entry in entries if entry is not None]
    return tuple((each["finding"], float(each["percent"])) for each in found) if len(found) == len(entries) else None


def _written(moved: Moved) -> str:
    return address.SEPARATOR.join(f"{finding}:{percent:g}" for finding, percent in moved)
