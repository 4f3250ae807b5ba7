"""The address bar as the place where a view is kept: what every widget stands on, under one schema version.

A copied link holds every value, the default too, so that it means the same when a default changes. Values from an
address are a stranger's: each is read by its own reader, which makes None of what it does not allow. Knows no pair.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.records import RestoreSpec
from pages.components import heard

SCHEMA = "2"
SEPARATOR = ","
LONGEST_TEXT = 300  # characters of a search or a name in an address
LONGEST_NUMBER = 30  # digits, sign and exponent
MOST_CHOICES = 60
NOTICES, DISMISSED = "link_notices", "link_notices_dismissed"


@dataclass(frozen=True)
class Field:
    """One widget in the address: its key in both places, how a text is read, what it is without one, how it is written.

    `read` makes None of a text that is not allowed.
    """

    key: str
    read: Callable[[str], Any]
    default: Any = None
    text: Callable[[Any], str] = str


def hold(*held: Field) -> None:
    """Give these widgets, before they are drawn, what the address names, and write into it what they stand on.

    By hand, because a bound widget does not follow what a callback sets and leaves its default out of the address. What
    a person or a callback has just changed is newer than the address; a value that is not allowed (any more) becomes
    the default.
    """
    take(*held)
    to_addresses(texts(*held))


def take(*held: Field) -> None:
    """The first half of `hold`: for a page that writes the address after its widgets, in one step with more."""
    for field in held:
        _take(field)


def texts(*held: Field) -> dict[str, str]:
    """What these widgets stand on, as the address says it."""
    return {field.key: field.text(st.session_state[field.key]) for field in held}


def _take(field: Field) -> None:
    state, named = st.session_state, st.query_params.get(field.key)
    if heard.is_behind(field.key):
        _keep(field, named)
        named = None
    changed = field.key in state and f"held-{field.key}" in state and state[field.key] != state[f"held-{field.key}"]
    if named is None or changed:
        named = None if field.key in state else state.get(f"written-{field.key}")  # a widget of a page left before
    elif field.key in state and named == state.get(f"written-{field.key}"):
        named = None
    value = field.read(named) if named is not None else None
    if named and value is None:
        notice(f"The link's “{field.key}” is “{named[:LONGEST_TEXT]}”, which does not exist here; it was left out.")
    if value is None and field.key in state:
        value = field.read(field.text(state[field.key]))
    value = field.default if value is None else value
    if field.key not in state or state[field.key] != value:
        state[field.key] = value
    state[f"held-{field.key}"] = value


def _keep(field: Field, named: str | None) -> None:
    """Put the widget back where it was held, if all that moved it is a browser that had not heard of that yet."""
    state, held = st.session_state, f"held-{field.key}"
    by_the_browser = field.key in state and held in state and not heard.set_by_callback(field.key)
    if by_the_browser and field.text(state[field.key]) == named:
        state[field.key] = state[held]


def from_address(key: str, allowed: Callable[[str], object | None]) -> None:
    """Give a widget, before it is drawn, the value the address names; what `allowed` makes None of is left out.

    What this session wrote itself is no news.
    """
    value = allowed(st.query_params[key]) if names_anew(key) else None
    if value is not None:
        st.session_state[key] = value


def names_anew(key: str) -> bool:
    """Whether the address names something here that this session did not write itself: by a link, F5 or Back."""
    named = st.query_params.get(key)
    return named is not None and named != st.session_state.get(f"written-{key}") and not heard.is_behind(key)


def to_address(key: str, value: object) -> None:
    """Write a widget's value into the address, the default as well: a copied link holds everything."""
    to_addresses({key: f"{value:g}" if isinstance(value, float) else str(value)})


def to_addresses(texts: dict[str, str]) -> None:
    """Write several at once: one step for the browser's Back."""
    for key, text in texts.items():
        if st.session_state.get(f"written-{key}") != text:
            heard.replaced(key, st.session_state.get(f"written-{key}"))
        st.session_state[f"written-{key}"] = text
    changed = {key: text for key, text in texts.items() if st.query_params.get(key) != text}
    if changed:
        st.query_params.update(changed)


def put(key: str, text: str) -> None:
    """Set what `hold` holds as text where no widget does, in the session and in the address."""
    st.session_state[key] = st.session_state[f"held-{key}"] = text
    to_addresses({key: text})


def notice(words: str) -> None:
    """Have the frame say this about the link that was opened, until it is dismissed."""
    told = st.session_state.setdefault(NOTICES, [])
    if words not in told and words not in st.session_state.get(DISMISSED, ()):
        told.append(words)


def named_in_vain(key: str, words: str) -> None:
    """Where there is nothing to choose from yet: say these words of what the address names, if it names something.

    What this session wrote itself is no news. The address keeps it, so that it is taken over once it is there. Runs the
    page again to say it, because one without anything to choose from often ends early.
    """
    said = len(st.session_state.get(NOTICES, ()))
    if st.query_params.get(key) and names_anew(key):
        notice(words)
    if len(st.session_state.get(NOTICES, ())) > said:
        st.rerun()


def dismiss() -> None:
    """Say none of the present notices again in this session; a callback."""
    st.session_state[DISMISSED] = (*st.session_state.get(DISMISSED, ()), *st.session_state.pop(NOTICES, ()))


def version_words(version: str | None) -> str | None:
    """What to say of a link of this schema version; None for the present one and for an address without a view."""
    if version is None or version == SCHEMA:
        return None
    if version.isdecimal() and int(version) < int(SCHEMA):
        return (
            f"This link was made by an earlier Palimpsest (address version {version}, now {SCHEMA}). All it names was "
            "taken over; settings that links did not hold then stand at their defaults. Copy the link again to keep "
            "the whole view."
        )
    return (
        f"This link says address version “{version[:20]}”, and this Palimpsest reads versions up to {SCHEMA}: what it "
        "does not know was left out. Open the link with the Palimpsest it was made with to see all of it."
    )


# --- readers and writers ---------------------------------------------------------------------------------------


def one_of(key: str, options: Collection[Any], default: Any) -> Field:
    """A choice among options, each written as its text."""
    return Field(key, {str(option): option for option in options}.get, default)


def view(key: str, label: str, options: dict[str, str], default: str) -> str:
    """One of a page's views (name in the address: words on the page), kept in the address; the label is for readers."""
    hold(one_of(key, options, default))
    chosen = st.segmented_control(
        label,
        list(options),
        required=True,
        format_func=options.get,
        key=key,
        persist_state="session",
        label_visibility="collapsed",
    )
    return str(chosen or default)


def some_of(key: str, options: Collection[Any], default: Collection[Any] = ()) -> Field:
    """Several choices among options, separated by commas; none is an empty text."""
    known = {str(option): option for option in options}

    def read(text: str) -> list[Any] | None:
        names = [name for name in text.split(SEPARATOR) if name][:MOST_CHOICES]
        return [known[name] for name in names] if all(name in known for name in names) else None

    return Field(key, read, list(default), lambda chosen: SEPARATOR.join(map(str, chosen or ())))


def some_numbers(key: str, below: int) -> Field:
    """Several whole numbers from 0 on, all `below` this one, as ranges: '0-3,17'; none is an empty text."""

    def read(text: str) -> list[int] | None:
        parts = [part for part in text.split(SEPARATOR) if part]
        if not all(re.fullmatch(r"\d{1,9}(-\d{1,9})?", part, re.ASCII) for part in parts):
            return None
        ends = [(int(part.split("-")[0]), int(part.split("-")[-1])) for part in parts]
        if any(not first <= last < below for first, last in ends):
            return None
        return sorted({number for first, last in ends for number in range(first, last + 1)})

    return Field(key, read, [], _ranges)


def _ranges(chosen: Sequence[int]) -> str:
    """Sorted numbers, neighbours joined: [0, 1, 2, 5] is '0-2,5'."""
    starts = [number for number in chosen if number - 1 not in chosen]
    ends = [number for number in chosen if number + 1 not in chosen]
    return SEPARATOR.join(f"{a}-{b}" if a < b else f"{a}" for a, b in zip(starts, ends, strict=True))


def words(key: str, default: str = "") -> Field:
    """A text a person typed."""
    return Field(key, lambda text: text[:LONGEST_TEXT], default)


def switch(key: str, default: bool) -> Field:
    """On or off."""
    return Field(key, {"on": True, "off": False}.get, default, lambda value: "on" if value else "off")


def whole_number(key: str, low: int, high: int, default: int) -> Field:
    """A whole number between two bounds, both included."""

    def read(text: str) -> int | None:
        return int(text) if text.isdecimal() and len(text) < 10 and low <= int(text) <= high else None

    return Field(key, read, default)


def decimal(key: str, low: float, high: float, default: float) -> Field:
    """A number between two bounds, both included, to its last digit."""

    def read(text: str) -> float | None:
        try:
            number = float(text) if len(text) < LONGEST_NUMBER else math.nan
        except ValueError:
            return None
        return number if low <= number <= high else None

    return Field(key, read, default, repr)


def clamped_number(key: str, low: int, high: int, default: int) -> Field:
    """A whole number of which the nearest between two bounds is taken: for places in something that may be shorter."""

    def read(text: str) -> int | None:
        return min(max(low, int(text)), high) if text.isdecimal() and len(text) < 10 else None

    return Field(key, read, default)


def spec_text(spec: RestoreSpec) -> str:
    """A stop as an address writes it: 'relative-top:20;region=mlp;layers=0.1'; settings at their default left out."""
    told = [f"{spec.strategy}:{spec.percent:g}"]
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name not in ("strategy", "percent") and value != field.default:
            told.append(f"{field.name}={'.'.join(map(str, value)) if isinstance(value, tuple) else value}")
    return ";".join(told)


def spec_of(text: str) -> RestoreSpec | None:
    """The stop an address names, or None where it names none."""
    head, *told = text[:LONGEST_TEXT].split(";")
    strategy, _, percent = head.partition(":")
    settings = dict(part.split("=", 1) for part in told if "=" in part)
    try:
        spec = RestoreSpec(float(percent), strategy)  # type: ignore[arg-type]
        return replace(spec, **{name: _setting(name, value) for name, value in settings.items()})
    except (ValueError, TypeError, PalimpsestError):
        return None


def _setting(name: str, text: str) -> Any:
    if name == "layers":
        return tuple(int(number) for number in text.split("."))
    if name == "modules":
        return tuple(text.split("."))
    return int(text) if name == "seed" else text
