"""Comfort: a newcomer's first minutes, a pair of one's own by path, and everything by keyboard alone."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.demo.world import SHIPPED
from analysis.knowledge.questions import load_questions
from cache.work import Workspace
from tests.browser.driver import photograph, running_server, settle
from tests.browser.steps import PATIENCE, open_demo, press_stop, stands

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


# What the legend's colours refer to is in the document itself, or at the address that the document has now.
LEGEND_RESOLVES = """() => {
    const [address, id] = document.querySelector('.st-key-grid svg [fill^="url("]').getAttribute('fill').slice(4, -1)
        .replaceAll('"', '').split('#');
    return (address === '' || address === location.href) && document.getElementById(id) !== null;
}"""
INK = "() => document.querySelector('.st-key-grid svg text')?.getAttribute('fill')"


def test_a_newcomer_lands_on_a_finding_is_led_through_it_once_and_can_have_it_again(
    newcomer: Page, opened: str
) -> None:
    page = newcomer
    page.goto(opened)
    page.wait_for_url("**/overview*")
    page.locator(".st-key-finding").wait_for(timeout=PATIENCE)
    guide = page.get_by_role("region", name="Guided path")
    expect(guide).to_contain_text("What you see")
    photograph(page, "newcomer-1-overview")
    path = (
        ("Restore", "Move this"),
        ("Restore", "Look here"),
        ("Samples", "Which questions"),
        ("Updates", "Where was it written"),
        ("Compare", "Your own pair"),
    )
    for step, (title, words) in enumerate(path, 2):
        guide.get_by_role("button", name="Next").click()
        expect(guide).to_contain_text(words, timeout=PATIENCE)
        expect(guide).to_contain_text(f"{step} of {len(path) + 1}")
        stands(page, title)
        photograph(page, f"newcomer-{step}-{title.lower()}")
    guide.get_by_role("button", name="Done").click()
    page.reload()
    stands(page, "Compare")
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
    page.locator(".st-key-finding").wait_for(timeout=PATIENCE)
    settle(page)
    page.get_by_role("region", name="Guided path").wait_for(timeout=PATIENCE)  # until then no key is heard
    keys.press("Escape")  # the guide
    keys.press("?")
    expect(page.locator("dialog.sheet")).to_contain_text("Restore")
    keys.press("Escape")
    keys.press("g")
    keys.press("r")
    page.wait_for_url("**/restore*")
    stands(page, "Restore")
    slider = page.locator(".st-key-k").get_by_role("slider")
    slider.wait_for(timeout=PATIENCE)
    keys.press("k")
    expect(slider).to_be_focused()
    keys.press("ArrowRight")
    expect(slider).to_have_value("5.5")
    page.get_by_text("McNemar p").first.wait_for(timeout=PATIENCE)
    settle(page)
    keys.press("p")
    dialog = page.get_by_role("dialog").filter(has_text="Pin for the report")
    dialog.wait_for(timeout=PATIENCE)
    now = dialog.get_by_role("button", name="Pin", exact=True)
    for _ in range(12):
        if now.evaluate("each => each === document.activeElement"):
            break
        keys.press("Tab")
    keys.press("Enter")
    expect(dialog).to_have_count(0, timeout=PATIENCE)
    pin = page.locator(".stMain [class*='st-key-pin-'] button").first
    expect(pin).to_be_focused()  # not the page's top: one goes on where one was
    keys.press("g")
    keys.press("p")
    page.wait_for_url("**/report*")
    page.get_by_text(re.compile("pinned finding")).first.wait_for(timeout=PATIENCE)
    photograph(page, "keyboard-report")


def test_no_page_jumps_once_it_stands(newcomer: Page, opened: str) -> None:
    page = newcomer
    page.goto(opened)
    page.wait_for_url("**/overview*")
    page.locator(".st-key-finding").wait_for(timeout=PATIENCE)
    shifted = {}
    for name in ("Restore", "Updates", "Samples", "Overview"):
        page.wait_for_timeout(1500)
        page.evaluate("window.shifted = 0")
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        stands(page, name)
        page.wait_for_timeout(1500)  # charts are drawn after the script's end
        shifted[name] = round(page.evaluate("window.shifted"), 3)
    assert {name: value for name, value in shifted.items() if value > MOST_SHIFT} == {}


def write_questions(file: Path) -> None:
    """Thirty questions of the demo's world, as a person's own table without levels."""
    asked = load_questions(SHIPPED / "questions.zip", split="test").questions[:30]
    lines = [{"question": each.question, "answers": list(each.answers)} for each in asked]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_pair_and_questions_of_ones_own_are_loaded_by_path_and_their_ends_are_told_elsewhere(
    page: Page, opened: str, home: Path, tmp_path: Path
) -> None:
    workspace = Workspace(home)
    demo = workspace.demo()
    workspace.close()
    assert demo is not None
    for side, folder in (("mine", demo.base), ("mine-tuned", demo.tuned["level-4-240"])):
        shutil.copytree(folder, tmp_path / side)
    questions = tmp_path / "my questions.jsonl"
    write_questions(questions)
    page.goto(f"{opened}/compare")
    page.get_by_label("Base").fill(str(tmp_path / "mine"))
    page.get_by_label("Tuned").fill(str(tmp_path / "mine-tuned"))
    page.get_by_role("button", name="Check the headers").click()
    page.get_by_text("This pair can be compared").wait_for(timeout=PATIENCE)
    photograph(page, "own-pair-1-checked")
    page.get_by_role("button", name="Load this pair").click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("mine-tuned", timeout=PATIENCE)
    nav = page.get_by_test_id("stSidebarNav")
    nav.get_by_role("link", name="Updates").click()
    page.get_by_text("Where fine-tuning wrote").first.wait_for(timeout=PATIENCE)
    photograph(page, "own-pair-2-updates")
    nav.get_by_role("link", name="Restore").click()
    stands(page, "Restore")
    page.locator(".st-key-questions-popover button").first.click()
    page.get_by_role("textbox", name="Questions", exact=True).fill(str(questions))
    page.get_by_role("textbox", name="Mastery table (optional)").fill("")
    page.get_by_role("button", name="Use these questions").click()
    page.get_by_text("30 questions from my questions.jsonl").wait_for(timeout=PATIENCE)
    press_stop(page, "20")
    nav.get_by_role("link", name="Jobs").click()
    stands(page, "Jobs")
    nav.get_by_role("link", name="Restore").click()
    page.get_by_text("McNemar p").first.wait_for(timeout=PATIENCE)
    photograph(page, "own-pair-3-restore")


def test_a_colour_legend_outlasts_another_address_and_a_figures_ink_follows_the_paper(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Updates")
    page.wait_for_function("() => document.querySelector('.st-key-grid svg [fill^=\"url(\"]')")
    page.locator(".st-key-grid svg.marks").click(position={"x": 300, "y": 150})
    page.wait_for_url("**updates_cell=*%2F*")
    page.wait_for_function(LEGEND_RESOLVES)
    ink = page.evaluate(INK)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"ink => ({INK})() !== ink", arg=ink)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"ink => ({INK})() === ink", arg=ink)
