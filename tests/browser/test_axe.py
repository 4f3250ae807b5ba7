"""axe-core finds nothing serious on any page, light or dark; on the exported report: test_report.py.

Rules: WCAG 2.0 and 2.1, A and AA. What Streamlit's own frame breaks, and we cannot change, is listed by name.
"""

from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.driver import settle
from tests.browser.test_journey import accuracy, load_demo, open_page

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
PAGES = ("Overview", "Updates", "Tokens", "Mastery", "Samples", "Experiments", "Report", "Jobs", "Compare")
TOKEN_VIEWS = ("Grid", "Ranked", "Distribution", "Generation", "Paper's measure")
# Rule, where in Streamlit's frame, and why it cannot be helped from here.
FRAME = (
    ("list", "[data-testid=stSidebarNav]", "the sidebar's list of pages holds sections as div inside ul"),
    ("listitem", "[data-testid=stSidebarNav]", "its links are li outside of a ul, for the same reason"),
)
FIND = """async ([rules, frame]) => {
    const found = (await axe.run(document, {runOnly: rules})).violations;
    const inFrame = (rule, node) => frame.some(([name, place]) => {
        const target = node.target.flat();
        return name === rule && target.length === 1 && document.querySelector(target[0])?.closest(place);
    });
    return found.filter(rule => ["serious", "critical"].includes(rule.impact)).flatMap(rule => rule.nodes
        .filter(node => !inFrame(rule.id, node))
        .map(node => `${rule.id}: ${node.html.slice(0, 160)} (${node.failureSummary.slice(0, 200)})`));
}"""


def violations(page: Page) -> list[str]:
    """Serious and critical ones in what we draw."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(FIND, [RULES, [list(entry[:2]) for entry in FRAME]])
    return [str(each) for each in found]


@pytest.fixture
def dark(browser: Browser) -> Any:
    """A person's browser that asks for dark pages, and has seen the guide."""
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="dark")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def test_no_page_has_a_serious_violation_in_light_or_dark(page: Page, dark: Page, server: str) -> None:
    load_demo(page, server, "level-4-240")
    open_page(page, "Restore")
    accuracy(page)
    dark.goto(page.url)
    settle(dark)
    accuracy(dark)
    found = {f"Restore, {name}": violations(each) for name, each in (("light", page), ("dark", dark))}
    for name in PAGES:
        for paper, each in (("light", page), ("dark", dark)):
            each.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
            each.wait_for_url(f"**/{name.lower()}*")
            settle(each)
            each.wait_for_timeout(600)  # charts are drawn after the script's end
            found[f"{name}, {paper}"] = violations(each)
    open_page(page, "Tokens")
    for view in TOKEN_VIEWS:
        page.locator(".st-key-token_tab").get_by_text(view, exact=True).click()
        settle(page)
        page.wait_for_timeout(1500)
        found[f"Tokens, {view}"] = violations(page)
    open_page(page, "Updates")
    page.locator("[class*='st-key-pin-'] button").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Pin").wait_for()
    found["Pin"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    settle(page)
    page.get_by_role("button", name="Guide", exact=True).click()
    page.get_by_role("region", name="Guided path").wait_for()
    found["Guide"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    found["Keys"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    found["Words"] = violations(page)
    assert {name: told for name, told in found.items() if told} == {}
