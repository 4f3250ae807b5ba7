"""The report laid out in the background: each finding once, for the file and for Present alike."""

import threading
from pathlib import Path

import pytest

from analysis.errors import Cancelled
from analysis.report import layout, scripts
from cache.pinned import Pinned
from cache.work import Workspace
from tests.report.handmade import make_placed


class Told:
    """What a piece of work said of itself; `stop_at` cancels it there."""

    def __init__(self, stop_at: str = "") -> None:
        self.notes: list[str] = []
        self._stop_at = stop_at

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.notes.append(note)

    def cancelled(self) -> bool:
        return bool(self._stop_at) and self._stop_at in self.notes


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two figures and a table, pinned."""
    made = Workspace(tmp_path)
    for name, table in (("f1", False), ("f2", True), ("f3", False)):
        placed = make_placed(name, table=table, title=f"This is {name}")
        made.findings.pin(placed.finding, placed.tables)
    return made


def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the findings laid out from now on."""
    seen: list[str] = []
    real = layout.lay_out
    monkeypatch.setattr(layout, "lay_out", lambda placed: (seen.append(placed.finding.id), real(placed))[1])
    return seen


def test_the_file_and_present_share_one_layout_and_another_order_needs_none(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = laid_out(monkeypatch)
    assert workspace.presentation(workspace.report_findings(), "dark") is None
    told = Told()
    workspace.lay_out(told)
    assert told.notes[1:] == ["drawing 1 of 3", "drawing 2 of 3", "drawing 3 of 3", "done"]
    workspace.findings.move("f3", -1)
    workspace.findings.edit("f1", note="A note written since")
    placed = workspace.report_findings()
    page = workspace.presentation(placed, "dark")
    assert page is not None and page.index("This is f3") < page.index("This is f2") and "A note written since" in page
    file = workspace.pack_page()
    assert workspace.packed_page(placed) == file and "This is f2" in file.read_text("utf-8")
    assert seen == ["f1", "f2", "f3"]
    workspace.findings.delete("f1")
    assert workspace.packed_page(workspace.report_findings()) is None, "that is of the report before"


def test_a_file_that_is_cancelled_while_it_is_drawn_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(Cancelled):
        workspace.pack_page(Told(stop_at="the scripts that draw the figures"))
    assert workspace.packed_page(workspace.report_findings()) is None
    assert not list((workspace.home / "findings").glob("*.html"))


def test_what_cannot_be_read_is_counted_in_every_export_with_its_reason(workspace: Workspace) -> None:
    document = Pinned(workspace.home / "findings").folder("f2") / "document.json"
    document.write_bytes(b"?" * document.stat().st_size)
    again = Workspace(workspace.home)
    page = again.pack_page().read_text("utf-8")
    assert "2 findings, 1 more could not be read" in page and "This pin cannot be read: its files under" in page
    assert again.pack_report().exists()


def test_vegas_script_is_bundled_apart_kept_and_not_taken_when_it_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts.vega()
    held = scripts._brought[0]
    monkeypatch.setattr(scripts, "_brought", [])
    scripts.bring_vega(tmp_path, Told())
    assert scripts._brought == [held], "the same script, whoever bundles it"
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1])
    monkeypatch.setattr(scripts, "_brought", [])
    scripts.bring_vega(tmp_path, Told())
    assert scripts._brought == [held] and kept.read_bytes() == whole


def test_a_report_is_laid_out_while_a_model_is_asked(workspace: Workspace) -> None:
    asked, let_go = threading.Event(), threading.Event()
    workspace.jobs.submit("Ask tuned", "ask", lambda progress: (asked.set(), let_go.wait(30)), watcher="a")
    assert asked.wait(5)
    laid = workspace.jobs.wait(workspace.start("Lay out the findings", "lay_out", watcher="b"), 20)
    let_go.set()
    assert laid is not None and laid.state == "done"
