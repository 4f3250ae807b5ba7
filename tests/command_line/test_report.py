"""`palimpsest report` with pins that cannot be read: the others go out, and it says what was left out and why."""

from functools import partial
from pathlib import Path

import pytest

from cache.findings import Findings
from cache.pinned import Pinned
from tests.conftest import Palimpsest
from tests.report.handmade import make_placed


@pytest.fixture
def report(tmp_path: Path, palimpsest_at: Palimpsest) -> Palimpsest:
    """Two pins, of which the first holds what a later version wrote; runs the command on them."""
    findings = Findings(tmp_path / "home")
    for name in ("f1", "f2"):
        placed = make_placed(name, table=True, title=f"This is {name}")
        findings.pin(placed.finding, placed.tables)
    document = Pinned(tmp_path / "home" / "findings").folder("f1") / "document.json"
    document.write_bytes(document.read_bytes().replace(b'"table"', b'"tunes"', 1))
    return partial(palimpsest_at, tmp_path / "home", "report")


def test_what_cannot_be_read_is_left_out_and_told(report: Palimpsest, tmp_path: Path) -> None:
    code, told, _ = report(tmp_path / "out.html", "--static", tmp_path / "site", "--json")
    assert code == 0 and told["findings"] == 1
    (lost,) = told["left_out"]
    assert lost["id"] == "f1" and "newer Palimpsest" in lost["reason"]
    for page in (tmp_path / "out.html", tmp_path / "site" / "index.html"):
        text = page.read_text("utf-8")
        assert "1 finding, 1 more could not be read" in text and "This is f2" in text and lost["reason"][:40] in text
    assert [path.name for path in (tmp_path / "site").iterdir() if path.is_dir()] == ["02-restore-curve-in"]


def test_where_none_can_be_read_nothing_is_written(report: Palimpsest, tmp_path: Path) -> None:
    Findings(tmp_path / "home").delete("f2")
    code, _, said = report(tmp_path / "out.html")
    assert code != 0 and "None of the pinned findings can be read" in said and "f1: " in said
    assert not (tmp_path / "out.html").exists()
