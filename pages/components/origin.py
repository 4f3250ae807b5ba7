"""What made a figure or a table that is pinned or saved from its page: one gathering, so that both tell the same.

Files are made when they are asked for, in a thread that knows no session: what the page looks at is taken when it is
drawn, and the making, which may read a profile or write texts, is gathered with the file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.records import RestoreSpec
from analysis.report import footer, tables
from analysis.report.records import Making
from cache.making import About
from cache.memo import workspace
from cache.work import Asking, Comparison, Workspace
from pages.components import selection

AboutIt = About | Callable[[], About]


@dataclass(frozen=True)
class Origin:
    """What a page looked at when a figure was drawn, with the figure's own word on it (see charts.show)."""

    shop: Workspace
    page: str
    figure: str
    view: str
    comparison: Comparison | None
    asking: Asking | None
    spec: RestoreSpec | None
    made: Mapping[str, Any] | None
    command: str | None
    about: AboutIt | None

    def making(self) -> Making:
        """All of it; QuestionError, or another of ours, where that cannot be gathered (questions that are gone)."""
        return self.shop.making(
            self.page,
            self.figure,
            view=self.view,
            comparison=self.comparison,
            asking=self.asking,
            spec=self.spec,
            about=self.about() if callable(self.about) else self.about,
            further=self.made,
            command=self.command,
        )

    def lines(self) -> tuple[footer.Line, ...]:
        """The small print; where it cannot be gathered, the file is made and says so."""
        try:
            return footer.lines(self.making(), "Saved")
        except PalimpsestError as error:
            return (footer.Line("What made it", f"could not be told: {error.message}"),)

    def lines_in(self, kind: tables.TableKind) -> tuple[footer.Line, ...]:
        """The same for a table's text; none for CSV, which is nothing but data."""
        return () if kind == "csv" else self.lines()


def here(
    figure: str,
    made: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: AboutIt | None = None,
) -> Origin:
    """What this page looks at now; for the figure of this key."""
    page = st.session_state.get("last_page") or ""
    return Origin(
        shop=workspace(),
        page=page,
        figure=figure,
        view=urlencode(sorted(st.query_params.to_dict().items())),
        comparison=selection.comparison(),
        asking=selection.asking(),
        spec=_stop_of(page),
        made=made,
        command=command,
        about=about,
    )


def _stop_of(page: str) -> RestoreSpec | None:
    """The stop a page looks at: Samples has its own choice of them, elsewhere it is the slider's."""
    chosen = st.session_state.get("samples_stop") if page == "samples" else selection.restored_spec()
    return chosen if isinstance(chosen, RestoreSpec) else None
