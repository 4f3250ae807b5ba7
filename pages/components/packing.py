"""The report's files: one HTML page at once, everything as a zip packed in the background."""

import streamlit as st

from analysis.figures.style import Paper
from analysis.report.html import Start, report_html
from analysis.report.records import Placed
from cache.keys import digest
from cache.memo import workspace
from pages.components import progress, selection

JOB = "packing_job"


def page(found: tuple[Placed, ...], *, paper: Paper | None = None, start: Start = "page", inside: bool = False) -> str:
    """The findings as one HTML page, with their data."""
    findings = workspace().findings
    return report_html(findings.complete(found), title=findings.title(), paper=paper, start=start, inside=inside)


def presentation(found: tuple[Placed, ...], paper: Paper) -> str:
    """The page that is presented; laid out once for the findings as they stand."""
    standing = [(each.finding.id, each.finding.making.created, each.section, each.note, each.news) for each in found]
    return _laid_out(digest([standing, workspace().findings.title(), paper]), found, paper)


@st.cache_resource(max_entries=4, show_spinner="Laying out the findings …")
def _laid_out(name: str, _found: tuple[Placed, ...], _paper: Paper) -> str:
    """Made once for every `name`, which tells all that it depends on."""
    del name
    return page(_found, paper=_paper, start="present", inside=True)


def menu() -> None:
    """What the report can be taken along as."""
    with st.popover("Export", icon=":material/ios_share:", key="export"):
        st.download_button(
            "One HTML file",
            lambda: page(workspace().report_findings()).encode(),
            file_name="palimpsest-report.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/html:",
            key="export-html",
        )
        st.caption("Opens without a network, figures alive; prints to PDF; readable on a phone.")
        _packed()


def _packed() -> None:
    packed = workspace().packed_report()
    if packed is not None:
        st.download_button(
            "Zip of everything",
            packed.read_bytes,
            file_name="palimpsest-report.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key="export-zip",
        )
    elif not progress.watch(st.session_state.get(JOB), key="packing"):
        st.button("Pack a zip of everything", key="pack", icon=":material/folder_zip:", on_click=_pack)
    st.caption("The page, every figure as PNG, SVG and PDF, every table as CSV, Markdown and LaTeX, data as parquet.")
    st.caption("In a terminal: `palimpsest report OUT.html`, and `--static DIR` for a folder to serve.")


def _pack() -> None:
    st.session_state[JOB] = selection.start("Pack the report", "pack_report", purpose="packing", page="report")
