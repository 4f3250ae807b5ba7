"""What made a figure or a table that is saved from its page: told in its file as a pin would tell it.

Files are made when they are asked for, in a thread that knows no session: what the page looks at is taken when it is
drawn, and the making, which may read a profile or write texts, is gathered with the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.records import RestoreSpec
from analysis.report import footer, tables
from cache.memo import workspace
from cache.work import Asking, Comparison, Workspace
from pages.components import selection
from pages.components.pinning import AboutIt, stop_of


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

    def lines(self) -> tuple[footer.Line, ...]:
        """The small print; where it cannot be gathered (questions that are gone), the file is made and says so."""
        try:
            making = self.shop.making(
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
        except PalimpsestError as error:
            return (footer.Line("What made it", f"could not be told: {error.message}"),)
        return footer.lines(making, "Saved")

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
        spec=stop_of(page),
        made=made,
        command=command,
        about=about,
    )
