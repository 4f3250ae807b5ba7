"""Texts of a person's own: kept once, found by what they are, never outside their folder."""

from pathlib import Path

import pytest

from analysis.errors import StoreError
from cache.kept_texts import KeptTexts, TextShelf


def test_what_is_kept_comes_back_by_its_id_and_the_same_texts_are_kept_once(tmp_path: Path) -> None:
    shelf, mine = TextShelf(tmp_path), KeptTexts("own", "Ann was born in", " Rome \u202e<b>")
    assert shelf.keep(mine) == shelf.keep(mine) == mine.id
    assert TextShelf(tmp_path).get(mine.id) == mine
    assert len(list((tmp_path / "texts").iterdir())) == 1
    assert KeptTexts("paste", "Ann was born in", " Rome \u202e<b>").id != mine.id


@pytest.mark.parametrize("text_id", ["", "../../etc/passwd", "0" * 32, "a/b"])
def test_an_id_that_names_nothing_gives_none(tmp_path: Path, text_id: str) -> None:
    assert TextShelf(tmp_path).get(text_id) is None


def test_a_file_that_was_changed_counts_as_none(tmp_path: Path) -> None:
    shelf, mine = TextShelf(tmp_path), KeptTexts("paste", "one")
    (tmp_path / "texts" / f"{shelf.keep(mine)}.json").write_text('{"kind":"paste","content":"other"}')
    assert shelf.get(mine.id) is None
    shelf.keep(mine)
    assert shelf.get(mine.id) == mine


def test_where_nothing_can_be_written_the_reason_and_the_way_out_are_told(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("in the way")
    with pytest.raises(StoreError, match="PALIMPSEST_HOME"):
        TextShelf(tmp_path).keep(KeptTexts("own", "x"))
