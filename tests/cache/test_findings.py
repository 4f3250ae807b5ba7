"""Pins: kept whole, ordered as a person wants them, drawn without their models, and told when they have grown old."""

from pathlib import Path

import pytest

from cache.findings import KEPT_SECONDS, Findings
from cache.store import Store
from tests.report.handmade import make_placed

NAMES = ("f1", "f2", "f3", "f4")


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    """Two findings in section A, two in B."""
    made = Findings(tmp_path)
    for name, section in zip(NAMES, "AABB", strict=True):
        placed = make_placed(name)
        made.pin(placed.finding, placed.tables, note=f"note {name}", section=section)
    return made


def order(findings: Findings) -> list[tuple[str, str]]:
    return [(each.section, each.finding.id) for each in findings.all()]


def test_a_pin_is_read_again_by_another_process_with_its_data(findings: Findings, tmp_path: Path) -> None:
    again = Findings(tmp_path)
    (first, *_) = again.complete(again.all())
    wanted = make_placed("f1")
    assert first.finding == wanted.finding and first.note == "note f1"
    assert first.tables["data"].equals(wanted.tables["data"])


def test_moves_go_through_sections_and_undo_brings_back_the_place(findings: Findings) -> None:
    findings.move("f2", -1)
    assert order(findings) == [("A", "f2"), ("A", "f1"), ("B", "f3"), ("B", "f4")]
    findings.move("f1", 1)  # from the end of A into B
    assert order(findings) == [("A", "f2"), ("B", "f1"), ("B", "f3"), ("B", "f4")]
    findings.move("f4", 1)  # nowhere to go
    findings.move_section("B", -1)
    assert order(findings) == [("B", "f1"), ("B", "f3"), ("B", "f4"), ("A", "f2")]
    findings.delete("f3")
    gone = findings.last_deleted()
    assert gone is not None and gone.id == "f3" and "f3" not in {name for _, name in order(findings)}
    findings.undo()
    findings.undo()  # nothing more to bring back
    assert order(findings) == [("B", "f1"), ("B", "f3"), ("B", "f4"), ("A", "f2")]


def test_notes_sections_and_the_title_are_changed_alone(findings: Findings) -> None:
    findings.edit("f1", note=" other ")
    findings.edit("f1", section=" B ")
    findings.rename("  My   report ")
    findings.rename_section("B", "C")
    assert order(findings) == [("A", "f2"), ("C", "f3"), ("C", "f4"), ("C", "f1")]
    assert findings.all()[-1].note == "other" and findings.title() == "My report"
    findings.rename_section("C", "A")
    assert findings.sections() == ("A",)
    findings.edit("nobody", note="x")


def test_a_finding_with_damaged_files_is_left_out_and_the_others_stay(findings: Findings, tmp_path: Path) -> None:
    broken = next((tmp_path / "findings").rglob("document.json"))
    broken.write_bytes(b"{")
    assert len(Findings(tmp_path).all()) == len(NAMES) - 1


def test_the_same_pinned_again_gets_the_new_note_and_old_deletions_are_removed(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = make_placed("f1")
    findings.delete("f1")
    findings.pin(placed.finding, placed.tables, note="again", section="B")
    assert order(findings)[-1] == ("B", "f1") and findings.last_deleted() is None
    findings.delete("f1")
    monkeypatch.setattr("cache.findings.KEPT_SECONDS", -KEPT_SECONDS)
    findings.delete("f2")
    assert len(Store(tmp_path / "findings").entries("finding")) == len(NAMES) - 1
