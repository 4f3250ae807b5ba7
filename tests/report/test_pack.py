"""The folder and the zip: every finding in every format, whole or not at all."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import StoreError
from analysis.knowledge.texts import read_texts
from analysis.records import Text
from analysis.report import pack
from tests.report.handmade import make_placed

FIELDS = ("text", "prompt", "answer")  # of a text, after its id


def test_a_folder_holds_the_page_every_format_and_the_data(tmp_path: Path) -> None:
    placed = [make_placed("f1", note="why"), make_placed("f2", table=True)]
    count = pack.write_folder(tmp_path / "out", placed, "Title")
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert len(files) == count
    first, second = "01-restore-curve-in", "02-restore-curve-in"
    assert {f"{first}/figure.{kind}" for kind in ("png", "svg", "pdf")} <= files
    assert {f"{second}/data.{kind}" for kind in ("csv", "md", "tex", "parquet")} <= files
    assert (tmp_path / "out" / first / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / first / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "out" / first / "figure.svg").read_text("utf-8")
    assert pd.read_parquet(tmp_path / "out" / first / "data.parquet")["x"].tolist() == [0, 1, 2]
    told = json.loads((tmp_path / "out" / first / "finding.json").read_text("utf-8"))
    assert (told["note"], told["making"]["asked"]["n"]) == ("why", 500)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert f'href="{first}/figure.pdf"' in page


def test_of_a_figure_drawn_from_several_tables_the_page_and_the_record_say_what_each_holds(tmp_path: Path) -> None:
    placed = make_placed("f1", points=3)
    band = pd.DataFrame({"percent": [5.0], "lowest & highest": [0.5]})
    pack.write_folder(tmp_path / "out", [replace(placed, tables={"data-2": band, **placed.tables})], "Title")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    name = "01-restore-curve-in"
    links = f'<a href="{name}/data-2.csv" download>CSV</a> · <a href="{name}/data-2.parquet" download>PARQUET</a>'
    assert f"<li><b>data-2</b> {links}: 1 row: percent, lowest &amp; highest</li>" in page
    assert page.index("<b>figure</b>") < page.index("<b>data</b>") < page.index("<b>data-2</b>")
    told = json.loads((tmp_path / "out" / name / "finding.json").read_text("utf-8"))
    assert told["tables"] == {"data": "3 rows: x, y, name", "data-2": "1 row: percent, lowest & highest"}


def test_every_file_beside_a_finding_is_linked_once(tmp_path: Path) -> None:
    texts = pd.DataFrame([("a", "Plain", None, None)], columns=["id", *FIELDS])
    placed = make_placed("f1")
    pack.write_folder(tmp_path / "out", [replace(placed, tables={**placed.tables, "texts": texts})], "Title")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    written = [path.name for path in (tmp_path / "out" / "01-restore-curve-in").iterdir()]
    assert len(written) == 9
    assert all(page.count(f'/{name}" download') == 1 for name in written)
    assert "the texts that were compared, 1 row: id" in page


def test_the_zip_holds_the_same_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    pack.write_zip(tmp_path / "out.zip", [make_placed("f1", table=True)], "Title")
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert {"index.html", "palimpsest-report.json", "01-restore-curve-in/data.parquet"} <= set(packed.namelist())
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]


def test_an_earlier_report_in_the_folder_is_replaced(tmp_path: Path) -> None:
    for name in ("f1", "f2"):
        pack.write_folder(tmp_path / "out", [make_placed(name, table=True, title=f"This is {name}")], "Title")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "This is f2" in page and "This is f1" not in page


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="out could not be written"):
        pack.write_folder(tmp_path / "out", [make_placed("f1", table=True)], "Title")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mine.txt"]


def test_texts_that_a_finding_compared_lie_beside_it_as_its_command_reads_them(tmp_path: Path) -> None:
    texts = pd.DataFrame([("a", "Plain", None, None), ("b", None, "Asked?", " told")], columns=["id", *FIELDS])
    placed = make_placed("f1", table=True)
    pack.write_folder(tmp_path / "out", [replace(placed, tables={**placed.tables, "texts": texts})], "Title")
    found = read_texts(tmp_path / "out" / "01-restore-curve-in" / "texts.jsonl")
    assert found == (Text("a", text="Plain"), Text("b", prompt="Asked?", answer=" told"))


def test_replacing_a_report_leaves_what_a_person_keeps_beside_it(tmp_path: Path) -> None:
    out, kept = tmp_path / "site", tmp_path / "site.old"
    pack.write_folder(out, [make_placed("f1", table=True)], "First")
    shutil.copytree(out, kept)
    pack.write_folder(out, [make_placed("f2", table=True)], "Second")
    assert "First" in (kept / "index.html").read_text("utf-8")
    assert "Second" in (out / "index.html").read_text("utf-8")


def test_a_report_that_fails_on_the_way_leaves_the_earlier_one(tmp_path: Path) -> None:
    out, broken = tmp_path / "site", make_placed("f2")
    pack.write_folder(out, [make_placed("f1", table=True)], "First")
    broken.finding.spec["mark"] = "no such mark"
    with pytest.raises(ValueError):
        pack.write_folder(out, [broken], "Second")
    assert "First" in (out / "index.html").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
