"""What was typed is found again by its digest, by another process too, and nothing else is."""

from pathlib import Path

from cache.typed import Typed


def test_texts_come_back_in_their_order_under_the_name_they_were_kept_by(tmp_path: Path) -> None:
    name = Typed(tmp_path).keep(("/models/base", "/models/tuned"))
    assert Typed(tmp_path).find(name) == ("/models/base", "/models/tuned")
    assert Typed(tmp_path).keep(("/models/tuned", "/models/base")) != name


def test_keeping_the_same_again_keeps_it_once(tmp_path: Path) -> None:
    kept = Typed(tmp_path)
    name = kept.keep(["a"])
    before = (tmp_path / "typed.json").read_bytes()
    assert kept.keep(["a"]) == name and (tmp_path / "typed.json").read_bytes() == before


def test_a_name_that_nothing_was_kept_under_finds_nothing_nor_opens_a_path(tmp_path: Path) -> None:
    kept = Typed(tmp_path)
    kept.keep(["a"])
    assert kept.find("0" * 16) is None and kept.find("/etc/passwd") is None and kept.find("") is None
    (tmp_path / "typed.json").write_text("no json")
    assert kept.find("0" * 16) is None
