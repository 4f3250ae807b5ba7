"""Find the best stop, pin three findings, put them in order, present them, export them, and open the file offline."""

import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from analysis.report.pack import write_page
from analysis.report.records import Column, Finding, Placed
from cache.findings import Findings
from tests.browser.axe import violations
from tests.browser.driver import PICTURES, photograph, settle
from tests.browser.steps import PATIENCE, accuracy, open_demo, open_page, press_stop
from tests.browser.test_samples import choose_row
from tests.report.handmade import make_placed, making

pytestmark = pytest.mark.browser

PINNED = 4  # a figure with its slider, a table, a sample, a figure to zoom in
HOSTILE = "<img src=x onerror=alert(1)> & a note"


def pin(page: Page, key: str, note: str = "", section: str = "") -> None:
    """Pin a figure, with a note and a section where they are given."""
    page.locator(f".st-key-pin-{key} button").first.click(timeout=PATIENCE)
    dialog = page.get_by_role("dialog")
    dialog.wait_for(timeout=PATIENCE)
    if note:
        dialog.get_by_label("Note").fill(note)
        dialog.get_by_label("Note").press("Tab")
    if section:
        dialog.get_by_label("Section").fill(section)
        dialog.get_by_label("Section").press("Enter")
    settle(page)
    dialog.locator(".st-key-pin_now button").first.click()
    page.get_by_text("Pinned. It is on the Report page.").first.wait_for(timeout=PATIENCE)
    settle(page)


def test_three_findings_are_pinned_ordered_presented_and_read_without_a_network(
    page: Page, server: str, browser: Browser, home: Path, tmp_path: Path
) -> None:
    for placed in Findings(home).all():  # of other walks on the same server
        Findings(home).delete(placed.finding.id)
    page.goto(f"{server}/report")
    page.get_by_text("Nothing is pinned yet").wait_for(timeout=PATIENCE)
    open_demo(page, server, "level-4-240", "Restore")
    for stop in ("20", "60"):  # two are enough for a best one
        press_stop(page, stop)
        accuracy(page)
    page.get_by_text(re.compile("Best of [2-9] stops")).first.wait_for(timeout=PATIENCE)
    pin(page, "curve-in", note=HOSTILE, section="What comes back")
    open_page(page, "Updates")
    pin(page, "shares", section="Where it wrote")  # a table
    open_page(page, "Samples")
    choose_row(page, 1)
    pin(page, "sample")  # what base, tuned and restored said to one question
    open_page(page, "Updates")
    pin(page, "glance")  # plotly's
    open_page(page, "Report")
    expect(page.locator("[class*='st-key-finding-']")).to_have_count(PINNED, timeout=PATIENCE)
    photograph(page, "findings-1-report")
    _put_in_order(page)
    page.get_by_label("Title of the report").fill("What came back")
    page.get_by_label("Title of the report").press("Tab")
    settle(page)
    _present(page)
    assert Findings(home).title() == "What came back"
    file = _export(page, tmp_path)
    _read_offline(browser, file)


def _put_in_order(page: Page) -> None:
    first = page.locator("[class*='st-key-finding-']").first
    before = first.get_by_role("heading").first.inner_text()
    first.get_by_role("button", name="Delete").click()
    expect(page.locator("[class*='st-key-finding-']")).to_have_count(PINNED - 1, timeout=PATIENCE)
    page.locator(".st-key-undo button").first.click()
    expect(page.locator("[class*='st-key-finding-']")).to_have_count(PINNED, timeout=PATIENCE)
    expect(page.locator("[class*='st-key-finding-']").first.get_by_role("heading").first).to_have_text(before)
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def _present(page: Page) -> None:
    page.locator(".st-key-present button").first.click()
    frame: FrameLocator = page.frame_locator("iframe[title=Presentation]")
    place = frame.locator(".place")
    expect(place).to_have_text(f"1 of {PINNED}", timeout=PATIENCE)
    frame.locator(".finding.shown svg").first.wait_for(timeout=PATIENCE)
    slider = frame.locator(".finding.shown input[type=range]")
    slider.focus()
    told = frame.locator(".finding.shown output").inner_text()
    slider.press("ArrowLeft")
    expect(frame.locator(".finding.shown output")).not_to_have_text(told)
    slider.blur()
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text(f"2 of {PINNED}")
    frame.locator(".finding.shown table").first.wait_for(timeout=PATIENCE)
    page.reload()  # a refresh goes on where it was
    expect(place).to_have_text(f"2 of {PINNED}", timeout=PATIENCE)
    frame.locator("body").click()
    page.keyboard.press("Home")
    frame.locator(".finding.shown svg").first.wait_for(timeout=PATIENCE)
    page.screenshot(path=PICTURES / "findings-2-presented.png")
    page.keyboard.press("d")
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / "findings-2-presented-other-paper.png")
    page.keyboard.press("End")
    expect(place).to_have_text(f"{PINNED} of {PINNED}")
    page.keyboard.press("Escape")
    expect(page.locator("iframe[title=Presentation]")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Report")
    expect(page.get_by_label("Title of the report")).to_have_value("What came back")
    settle(page)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A page of a figure of many points, whose texts look like formulas, and of a table taller than a screen."""
    rows = pd.DataFrame({"token": [f"row {number}" for number in range(60)], "share": [0.25] * 60})
    tall = Finding("f2", "table", "A tall table.", "Sixty rows", making("f2"), columns=(Column("token", "token"),))
    placed = [make_placed("f1", points=300, label="=SUM(A1)"), Placed(tall, tables={"data": rows})]
    write_page(tmp_path / "report.html", placed, "Findings")
    return tmp_path / "report.html"


def test_the_exported_page_tells_its_rows_and_saves_all_of_them(page: Page, exported: Path) -> None:
    page.goto(exported.as_uri())
    page.get_by_text("The values behind it").click()
    expect(page.get_by_text("200 of 300 rows; the CSV holds all")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    lines = saved.value.path().read_text("utf-8").splitlines()
    assert lines[:2] == ["x,y,name", "0,0.5,'=SUM(A1)"]
    assert len(lines) == 301
    with page.expect_download() as drawn:
        page.get_by_role("button", name="SVG").click()
    assert "var(--" not in drawn.value.path().read_text("utf-8")


def test_the_exported_page_goes_by_its_keys(page: Page, exported: Path) -> None:
    page.goto(exported.as_uri())
    html, place, keys = page.locator("html"), page.locator(".place"), page.get_by_role("dialog", name="Keys")
    before = html.get_attribute("data-paper")
    page.keyboard.press("d")
    assert html.get_attribute("data-paper") != before
    page.keyboard.press("p")
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(place).to_have_text("1 of 2")  # the keys were read, nothing else was done
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("2 of 2")
    page.locator(".finding.shown .scroll").evaluate("scroll => scroll.focus({ preventScroll: true })")
    page.keyboard.press("PageDown")
    assert page.locator(".finding.shown").evaluate("shown => shown.scrollTop") > 100
    page.keyboard.press("PageUp")
    expect(place).to_have_text("2 of 2")
    page.keyboard.press("PageUp")
    expect(place).to_have_text("1 of 2")  # at its top, the key goes on to the one before
    page.keyboard.press("Escape")
    expect(page.locator("body.presenting")).to_have_count(0)


def test_the_finding_a_key_away_is_drawn_ahead_unseen_and_moves_nothing(browser: Browser, exported: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(exported.as_uri())
    page.keyboard.press("End")  # no key of the page's own: it does not present yet
    page.keyboard.press("p")
    expect(page.locator(".place")).to_have_text("1 of 2")
    ahead = page.locator(".finding.ahead")
    ahead.wait_for(state="attached")
    assert ahead.evaluate("each => getComputedStyle(each).visibility") == "hidden"
    assert page.evaluate("[document.body.scrollHeight <= innerHeight, document.body.scrollWidth <= innerWidth]") == [
        True,
        True,
    ]
    page.keyboard.press("ArrowRight")
    expect(page.locator(".place")).to_have_text("2 of 2")
    page.keyboard.press("Escape")
    expect(ahead).to_have_count(0)
    page.close()


def test_a_print_from_the_dark_is_light_and_holds_every_figure(browser: Browser, exported: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(exported.as_uri())
    page.keyboard.press("p")  # at once: the rest of the figures is drawn when presenting ends
    page.keyboard.press("Escape")
    page.wait_for_selector("html[data-drawn=all]")
    page.evaluate(
        """() => addEventListener("beforeprint", () => { window.seen = document.documentElement.dataset.paper; })"""
    )
    page.pdf()
    assert page.evaluate("window.seen") == "light"
    assert page.locator("html").get_attribute("data-paper") == "dark"
    page.close()


def test_a_finger_ends_the_presentation(browser: Browser, exported: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(exported.as_uri())
    page.get_by_role("button", name="Present").tap()
    end = page.get_by_role("button", name="End")
    assert page.locator(".hidden-controls").evaluate("bar => getComputedStyle(bar).opacity") == "1"
    assert end.bounding_box()["x"] + end.bounding_box()["width"] <= 360  # type: ignore[index]
    end.tap()
    expect(page.locator("body.presenting")).to_have_count(0)
    context.close()


def _export(page: Page, folder: Path) -> Path:
    page.locator(".st-key-export button").first.click()
    page.locator(".st-key-make-html button").click()
    page.locator(".st-key-export-html button").first.wait_for(timeout=PATIENCE)
    with page.expect_download(timeout=PATIENCE) as download:
        page.locator(".st-key-export-html button").first.click()
    download.value.save_as(folder / "report.html")
    return folder / "report.html"


def _read_offline(browser: Browser, file: Path) -> None:
    for width, paper in ((1280, "light"), (400, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=paper)  # type: ignore[arg-type]
        context.set_offline(True)
        page = context.new_page()
        problems = _problems(page)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-drawn=all]", timeout=PATIENCE)
        expect(page.locator(".chart svg.marks")).to_have_count(1)
        expect(page.locator(".finding table").first).to_be_visible()
        expect(page.locator(".chart .main-svg").first).to_be_visible()
        assert page.locator(".chart svg.marks path").count() > 10, "the figures are drawn"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing hangs over the edge"
        expect(page.get_by_text(HOSTILE)).to_be_visible()
        found = violations(page)
        page.screenshot(path=PICTURES / f"findings-3-offline-{width}-{paper}.png", full_page=True)
        page.pdf(path=PICTURES / f"findings-4-printed-from-{paper}.pdf")
        assert found == [] and problems == []
        context.close()


def _problems(page: Page) -> list[str]:
    """Errors of the page's scripts, refusals of its policy, and anything it asks a network for, as they come."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: found.append(asked.url) if asked.url.startswith("http") else None)
    return found
