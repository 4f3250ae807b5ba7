"""The report taken along: as one HTML file and as a zip of everything, each made in the background; and presented."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from analysis.figures.style import Paper
from analysis.report import scripts
from analysis.report.records import Placed
from cache.memo import workspace
from pages.components import progress, selection

ZIP, PAGE, LAYING, PREPARING = "packing_job", "page_job", "laying_job", "scripts_job"  # in the session: each one's job
_AT_ONCE_SECONDS = 0.4  # findings that are laid out sooner than this are shown without a bar between


def prepare() -> None:
    """Have the scripts of a report at hand before it is asked for: they take a moment the first time on a store."""
    if not scripts.has_vega() and PREPARING not in st.session_state:
        title = "Prepare the report's scripts"
        st.session_state[PREPARING] = selection.start(
            title, "bring_scripts", purpose="scripts", page="report", quiet=True
        )


def presentation(found: tuple[Placed, ...], paper: Paper) -> str | None:
    """The page that is presented; None while it is made, which is shown, and where that did not go well."""
    page = workspace().presentation(found, paper)
    if page is None and not _ended_badly():
        job = _lay_out()
        workspace().jobs.wait(job, _AT_ONCE_SECONDS)
        page = workspace().presentation(found, paper)
        if page is None and not progress.watch(job, key="laying"):
            st.rerun()  # it has ended meanwhile, well or not
    return page


def given_up() -> bool:
    """Whether the page to present was asked for and did not come: it failed, or was cancelled. Says so, once."""
    if not _ended_badly():
        return False
    progress.watch(st.session_state.pop(LAYING), key="laying")
    return True


def _ended_badly() -> bool:
    job = workspace().jobs.view(st.session_state.get(LAYING) or "")
    return job is not None and job.state in ("failed", "cancelled")


def _lay_out() -> str:
    """Start the work, or join it where it is under way."""
    st.session_state[LAYING] = selection.start(
        "Lay out the findings", "lay_out", purpose="laying", page="report", quiet=True
    )
    return str(st.session_state[LAYING])


def menu(found: tuple[Placed, ...]) -> None:
    """What the report can be taken along as."""
    with st.popover("Export", icon=":material/ios_share:", key="export"):
        page = workspace().packed_page(found)
        if page is not None:
            _download("One HTML file", page, "text/html", ":material/html:", "export-html")
        else:
            _offer("Make one HTML file", PAGE, ":material/html:", "make-html", _make_page)
        st.caption("Opens without a network, figures alive; prints to PDF; readable on a phone.")
        _packed()


def _packed() -> None:
    packed = workspace().packed_report()
    if packed is not None:
        _download("Zip of everything", packed, "application/zip", ":material/folder_zip:", "export-zip")
    else:
        _offer("Pack a zip of everything", ZIP, ":material/folder_zip:", "pack", _pack)
    st.caption("The page, every figure as PNG, SVG and PDF, every table as CSV, Markdown and LaTeX, data as parquet.")
    st.caption("In a terminal: `palimpsest report OUT.html`, and `--static DIR` for a folder to serve.")


def _download(label: str, file: Path, mime: str, icon: str, key: str) -> None:
    st.download_button(
        label,
        file.read_bytes,
        file_name=f"palimpsest-report{file.suffix}",
        mime=mime,
        on_click="ignore",
        icon=icon,
        key=key,
    )


def _offer(label: str, job: str, icon: str, key: str, make: Callable[[], None]) -> None:
    """The button that has a file made, or how far that is."""
    if not progress.watch(st.session_state.get(job), key=f"making-{key}"):
        st.button(label, key=key, icon=icon, on_click=make)


def _make_page() -> None:
    title = "Make the report's HTML file"
    st.session_state[PAGE] = selection.start(title, "pack_page", purpose="page", page="report")


def _pack() -> None:
    st.session_state[ZIP] = selection.start("Pack the report", "pack_report", purpose="packing", page="report")
