"""What a person does before anything else: loads a demo pair, opens a page, chooses a stop, reads its accuracy.

Long waits are a locator's `wait_for`: an `expect` that does not hold yet asks once a second only, and has the browser
describe the whole page each time, in case that was the last.
"""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.driver import settle

PATIENCE = 90_000  # milliseconds: a loaded machine evaluates slowly
_ADDRESSES: dict[tuple[str, str], str] = {}  # by server and name of the pair


def load_demo(page: Page, server: str, name: str) -> None:
    """Load one of the demo's pairs on Compare."""
    page.goto(f"{server}/compare")
    page.locator(f".st-key-demo-{name} button").click()
    page.get_by_text("Active pair").wait_for(timeout=PATIENCE)
    settle(page)


def open_page(page: Page, name: str) -> None:
    """Follow the sidebar's link, as a person does: the session stays."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    stands(page, name)


def stands(page: Page, name: str) -> None:
    """Wait until the page of this name stands."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(name, timeout=PATIENCE)
    settle(page)


def open_demo(page: Page, server: str, pair: str, name: str) -> None:
    """Open a page on one of the demo's pairs: by way of Compare the first time on this server, then by its address."""
    address = _ADDRESSES.get((server, pair))
    if address is not None:
        page.goto(f"{server}/{name.lower()}?{address}")
        return stands(page, name)
    load_demo(page, server, pair)
    open_page(page, name)
    page.wait_for_url(re.compile("[?&]pair=.*[?&]questions="), timeout=PATIENCE)
    told = parse_qs(urlsplit(page.url).query)
    _ADDRESSES[server, pair] = urlencode({part: told[part][0] for part in ("pair", "questions")})
    return None


def press_stop(page: Page, percent: str) -> None:
    """One of the paper's stops; the page has then run for it."""
    page.locator(f".st-key-stop-{percent} button").click()
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value(percent, timeout=PATIENCE)
    page.wait_for_url(re.compile(rf"[?&]k={percent}(&|$)"), timeout=PATIENCE)
    settle(page)  # until then the answers of the stop before may stand


def accuracy(page: Page) -> str:
    """The accuracy shown for the stop, once it is there."""
    metric = page.get_by_test_id("stMetric").filter(has_text=re.compile("in-domain", re.IGNORECASE)).first
    metric.wait_for(timeout=PATIENCE)
    return metric.inner_text()
