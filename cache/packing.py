"""The report as one page, in the background: each finding is laid out once, for Present and for the file alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.records import Progress, Silent, check_cancelled
from analysis.report.records import Placed
from cache.making import FindingWork

if TYPE_CHECKING:
    from analysis.figures.style import Paper
    from analysis.report.layout import LaidOut

_Name = tuple[str, float, str]  # what a layout hangs on: which finding, made when, and why it cannot be read


class PackingWork(FindingWork):
    """Pages of the pinned findings, over one store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._laid: dict[_Name, LaidOut] = {}

    def bring_scripts(self, progress: Progress | None = None) -> None:
        """Have the scripts of a report at hand without holding the process back (analysis.report.scripts)."""
        from analysis.report import scripts

        scripts.bring_vega(self.home / "findings", progress or Silent())

    def lay_out(self, progress: Progress | None = None) -> None:
        """Lay out every finding that is not laid out already, so that `presentation` has its answer at once."""
        self._lay_out(self.report_findings(), progress or Silent())

    def presentation(self, placed: Sequence[Placed], paper: Paper) -> str | None:
        """The page that presents these findings; None before they were laid out."""
        from analysis.report import html, scripts

        laid = [self._laid.get(_name(each)) for each in placed]
        found = [each for each in laid if each is not None]
        if not scripts.has_vega() or len(found) < len(laid):
            return None
        title = self.findings.title()
        return html.report_html(placed, title=title, paper=paper, start="present", inside=True, laid=found)

    def pack_page(self, progress: Progress | None = None) -> Path:
        """The report as one HTML file; the path is `packed_page`'s."""
        from analysis.report.pack import write_page

        placed = self.report_findings()
        laid = self._lay_out(placed, progress or Silent())
        out = self._page(placed)
        for old in out.parent.glob("report-*.html"):
            old.unlink(missing_ok=True)
        write_page(out, placed, self.findings.title(), laid=laid)
        return out

    def pack_report(self, progress: Progress | None = None) -> Path:
        """As FindingWork has it."""
        self.bring_scripts(progress)
        return super().pack_report(progress)

    def packed_page(self, placed: Sequence[Placed]) -> Path | None:
        """The HTML file of the report that stands so; None where it was not made since the last change."""
        out = self._page(placed)
        return out if out.exists() else None

    def _lay_out(self, placed: Sequence[Placed], progress: Progress) -> list[LaidOut]:
        from analysis.report import layout

        total, laid = len(placed) + 1, dict[_Name, "LaidOut"]()
        progress.report(0, total, "the scripts that draw the figures")
        self.bring_scripts(progress)
        for number, each in enumerate(placed, start=1):
            check_cancelled(progress)
            progress.report(number, total, f"drawing {number} of {len(placed)}")
            known = self._laid.get(_name(each))
            laid[_name(each)] = known or layout.lay_out(self._with_rows(each))
        self._laid = laid  # of this report alone: what was deleted goes
        progress.report(total, total, "done")
        return list(laid.values())

    def _with_rows(self, placed: Placed) -> Placed:
        """With what the page is written from: a figure holds its data itself."""
        from analysis.report.layout import is_drawn

        return placed if is_drawn(placed.finding) else self.findings.complete([placed])[0]

    def _page(self, placed: Sequence[Placed]) -> Path:
        return self._packed(tuple(placed)).with_suffix(".html")


def _name(placed: Placed) -> _Name:
    return placed.finding.id, placed.finding.making.created, placed.unreadable
