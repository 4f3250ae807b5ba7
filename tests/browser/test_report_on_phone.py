"""The exported page in a hand: nothing it says lies beyond the edge, and its contents leave room for its findings."""

from pathlib import Path

import altair as alt
import pandas as pd
import pytest
from playwright.sync_api import Browser

from analysis.figures import style
from analysis.report import drawn
from analysis.report.pack import write_page
from analysis.report.records import Finding, Placed
from tests.report.handmade import making

pytestmark = pytest.mark.browser

WIDTH = 390
LONG = "A sentence with its interval and everything that is to be known about it, which takes lines of its own. " * 4
EDGES = "(each => { const at = each.getBoundingClientRect(); return [at.left, at.right]; })"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Two figures of points that tell more under the pointer than a phone has room for beside it."""
    table = pd.DataFrame({"x": range(3), "y": [0.5] * 3, "told": ["what is told of a point of this figure"] * 3})
    chart = alt.Chart(table).mark_point(filled=True, size=200)
    figure = style.finish(chart.encode(x="x:Q", y="y:Q", tooltip=["told:N", "x:Q", "y:Q"]), "Points (%)", "n = 3")
    content = drawn.of_figure(figure, "Three points")
    placed = [
        Placed(Finding(name, "figure", LONG, "Three points", making(name), spec=content.spec), tables=content.tables)
        for name in ("f1", "f2")
    ]
    write_page(tmp_path / "report.html", placed, "Findings")
    return tmp_path / "report.html"


def test_on_a_phone_what_a_point_tells_lies_on_the_screen_and_contents_take_two_lines_each(
    browser: Browser, exported: Path
) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": 844}, reduced_motion="reduce")
    page.goto(exported.as_uri())
    page.wait_for_selector("html[data-drawn=all]")
    lines = page.locator("nav.contents a").first.evaluate(
        "each => each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight)"
    )
    assert lines == pytest.approx(2, abs=0.2)
    points = page.locator("svg.marks").first.locator(".mark-symbol path")
    for place in range(3):
        points.nth(place).hover()
        page.locator("#vg-tooltip-element.visible").wait_for()
        left, right = page.locator("#vg-tooltip-element").evaluate(EDGES)
        assert left >= 0 and right <= WIDTH
    page.close()
