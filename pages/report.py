"""Report: what was pinned, in sections, to be shown, sent and printed."""

from typing import Literal

import streamlit as st

from analysis.errors import StoreError
from analysis.figures import numbers
from analysis.report import footer, html, layout, tables
from analysis.report.records import Placed
from cache.memo import workspace
from pages.components import (
    address,
    charts,
    finding_files,
    kept_dialog,
    kept_slider,
    notices,
    packing,
    pinning,
    present,
)
from pages.components.words import plain

MOST_PAGES = 10_000
PAGE_FINDINGS = 4  # drawn at once: a page of fifty figures would take seconds to come
LONG_TABLE, LONG_HEIGHT = 15, 560  # of more rows than these a table is moved within its card: pixels
PAGE = "report_page"
TITLE, TITLE_SEEN = "report_title", "report_title_seen"


def head(placed: tuple[Placed, ...]) -> None:
    """Title, and what to do with all of it."""
    findings = workspace().findings
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    held, title = st.session_state, findings.title()
    if TITLE not in held or held.get(TITLE_SEEN) != title:  # first, back from elsewhere, or renamed here or elsewhere
        held[TITLE] = held[TITLE_SEEN] = title
    left.text_input("Title of the report", key=TITLE, max_chars=120, on_change=retitle)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Present", type="primary", icon=":material/slideshow:", on_click=present.begin, key="present")
        packing.menu(placed)
    newer = sum(bool(each.news) for each in placed)
    lost = sum(bool(each.unreadable) for each in placed)
    told = f"{len(placed)} pinned findings" if len(placed) > 1 else "One pinned finding"
    more = [f"{newer} may be out of date." if newer else "", f"{lost} cannot be read: see below." if lost else ""]
    st.caption(" ".join([f"{told}.", *filter(None, more)]))


def retitle() -> None:
    """Call the report what was typed; a callback."""
    st.session_state.pop(TITLE_SEEN, None)
    notices.tried(workspace().findings.rename, st.session_state[TITLE])


def undo_bar() -> None:
    """What was deleted last, and the way back."""
    findings = workspace().findings
    gone = findings.last_deleted()
    if gone is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="undo-bar"):
            st.caption(f"Deleted: {plain(_short(gone.title))}")
            acts = (("Undo", ":material/undo:", findings.undo), ("Dismiss", ":material/close:", findings.dismiss))
            for word, icon, act in acts:
                key = word.lower()
                st.button(word, key=key, type="tertiary", icon=icon, on_click=notices.tried, args=(act,))


def _short(text: str, letters: int = 90) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def shown(placed: tuple[Placed, ...]) -> tuple[int, tuple[Placed, ...]]:
    """The findings of the page that is open, and the number of the first."""
    pages = -(-len(placed) // PAGE_FINDINGS)
    address.hold(address.whole_number(PAGE, 0, MOST_PAGES, 0))
    page = min(st.session_state[PAGE], pages - 1)
    start = page * PAGE_FINDINGS
    return start, placed[start : start + PAGE_FINDINGS]


def turn_bar(placed: tuple[Placed, ...], start: int, count: int) -> None:
    """From page to page of findings."""
    if len(placed) <= PAGE_FINDINGS:
        return
    page = start // PAGE_FINDINGS
    with st.container(horizontal=True, vertical_alignment="center", key="turn"):
        st.button("Previous", key="report-before", disabled=page == 0, on_click=_turn, args=(page - 1,))
        last = start + count >= len(placed)
        st.button("Next", key="report-after", disabled=last, on_click=_turn, args=(page + 1,))
        st.caption(f"Findings {start + 1}–{start + count} of {numbers.count(len(placed))}")


def _turn(page: int) -> None:
    st.session_state[PAGE] = page


def section_head(name: str, first: bool, last: bool) -> None:
    """A section's name with its place among the others."""
    findings = workspace().findings
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(name) if name else html.NO_SECTION, width="content")
        steps = ((-1, "Up", ":material/arrow_upward:", first), (1, "Down", ":material/arrow_downward:", last))
        for by, word, icon, stuck in steps:
            st.button(
                f"Section {word.lower()}",
                key=f"section-{word}-{name}",
                icon=icon,
                type="tertiary",
                disabled=stuck,
                on_click=notices.tried,
                args=(findings.move_section, name, by),
            )
        if st.button("Rename", key=f"section-name-{name}", icon=":material/edit:", type="tertiary"):
            kept_dialog.open_with(f"rename-{name}")
    if kept_dialog.held(f"rename-{name}") is not None:
        rename(name)


@st.dialog("Rename the section", on_dismiss=kept_dialog.close)
def rename(name: str) -> None:
    """A new name for a section; that of another one joins the two."""
    new = st.text_input("Name", name, key="section_name", max_chars=80)
    st.caption("The name of another section joins the two; an empty name dissolves this one.")
    if st.button("Rename", type="primary", key="section_renamed"):
        with notices.shown_errors():
            workspace().findings.rename_section(name, new)
            kept_dialog.close()
            st.rerun()


def lost_card(number: int, placed: Placed) -> None:
    """A finding that cannot be read: why, and the way out of it."""
    name = placed.finding.id
    with st.container(border=True, key=f"finding-{name}"):
        st.caption(f"{number}")
        st.error(plain(layout.unreadable_words(placed)), icon=":material/broken_image:")
        if placed.note:
            st.text(placed.note)
        _delete(name)


def card(number: int, placed: Placed, total: int) -> None:
    """One finding: its sentence, what is drawn, the note, the small print, and its buttons."""
    finding = placed.finding
    with st.container(border=True, key=f"finding-{finding.id}"):
        st.caption(plain(f"{number} · {layout.where(finding)}"))
        st.markdown(f"##### {plain(finding.title)}")
        if placed.news:
            st.warning(plain(f"Since it was pinned: {'; '.join(placed.news)}."), icon=":material/update:")
            _link_back(placed, "Look at the newer result and pin it again")
        drawing(placed)
        if placed.note:
            st.text(placed.note)
        _buttons(number, placed, total)
        with st.expander("What made it", icon=":material/info:"):
            small_print(placed)


def drawing(placed: Placed) -> None:
    """The figure or table from what was kept: no model is asked."""
    finding, key = placed.finding, f"pinned-{placed.finding.id}"
    if finding.kind == "figure":
        charts.draw_kept(finding, key=key)
    elif finding.kind == "zoomable":
        st.plotly_chart(finding.spec, theme="streamlit", key=key, alt=finding.alt)
    else:
        try:
            frame = workspace().findings.tables(finding.id).get("data")
        except StoreError as error:  # the other findings are drawn all the same
            notices.show_error(error)
            return
        if frame is None:
            st.warning("The data of this table is missing from the store.")
            return
        columns = finding.columns or tables.every_column(frame)
        rows = frame.head(layout.ROWS_SHOWN)
        height: Literal["content"] | int = LONG_HEIGHT if len(rows) > LONG_TABLE else "content"
        st.table(tables.written_frame(rows, columns).map(plain), border="horizontal", hide_index=True, height=height)
        if len(rows) < len(frame):
            st.caption(f"{len(rows):,} of {len(frame):,} rows; the files hold all.")


def small_print(placed: Placed) -> None:
    """Everything that made the finding, a line each."""
    for line in footer.lines(placed.finding.making):
        if line.code:
            st.code(line.words, language="bash", wrap_lines=True)
        else:
            st.caption(f"**{plain(line.name)}** &nbsp; {plain(line.words)}")
    _link_back(placed, "Open the page as it was")


def _link_back(placed: Placed, label: str) -> None:
    made = placed.finding.making
    if made.page:
        st.page_link(
            f"{made.page}.py", label=label, icon=":material/arrow_back:", query_params=pinning.view_of(made.view)
        )


def _buttons(number: int, placed: Placed, total: int) -> None:
    name = placed.finding.id
    with st.container(horizontal=True, gap="small"):
        _move("Up", ":material/arrow_upward:", name, -1, number == 1)
        _move("Down", ":material/arrow_downward:", name, 1, number == total)
        if st.button("Note and section", key=f"edit-{name}", icon=":material/edit:", type="tertiary"):
            kept_dialog.open_with(f"edit-{name}")
        if kept_dialog.held(f"edit-{name}") is not None:
            edit(placed)
        _delete(name)
        finding_files.menu(placed.finding)


def _delete(name: str) -> None:
    act = {"on_click": notices.tried, "args": (_deleted, name)}
    st.button("Delete", key=f"delete-{name}", icon=":material/delete:", type="tertiary", **act)


def _deleted(name: str) -> None:
    """Delete it, and say where the way back is: at the top, which may be far above."""
    workspace().findings.delete(name)
    st.toast("Deleted. Undo stands at the top of the page.", icon=":material/delete:")


def _move(word: str, icon: str, name: str, by: int, stuck: bool) -> None:
    move = workspace().findings.move
    act = {"on_click": notices.tried, "args": (move, name, by)}
    st.button(word, key=f"{word}-{name}", icon=icon, type="tertiary", disabled=stuck, **act)


@st.dialog("Note and section", on_dismiss=kept_dialog.close)
def edit(placed: Placed) -> None:
    """The person's own words under a finding, and where it stands."""
    note = st.text_area("Note", placed.note, key="edit_note", max_chars=pinning.NOTE_LETTERS)
    section = pinning.section_box("edit_section", placed.section)
    if st.button("Keep", type="primary", key="edited"):
        with notices.shown_errors():
            workspace().findings.edit(placed.finding.id, note=note, section=section)
            kept_dialog.close()
            st.rerun()


def whole(found: tuple[Placed, ...]) -> None:
    """The report, a page of findings at a time."""
    undo_bar()
    kept_slider.hold()
    head(found)
    start, here = shown(found)
    turn_bar(found, start, len(here))
    sections = [each.section for each in found]
    for number, each in enumerate(here, start=start + 1):
        fresh = number == start + 1 or sections[number - 2] != each.section
        if fresh and any(sections):
            section_head(each.section, first=sections[0] == each.section, last=sections[-1] == each.section)
        if each.unreadable:
            lost_card(number, each)
        else:
            card(number, each, len(found))
    packing.prepare()


def nothing() -> None:
    """What to say where nothing is pinned."""
    undo_bar()
    notices.empty(
        "Nothing is pinned yet",
        "Under every figure and table is a pin. What you pin is kept here with its data and everything that made "
        "it, to be put in order, presented, and sent as one file.",
        page="overview.py",
        label="Go to the overview and pin a figure",
    )


def presented(found: tuple[Placed, ...]) -> None:
    """The findings one a screen, as soon as they are laid out; where that was stopped, the report as it is."""
    page = packing.presentation(found, charts.paper())
    if page is not None:
        present.stage(page)
    elif packing.given_up():
        present.end()
        whole(found)


# The script always runs to its end: after st.stop, Streamlit keeps the state of widgets that are not drawn, while the
# browser drops theirs; drawn again, the title would be empty there and be written back so.
st.title("Report")
with notices.shown_errors():
    found = workspace().report_findings()
    present.hold()
    if found and st.session_state[present.PRESENTING]:
        presented(found)
    elif found:
        whole(found)
    else:
        nothing()
