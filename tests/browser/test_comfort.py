"""Comfort: a newcomer's first minutes, a pair of one's own by path, and everything by keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cache.work import Workspace
from tests.browser.driver import running_server, settle
from tests.browser.test_journey import PATIENCE

pytestmark = pytest.mark.browser

SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => {
    if (!entry.hadRecentInput) window.shifted += entry.value;
})).observe({type: "layout-shift", buffered: true});
"""
MOST_SHIFT = 0.1  # "good" by web.dev's measure of layout shift


@pytest.fixture(scope="module")
def opened(home: Path) -> Iterator[str]:
    """A server as `palimpsest demo` starts it: the demo's finding is in the store."""
    workspace = Workspace(home)
    workspace.demo_finding()
    workspace.close()
    with running_server(home) as address:
        yield address


@pytest.fixture
def newcomer(browser: Browser) -> Iterator[Page]:
    """A browser that has seen nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    context.add_init_script(SHIFTS)
    yield context.new_page()
    context.close()


def stands(page: Page, title: str) -> None:
    """Wait until the page of this title stands."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(title, timeout=PATIENCE)
    settle(page)


def test_a_newcomer_lands_on_a_finding_is_led_through_it_once_and_can_have_it_again(
    newcomer: Page, opened: str
) -> None:
    page = newcomer
    page.goto(opened)
    page.wait_for_url("**/overview*")
    expect(page.locator(".st-key-finding")).to_be_visible(timeout=PATIENCE)
    guide = page.get_by_role("region", name="Guided path")
    expect(guide).to_contain_text("What you see")
    for step, (title, words) in enumerate((("Restore", "Move this"), ("Restore", "Look here"), ("Samples", "Which"))):
        guide.get_by_role("button", name="Next").click()
        expect(guide).to_contain_text(words, timeout=PATIENCE)
        expect(guide).to_contain_text(f"{step + 2} of ")
        stands(page, title)
    guide.get_by_role("button", name="Close").click()
    page.reload()
    stands(page, "Samples")
    page.wait_for_timeout(500)
    expect(guide).to_be_hidden()
    page.get_by_role("button", name="Guide", exact=True).click()
    expect(guide).to_contain_text("What you see", timeout=PATIENCE)
    page.get_by_role("button", name="Words", exact=True).click()
    page.get_by_label("Find a term").fill("effective")
    sheet = page.locator("dialog.sheet")
    expect(sheet).to_contain_text("Effective k")
    expect(sheet).to_contain_text("Source:")
    expect(sheet).not_to_contain_text("Kullback")


def test_from_start_to_a_pinned_finding_by_keyboard_alone(newcomer: Page, opened: str) -> None:
    page, keys = newcomer, newcomer.keyboard
    page.goto(opened)
    page.wait_for_url("**/overview*")
    expect(page.locator(".st-key-finding")).to_be_visible(timeout=PATIENCE)
    settle(page)
    keys.press("Escape")  # the guide
    keys.press("?")
    expect(page.locator("dialog.sheet")).to_contain_text("Restore")
    keys.press("Escape")
    keys.press("g")
    keys.press("r")
    page.wait_for_url("**/restore*")
    stands(page, "Restore")
    slider = page.locator(".st-key-k").get_by_role("slider")
    expect(slider).to_be_visible(timeout=PATIENCE)
    keys.press("k")
    expect(slider).to_be_focused()
    keys.press("ArrowRight")
    expect(slider).to_have_value("5.5")
    expect(page.get_by_text("McNemar p").first).to_be_visible(timeout=PATIENCE)
    settle(page)
    page.evaluate("document.activeElement.blur()")
    keys.press("p")
    dialog = page.get_by_role("dialog").filter(has_text="Pin for the report")
    expect(dialog).to_be_visible(timeout=PATIENCE)
    now = dialog.get_by_role("button", name="Pin", exact=True)
    for _ in range(12):
        if now.evaluate("each => each === document.activeElement"):
            break
        keys.press("Tab")
    keys.press("Enter")
    expect(dialog).to_have_count(0, timeout=PATIENCE)
    keys.press("g")
    keys.press("p")
    page.wait_for_url("**/report*")
    expect(page.get_by_text(re.compile("pinned finding")).first).to_be_visible(timeout=PATIENCE)


def test_no_page_jumps_once_it_stands(newcomer: Page, opened: str) -> None:
    page = newcomer
    page.goto(opened)
    page.wait_for_url("**/overview*")
    expect(page.locator(".st-key-finding")).to_be_visible(timeout=PATIENCE)
    shifted = {}
    for name in ("Restore", "Updates", "Samples", "Overview"):
        page.wait_for_timeout(1500)
        page.evaluate("window.shifted = 0")
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        stands(page, name)
        page.wait_for_timeout(1500)  # charts are drawn after the script's end
        shifted[name] = round(page.evaluate("window.shifted"), 3)
    assert {name: value for name, value in shifted.items() if value > MOST_SHIFT} == {}


def test_a_pair_of_ones_own_is_loaded_by_path_and_its_results_are_told_when_done(
    page: Page, opened: str, home: Path
) -> None:
    workspace = Workspace(home)
    demo = workspace.demo()
    workspace.close()
    assert demo is not None
    page.goto(f"{opened}/compare")
    page.get_by_label("Base").fill(str(demo.base))
    page.get_by_label("Tuned").fill(str(demo.tuned["level-4-240"]))
    page.get_by_role("button", name="Check the headers").click()
    expect(page.get_by_text("This pair can be compared")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Load this pair").click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("level-4-240", timeout=PATIENCE)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Updates").click()
    expect(page.get_by_text("Where fine-tuning wrote").first).to_be_visible(timeout=PATIENCE)
