"""What is presented stays whole on the screen: its sentence, its figure and its note, in a type that can be read."""

from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.report.pack import write_page
from analysis.report.records import Column, Finding, Placed
from tests.report.handmade import make_placed, making

pytestmark = pytest.mark.browser

LONG = "A sentence with its interval and everything that is to be known about it, which takes lines of its own. " * 4
OVER = "each => each.scrollHeight - each.clientHeight"
ZOOM = "each => Number(getComputedStyle(each).zoom)"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Two figures between a long sentence and a long note: more than a low screen has room for at their own height."""
    placed = [make_placed(name, title=LONG, note=LONG) for name in ("f1", "f2")]
    write_page(tmp_path / "report.html", placed, "Findings")
    return tmp_path / "report.html"


def whole(page: Page, place: str) -> None:
    """The finding of this place is drawn, fits on the screen, and its type hardly smaller than on the page."""
    expect(page.locator(".place")).to_have_text(place)
    page.locator(".finding.shown svg.marks").wait_for()
    page.wait_for_timeout(500)  # Vega draws its new width in a later frame
    assert page.locator(".finding.shown").evaluate(OVER) <= 0
    assert page.locator(".finding.shown .chart").evaluate(ZOOM) >= 0.9


def test_a_figure_fits_the_screen_each_time_it_is_shown(browser: Browser, exported: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(exported.as_uri())
    page.wait_for_selector("html[data-drawn=all]")
    high = page.locator(".chart").first.evaluate("each => each.offsetHeight")
    page.keyboard.press("p")
    whole(page, "1 of 2")
    page.keyboard.press("ArrowRight")  # drawn ahead and fitted, and now fitted again
    whole(page, "2 of 2")
    page.keyboard.press("ArrowLeft")
    whole(page, "1 of 2")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    assert page.locator(".chart").first.evaluate("each => each.offsetHeight") == pytest.approx(high, abs=2)
    page.close()


def test_a_table_of_many_columns_is_presented_in_its_whole_width(browser: Browser, tmp_path: Path) -> None:
    rows = pd.DataFrame({f"column {number}": [f"Some words of a text {number}"] * 3 for number in range(12)})
    columns = tuple(Column(name, name) for name in rows.columns)
    wide = Finding("f1", "table", "A wide table.", "Three rows", making("f1"), columns=columns)
    write_page(tmp_path / "report.html", [Placed(wide, tables={"data": rows})], "Findings")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto((tmp_path / "report.html").as_uri())
    lines = page.locator("td").first.evaluate(
        "each => each.offsetHeight / parseFloat(getComputedStyle(each).lineHeight)"
    )
    assert lines < 2, "on the page its cells are lines, and it is moved sideways"
    page.keyboard.press("p")
    table = page.locator(".finding.shown .scroll")
    table.wait_for()
    assert table.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
    page.close()
