"""A file says what made what it shows: pictures under the drawing, LaTeX and Markdown as text, CSV not at all."""

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageChops

from analysis.report import footer, pack, pictures, tables
from analysis.report.footer import Line
from tests.report.handmade import COLUMNS, HOSTILE, make_placed, making

LINES = footer.lines(making())
TOLD = ("b" * 32, "t" * 32, "n = 500", "k = 20%", "arithmetic exact", "seed 0", "torch 2.13.0", "palimpsest sweep")


def words_under(svg: bytes) -> str:
    """The small print of a drawing, its lines joined again."""
    (group,) = [each for each in ElementTree.fromstring(svg).iter() if each.get("class") == "made"]
    return " ".join((each.text or "").strip() for each in group)


def test_a_picture_keeps_its_drawing_and_grows_by_the_small_print_alone() -> None:
    spec = make_placed().finding.spec
    bare, told = (
        Image.open(io.BytesIO(pictures.picture(spec, "png", "dark", made))).convert("RGB") for made in ((), LINES)
    )
    assert told.width == bare.width and bare.height < told.height < bare.height + 600
    assert ImageChops.difference(told.crop((0, 0, *bare.size)), bare).getbbox() is None
    beneath = told.crop((0, bare.height, *told.size))
    assert beneath.getpixel((0, 0)) == bare.getpixel((0, 0)), "the same paper"
    assert len(beneath.getcolors(1 << 20) or ()) > 1, "with words on it"


def test_svg_and_pdf_hold_the_words_within_their_width() -> None:
    svg = pictures.picture(make_placed().finding.spec, "svg", made=LINES)
    assert all(told in words_under(svg) for told in TOLD)
    assert pictures.picture(make_placed().finding.spec, "pdf", made=LINES).startswith(b"%PDF")
    rows = [each for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("text") and each.get("y")]
    width = float(re.findall(rb'width="([\d.]+)"', svg)[0])
    assert rows and all(len(row.text or "") * 9 * 0.53 < width for row in rows)


def test_hostile_names_break_no_file() -> None:
    odd = (Line("Models", f"{HOSTILE} \x00 \udcff \n\\end{{document}} | # ~"),)
    svg = pictures.picture(make_placed().finding.spec, "svg", made=odd)
    assert b"<img" not in svg and "onerror" in words_under(svg)
    assert pictures.picture(make_placed().finding.spec, "png", made=odd).startswith(b"\x89PNG")
    frame = make_placed(table=True).tables["data"]
    latex = tables.text_table(frame, "tex", COLUMNS, odd)
    assert latex.encode() and latex.splitlines()[0].startswith("% Models: ") and "document" in latex.splitlines()[0]
    assert r"\<img" in tables.text_table(frame, "md", COLUMNS, odd)


def test_latex_and_markdown_are_the_same_tables_with_lines_and_csv_is_nothing_but_data() -> None:
    frame = make_placed(table=True).tables["data"]
    bare = {kind: tables.text_table(frame, kind, COLUMNS) for kind in tables.TABLES}
    told = {kind: tables.text_table(frame, kind, COLUMNS, LINES) for kind in tables.TABLES}
    assert told["csv"] == bare["csv"]
    assert told["tex"].endswith(bare["tex"]) and told["md"].startswith(bare["md"])
    comments = told["tex"].removesuffix(bare["tex"]).splitlines()
    assert len(comments) == len(LINES) and all(line.startswith("% ") for line in comments)
    assert all(part in told["tex"] for part in TOLD)
    assert "n = 500" in told["md"].removeprefix(bare["md"])


def test_the_files_of_a_folder_say_what_made_them(tmp_path: Path) -> None:
    figure, table = make_placed("f1"), make_placed("f2", table=True)
    named = replace(table, finding=replace(table.finding, making=making("f2", command="palimpsest of its own")))
    pack.write_folder(tmp_path / "out", [figure, named], "Title")
    assert "palimpsest sweep" in words_under(next((tmp_path / "out").glob("01-*/figure.svg")).read_bytes())
    assert "% Again: palimpsest of its own" in next((tmp_path / "out").glob("02-*/data.tex")).read_text()
