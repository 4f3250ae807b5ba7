"""Pins: kept whole, ordered as a person wants them, drawn without their models, and told when they have grown old."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cache.findings import KEPT_SECONDS, Findings
from cache.pinned import Pinned
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


def test_a_pin_that_cannot_be_read_stays_in_its_place_with_the_reason(findings: Findings, tmp_path: Path) -> None:
    cut, other, gone = (Pinned(tmp_path / "findings").folder(name) for name in ("f1", "f2", "f3"))
    (cut / "document.json").write_bytes(b"{")  # another size than its manifest says
    document = (other / "document.json").read_bytes()
    (other / "document.json").write_bytes(document.replace(b'"figure"', b'"sculpt"', 1))  # a kind of a later version
    shutil.rmtree(gone)
    found = Findings(tmp_path).all()
    assert [(each.finding.id, each.section, bool(each.unreadable)) for each in found] == [
        ("f1", "A", True),
        ("f2", "A", True),
        ("f3", "B", True),
        ("f4", "B", False),
    ]
    assert "not all of them are there" in found[0].unreadable and "files are gone" in found[2].unreadable
    assert "newer Palimpsest" in found[1].unreadable and "sculpt" in found[1].unreadable
    findings = Findings(tmp_path)
    findings.delete("f2")
    assert [each.finding.id for each in findings.all()] == ["f1", "f3", "f4"]
    assert findings.last_deleted() is not None


def test_a_pin_whose_document_is_no_json_is_written_anew_when_it_is_pinned_again(
    findings: Findings, tmp_path: Path
) -> None:
    document = Pinned(tmp_path / "findings").folder("f1") / "document.json"
    document.write_bytes(b"?" * document.stat().st_size)
    again, placed = Findings(tmp_path), make_placed("f1")
    assert "are damaged" in again.all()[0].unreadable
    again.pin(placed.finding, placed.tables, section="A")
    assert not any(each.unreadable for each in Findings(tmp_path).all())


def test_data_that_are_damaged_make_one_pin_unreadable_and_no_other(findings: Findings, tmp_path: Path) -> None:
    table = next((Pinned(tmp_path / "findings").folder("f1") / "tables").iterdir())
    table.write_bytes(b"?" * table.stat().st_size)
    complete = findings.complete(findings.all())
    assert [bool(each.unreadable) for each in complete] == [True, False, False, False]
    assert str(table.parent.parent) in complete[0].unreadable


def test_a_deletion_is_offered_back_until_it_is_dismissed_or_a_week_old(
    findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings.delete("f1")
    findings.dismiss()
    assert findings.last_deleted() is None and len(findings.deleted()) == 1, "its content is there still"
    findings.delete("f2")
    gone = findings.last_deleted()
    assert gone is not None and gone.id == "f2"
    monkeypatch.setattr("cache.findings.KEPT_SECONDS", -1.0)
    assert findings.last_deleted() is None
    findings.rename("Any change")
    assert findings.deleted() == ()


def test_texts_go_when_no_pin_names_them_and_their_week_is_over(findings: Findings, tmp_path: Path) -> None:
    folder = tmp_path / "findings" / "texts"
    folder.mkdir()
    named, orphan, young = (folder / f"{name}.jsonl" for name in ("named", "orphan", "young"))
    placed = make_placed("f5")
    making = replace(placed.finding.making, command=f"palimpsest divergence a b --prompts '{named}'")
    findings.pin(replace(placed.finding, making=making), placed.tables)
    long_ago = time.time() - 2 * KEPT_SECONDS
    for file in (named, orphan, young):
        file.write_text("{}")
    for file in (named, orphan):
        os.utime(file, (long_ago, long_ago))
    findings.delete("f5")
    assert {file.name for file in folder.iterdir()} == {"named.jsonl", "young.jsonl"}, "f5 can come back"
    findings.forget_deleted()
    assert {file.name for file in folder.iterdir()} == {"young.jsonl"}


def test_no_text_goes_while_a_pin_cannot_be_read(findings: Findings, tmp_path: Path) -> None:
    text = tmp_path / "findings" / "texts" / "perhaps.jsonl"
    text.parent.mkdir()
    text.write_text("{}")
    os.utime(text, (1.0, 1.0))
    shutil.rmtree(Pinned(tmp_path / "findings").folder("f1"))
    Findings(tmp_path).rename("Another title")
    assert text.exists()


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


def test_the_same_content_pinned_again_keeps_its_place_in_its_section(findings: Findings) -> None:
    placed = make_placed("f1")
    findings.pin(placed.finding, placed.tables, note="again", section="A")
    assert order(findings) == [("A", "f1"), ("A", "f2"), ("B", "f3"), ("B", "f4")]
    assert findings.all()[0].note == "again"
    findings.pin(placed.finding, placed.tables, section="B")
    assert order(findings)[-1] == ("B", "f1")


def test_a_newer_pin_takes_the_place_of_the_earlier_which_can_be_brought_back(findings: Findings) -> None:
    newer = make_placed("newer")
    findings.pin(newer.finding, newer.tables, note="note f1", section="A", replaces="f1")
    assert order(findings) == [("A", "newer"), ("A", "f2"), ("B", "f3"), ("B", "f4")]
    gone = findings.last_deleted()
    assert gone is not None and gone.id == "f1"
    findings.undo()
    assert [name for _, name in order(findings)] == ["newer", "f1", "f2", "f3", "f4"], "behind it"
    elsewhere = make_placed("elsewhere")
    findings.pin(elsewhere.finding, elsewhere.tables, section="B", replaces="f2")
    assert [name for _, name in order(findings)] == ["newer", "f1", "f3", "f4", "elsewhere"]
    findings.pin(elsewhere.finding, elsewhere.tables, section="B", replaces="nobody")
    assert len(order(findings)) == 5
