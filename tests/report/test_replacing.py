"""A report that takes the place of an earlier one: a person's files stay, and a run that ends early changes nothing."""

import json
from pathlib import Path

import pytest

from analysis.errors import StoreError
from analysis.report import pack, replacing
from tests.report.handmade import make_placed

FIRST = "01-restore-curve-in"


def written(out: Path, name: str) -> Path:
    """A report of one table in a folder; the sentence names it."""
    pack.write_folder(out, [make_placed(name, table=True, title=f"This is {name}")], "Title")
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_no_report_wrote_stays_through_a_second_and_a_smaller_one(tmp_path: Path) -> None:
    out = tmp_path / "site"
    pack.write_folder(out, [make_placed("f1", table=True), make_placed("f2", table=True)], "Title")
    mine = {"CNAME": "example.org", ".nojekyll": "", ".git/HEAD": "ref: x", "02-restore-curve-in/own.md": "mine"}
    for name, text in mine.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text(text)
    written(out, "f3")
    files = content(out)
    assert {name: files[name].decode() for name in mine} == mine
    assert b"This is f3" in files["index.html"] and f"{FIRST}/data.csv" in files
    assert {name for name in files if name.startswith("02-")} == {"02-restore-curve-in/own.md"}, "the rest was ours"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_file_of_a_persons_own_in_the_way_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    out = written(tmp_path / "site", "f1")
    (out / "02-restore-curve-in").mkdir()
    (out / "02-restore-curve-in" / "data.csv").write_text("mine")
    before = content(out)
    with pytest.raises(StoreError, match="are in the way") as refused:
        pack.write_folder(out, [make_placed("f2", table=True), make_placed("f3", table=True)], "Title")
    assert refused.value.items == ("02-restore-curve-in/data.csv",)
    assert content(out) == before and [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("moves", range(20))
def test_a_run_killed_between_any_two_moves_leaves_a_report_that_the_next_run_finds(tmp_path: Path, moves: int) -> None:
    out, new = written(tmp_path / "site", "f1"), tmp_path / "new"
    (out / "CNAME").write_text("example.org")
    pack.write_folder(new, [make_placed("f2", table=True), make_placed("f3", table=True)], "Title")
    first, second = content(out), {**content(new), "CNAME": b"example.org"}

    class Killed(BaseException):
        """No error that any code catches."""

    real, count = Path.replace, 0

    def killed(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > moves:
            raise Killed
        return real(self, target)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "replace", killed)
        replacing.replace_report(out, new)
        raise Killed  # it ended in time
    replacing.put_back(out)
    assert content(out) in (first, second)
    assert not replacing.beside(out).exists()


def test_a_refusal_of_the_disk_leaves_the_earlier_report_with_all_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, new = written(tmp_path / "site", "f1"), written(tmp_path / "new", "f2")
    before = content(out)
    real = Path.replace

    def refused(self: Path, target: Path) -> Path:
        if self == new / "index.html":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(StoreError, match="No space left on device"):
        replacing.replace_report(out, new)
    assert content(out) == before


@pytest.mark.parametrize("named", ["../precious.txt", "/precious.txt", "a/../../precious.txt", "link/precious.txt"])
def test_a_mark_that_names_files_elsewhere_removes_none_of_them(tmp_path: Path, named: str) -> None:
    out, precious = written(tmp_path / "site", "f1"), tmp_path / "precious.txt"
    precious.write_text("mine")
    (out / "link").symlink_to(tmp_path)
    mark = json.loads((out / replacing.MARK).read_text())
    listed = [*mark["files"], named if ".." in named or "link" in named else str(precious)]
    (out / replacing.MARK).write_text(json.dumps({**mark, "files": listed}))
    written(out, "f2")
    assert precious.read_text() == "mine"


def test_a_mark_of_before_files_were_listed_is_replaced_by_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "site"
    pack.write_folder(out, [make_placed("f1", table=True), make_placed("f2", table=True)], "Title")
    (out / replacing.MARK).write_text(json.dumps({"findings": ["f1", "f2"], "title": "Title"}))
    (out / "CNAME").write_text("example.org")
    written(out, "f3")
    assert (out / "CNAME").exists() and not (out / "02-restore-curve-in").exists()
