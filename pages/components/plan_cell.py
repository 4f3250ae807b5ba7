"""Which cell or point of a plan's figures was clicked, in the session and in the address: one at a time."""

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.experiments.results import MEASURES
from analysis.figures import experiments as look
from analysis.records import STRATEGIES
from pages.components import address

KEY = "cell"
SEEN, TIMES = "seen-cell-", "drawn-"  # in the session: the mark clicked last in a figure, how often it was overtaken
LONGEST = 60  # letters of a name in an address


def _short(text: str) -> str | None:
    return text if len(text) <= LONGEST else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None


def _percent(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,3}([.][0-9]{1,6})?", text) else None


READ: dict[str, Callable[[str], Any]] = {
    "level": _short,
    "size": _whole,
    "seed": _whole,
    "percent": _percent,
    "strategy": {name: name for name in ("", *STRATEGIES)}.get,
    "variant": _short,
    "measure": {name: name for name in MEASURES}.get,
    "group": _short,
}


def hold() -> None:
    """Take the cell that the address names; before any figure is drawn."""
    address.hold(address.words(KEY))


def of(key: str, event: Any) -> dict[str, Any]:
    """The fields of the cell looked at, where it is one of this figure: clicked just now or before, or a link's."""
    picked, seen = look.picked(event), f"{SEEN}{key}"
    if picked != st.session_state.get(seen, {}):
        st.session_state[seen] = picked
        if picked:  # a figure drawn anew has nothing selected, and what was looked at stays
            _release(but=seen)
            keep(text_of(key, picked))
    name, fields = fields_of(str(st.session_state.get(KEY, "")))
    return fields if name == key else {}


def drawn_as(key: str) -> str:
    """The name that a figure's chart is drawn under: another one each time its click was overtaken."""
    times = st.session_state.get(f"{TIMES}{SEEN}{key}", 0)
    return f"{key}-drawn-{times}" if times else key


def choose(text: str) -> None:
    """Look at this cell, chosen otherwise than by a click; "" looks at none. A callback."""
    _release()
    keep(text)


def keep(text: str) -> None:
    """Look at this cell; "" looks at none."""
    address.put(KEY, text)


def _release(but: str = "") -> None:
    """Draw every figure anew whose clicked mark is looked at no more: a mark still selected takes no second click."""
    state = st.session_state
    for seen in [name for name in state if str(name).startswith(SEEN) and name != but and state[name]]:
        state[seen] = {}
        state[f"{TIMES}{seen}"] = state.get(f"{TIMES}{seen}", 0) + 1


def text_of(key: str, fields: dict[str, Any]) -> str:
    """A figure's cell as an address writes it: 'kl-kl_paper;level=0;size=240'."""
    told = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in fields.items()}
    return ";".join([key, *(f"{name}={value}" for name, value in told.items() if name in READ)])


def fields_of(text: str) -> tuple[str, dict[str, Any]]:
    """The figure's key and the cell's fields; what is not allowed is left out."""
    key, *parts = text.split(";")
    read = {name: READ[name](value) for name, _, value in (part.partition("=") for part in parts) if name in READ}
    return key, {name: value for name, value in read.items() if value is not None}
