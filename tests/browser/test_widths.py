"""Every page on a phone, a laptop and a wide screen, light and dark: nothing fails, nothing lies beyond the edge.

Each is photographed (tests/browser/driver.py says where), for what only eyes can check.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.driver import PICTURES, drawn, settle
from tests.browser.steps import PATIENCE, accuracy, open_demo, press_stop, stands

pytestmark = pytest.mark.browser

PAGES = ("Compare", "Overview", "Updates", "Tokens", "Mastery", "Restore", "Samples", "Experiments", "Report", "Jobs")
SCREENS = {"phone": (400, 850, "light"), "laptop": (1280, 900, "dark"), "wide": (2560, 1300, "light")}


@pytest.fixture(scope="module")
def link(browser: Browser, server: str) -> str:
    """The address of a view on a demo pair with a stop evaluated."""
    page = browser.new_page()
    open_demo(page, server, "level-0-1920", "Restore")
    press_stop(page, "20")
    accuracy(page)
    settle(page)
    address = page.url
    page.close()
    return address


@pytest.fixture(params=SCREENS)
def screen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[tuple[str, BrowserContext]]:
    """A person's browser of one size and paper, that has seen the guide."""
    width, height, paper = SCREENS[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=paper)  # type: ignore[arg-type]
    context.add_init_script("localStorage.setItem('palimpsest-guide', '{\"done\": true}')")
    context.set_default_timeout(PATIENCE)
    yield request.param, context
    context.close()


def test_no_page_fails_or_lies_beyond_the_edge(link: str, screen: tuple[str, BrowserContext]) -> None:
    name, context = screen
    page, beyond = context.new_page(), {}
    for title in PAGES:
        page.goto(link.replace("/restore?", f"/{title.lower()}?"))
        stands(page, title)
        drawn(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        if width > SCREENS[name][0]:
            beyond[title] = width
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}-{title.lower()}.png")
    assert beyond == {}


@pytest.mark.parametrize("title", ["Restore", "Tokens"])
def test_on_a_laptop_the_questions_and_their_exact_prompt_are_one_row(link: str, browser: Browser, title: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(link.replace("/restore?", f"/{title.lower()}?"))
    stands(page, title)
    bar = page.locator(".st-key-questions-bar")
    bar.get_by_role("button", name="Exact prompt").wait_for(timeout=PATIENCE)
    button, whole = bar.get_by_role("button", name="Questions").bounding_box(), bar.bounding_box()
    page.close()
    assert button is not None and whole is not None and whole["height"] < button["height"] * 1.5
