"""The pin beside every figure, table and sample: keeps it with a note and everything that made it, for the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pandas as pd
import streamlit as st

from analysis.report import footer
from analysis.report.drawn import Drawn, storable
from analysis.report.records import Column, Finding, Placed
from cache.keys import digest
from cache.making import About
from cache.memo import workspace
from pages.components import kept_dialog, notices, origin
from pages.components.words import plain

PINNED = "pinned_title"  # in the session: what was pinned a moment ago
LAST_SECTION = "pinned_section"  # the next pin starts in the section of the last
NOTE_LETTERS = 4000
TEXTS = "texts"  # the table that holds them


def button(
    draw: Callable[[], Drawn],
    *,
    key: str,
    finding: str | None = None,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: origin.AboutIt | None = None,
    label: str = "Pin",
) -> None:
    """A small pin; pressed, it asks for a note and keeps what `draw` gives. See charts.show for the other words."""
    if st.button(label, key=f"pin-{key}", type="tertiary", icon=":material/keep:", help="Keep this for the report"):
        with notices.shown_errors():
            told = about() if callable(about) else about
            drawn = _with_texts(draw(), told)
            made_now = _finding(drawn, key, finding or drawn.alt, made, command, told)
            kept_dialog.open_with(f"pin-{key}", made_now, drawn, workspace().earlier_pin(made_now))
    asked = kept_dialog.held(f"pin-{key}")
    if asked is not None:
        _ask(*asked)
    _say_pinned(key)


def _with_texts(drawn: Drawn, about: About | None) -> Drawn:
    """With the texts that were compared, so that they outlive what they were drawn from."""
    if about is None or about.compared is None:
        return drawn
    texts = pd.DataFrame(about.compared.texts, columns=["id", "text", "prompt", "answer"])
    return replace(drawn, tables={**drawn.tables, TEXTS: storable(texts)})


def _finding(
    drawn: Drawn,
    key: str,
    title: str,
    made: Mapping[str, Any] | None,
    command: str | None,
    about: About | None,
) -> Finding:
    making = origin.here(key, made, command, about).making()
    return Finding(
        id=digest([making.identity, drawn.content()])[:20],
        kind=drawn.kind,
        title=title,
        alt=drawn.alt,
        making=making,
        spec=drawn.spec,
        drawn=drawn.drawn,
        columns=drawn.columns,
        stops=drawn.stops,
    )


@st.dialog("Pin for the report", on_dismiss=kept_dialog.close)
def _ask(finding: Finding, drawn: Drawn, earlier: Placed | None) -> None:
    """Note and section, as an earlier pin of the same figure had them; keys by content, so that no draft strays."""
    st.markdown(f"**{plain(finding.title)}**")
    note = st.text_area(
        "Note",
        earlier.note if earlier is not None else "",
        key=f"pin_note-{finding.id}",
        max_chars=NOTE_LETTERS,
        placeholder="What you saw, in your own words (optional)",
    )
    current = earlier.section if earlier is not None else st.session_state.get(LAST_SECTION, "")
    section = section_box(f"pin_section-{finding.id}", current)
    replaces = _replaced(finding, earlier) if earlier is not None else ""
    if st.button("Pin", key="pin_now", type="primary", icon=":material/keep:"):
        with notices.shown_errors():
            workspace().findings.pin(finding, drawn.tables, note=note, section=section, replaces=replaces)
            st.session_state[LAST_SECTION] = section
            st.session_state[PINNED] = finding.making.figure
            kept_dialog.close()
            st.rerun()
    st.caption("Its data and what made it are kept with it: it can be shown when the models are gone.")


def _replaced(finding: Finding, earlier: Placed) -> str:
    """The id of the earlier pin where this one is to take its place, "" for none."""
    pinned = footer.date(earlier.finding.making.created)
    if earlier.finding.id == finding.id:
        st.caption(f"Pinned {pinned} with the same content: it keeps its place in its section.")
        return ""
    chosen = st.checkbox(
        "Replace the earlier pin",
        True,
        key=f"pin_replace-{finding.id}",
        help=f"The same figure was pinned {pinned}. This one takes its place; the Report page can bring it back.",
    )
    return earlier.finding.id if chosen else ""


def section_box(key: str, current: str) -> str:
    """Which section of the report, an old one or a new one typed here; "" is none."""
    names = [name for name in workspace().findings.sections() if name]
    if current and current not in names:
        names.append(current)
    chosen = st.selectbox(
        "Section",
        names,
        index=names.index(current) if current else None,
        accept_new_options=True,
        placeholder="None; type a name to make one",
        key=key,
    )
    return chosen or ""


def _say_pinned(key: str) -> None:
    if st.session_state.get(PINNED) == key:
        del st.session_state[PINNED]
        st.toast("Pinned. It is on the Report page.", icon=":material/keep:")


def columns_of(names: Sequence[str], shown: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns a page shows of a table, from its st.column_config entries; None hides a column."""
    found = []
    for name in names:
        entry = shown.get(name, {})
        if entry is not None:
            settings = entry if isinstance(entry, Mapping) else {}
            kind = settings.get("type_config") or {}
            found.append(Column(name, str(settings.get("label") or name), str(kind.get("format") or "")))
    return tuple(found)


def view_of(view: str) -> dict[str, str]:
    """The address of a pinned view, as a link takes it."""
    return dict(parse_qsl(view, keep_blank_values=True))
