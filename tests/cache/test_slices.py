"""Slices: kept under a name, whole or not at all, whatever the name."""

from pathlib import Path

import pytest

from analysis.errors import StoreError
from cache.slices import LONGEST_NAME, Slices

IDS = frozenset({"q1", "q2"})


def test_a_saved_slice_is_read_again_by_another_process_on_the_same_home(tmp_path: Path) -> None:
    saved = Slices(tmp_path).save("  lost   towns ", IDS, "broken, tuned to restored")
    assert saved.name == "lost towns"
    assert Slices(tmp_path).get("lost towns") == saved
    assert Slices(tmp_path).all() == (saved,)


def test_a_name_used_again_replaces_and_a_deleted_one_is_gone(tmp_path: Path) -> None:
    slices = Slices(tmp_path)
    slices.save("a", IDS)
    slices.save("a", frozenset({"q9"}))
    slices.save("B", IDS)
    assert [(each.name, each.ids) for each in slices.all()] == [("a", frozenset({"q9"})), ("B", IDS)]
    slices.delete("a")
    slices.delete("never there")
    assert [each.name for each in slices.all()] == ["B"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/", "..", "a\0b", "<script>", "x" * 500])
def test_no_name_reaches_outside_the_folder(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    saved = Slices(home).save(name, IDS)
    assert len(saved.name) <= LONGEST_NAME
    assert [path.parent for path in tmp_path.rglob("*") if path.is_file()] == [home / "slices"]
    assert Slices(home).get(saved.name) == saved


def test_an_empty_name_or_an_empty_slice_is_refused(tmp_path: Path) -> None:
    for name, ids in (("  ", IDS), ("name", frozenset())):
        with pytest.raises(StoreError, match="needs a name and at least one question"):
            Slices(tmp_path).save(name, ids)
    assert Slices(tmp_path).all() == ()


def test_a_damaged_file_counts_as_none_and_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = Slices(tmp_path)
    slices.save("good", IDS)
    (tmp_path / "slices" / "bad.json").write_text('{"name": "half')
    assert [each.name for each in slices.all()] == ["good"]

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        slices.save("good", frozenset({"other"}))
    assert slices.get("good").ids == IDS
    assert not list((tmp_path / "slices").glob("*.partial"))
