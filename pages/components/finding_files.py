"""A pinned finding's files on the Report page, each made when it is asked for: from what was kept, without a model."""

from collections.abc import Callable

import streamlit as st

from analysis.errors import StoreError
from analysis.report import footer, pictures, tables
from analysis.report.records import Finding
from cache.memo import workspace
from pages.components.charts import TABLE_NAMES, paper


def menu(finding: Finding) -> None:
    """A figure as PNG, SVG and PDF in the page's paper, a table as CSV, Markdown and LaTeX."""
    with st.popover("Save", type="tertiary", icon=":material/download:", key=f"save-finding-{finding.id}"):
        spec = {"figure": finding.spec, "zoomable": finding.drawn}.get(finding.kind)
        if spec:
            ink, made = paper(), footer.lines(finding.making)
            for kind in pictures.PICTURES:
                _file(
                    kind.upper(),
                    finding,
                    kind,
                    lambda kind=kind: pictures.picture(spec, kind, ink, made),
                    pictures.MIME[kind],
                )
        else:
            for kind in tables.TABLES:
                _file(TABLE_NAMES[kind], finding, kind, lambda kind=kind: _table(finding, kind), tables.MIME[kind])


def _file(label: str, finding: Finding, ending: str, make: Callable[[], bytes], mime: str) -> None:
    name = f"palimpsest-{finding.making.page}-{finding.making.figure}.{ending}"
    key = f"finding-{ending}-{finding.id}"
    st.download_button(label, make, file_name=name, mime=mime, on_click="ignore", key=key)


def _table(finding: Finding, kind: tables.TableKind) -> bytes:
    frame = workspace().findings.tables(finding.id).get("data")
    if frame is None:
        raise StoreError("The data of this table is missing from the store. Open its page as it was and pin it again.")
    shown = finding.columns or tables.every_column(frame)
    return tables.text_table(frame, kind, shown, footer.lines(finding.making)).encode()
