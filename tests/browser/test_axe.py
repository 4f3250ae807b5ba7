"""axe-core finds nothing serious on any page of a demo pair and in what opens over it, light or dark."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.driver import drawn, settle
from tests.browser.steps import PATIENCE, accuracy, load_demo, open_demo, open_page, press_stop

pytestmark = pytest.mark.browser

PAGES = ("Overview", "Updates", "Tokens", "Mastery", "Samples", "Experiments", "Report", "Jobs", "Compare")
TOKEN_VIEWS = ("Grid", "Ranked", "Distribution", "Generation", "Paper's measure")


def test_no_page_has_a_serious_violation_in_light_or_dark(papers: dict[str, Page], server: str) -> None:
    page = papers["light"]
    load_demo(page, server, "level-4-240")
    open_page(page, "Restore")
    accuracy(page)
    papers["dark"].goto(page.url)
    accuracy(papers["dark"])
    found = {}
    for paper, each in papers.items():
        for name in ("Restore", *PAGES):
            open_page(each, name)
            if name == "Tokens":
                each.locator(".token:not(.chip)").first.wait_for(timeout=PATIENCE)
            drawn(each)
            found[f"{name}, {paper}"] = violations(each)
    open_page(page, "Tokens")
    for view in TOKEN_VIEWS:
        page.locator(".st-key-token_tab").get_by_text(view, exact=True).click()
        drawn(page)
        page.wait_for_timeout(500)  # views of our own are drawn by the browser alone
        found[f"Tokens, {view}"] = violations(page)
    assert {name: told for name, told in found.items() if told} == {}


def test_what_opens_on_a_page_has_none_either(papers: dict[str, Page], server: str) -> None:
    found = {}
    for paper, page in papers.items():
        open_demo(page, server, "level-4-240", "Restore")
        for state, told in {**_stop(page), **_card(page), **_pin(page), **_sheets(page)}.items():
            found[f"{state}, {paper}"] = told
    assert {name: told for name, told in found.items() if told} == {}


def _stop(page: Page) -> dict[str, list[str]]:
    """A stop on Restore whose answers are tested, every fold open."""
    press_stop(page, "20")
    page.get_by_text("McNemar p").first.wait_for(timeout=PATIENCE)
    unfold(page)
    return {"Restore, a stop": violations(page)}


def unfold(page: Page) -> None:
    """Open every fold of the page, and those within, and wait for what is in them."""
    folded = page.locator("[data-testid=stMain] details:not([open]) > summary")
    drawn(page)
    while folded.count():
        folded.first.click()
        drawn(page)


def _card(page: Page) -> dict[str, list[str]]:
    """A token's card, pinned."""
    open_page(page, "Tokens")
    page.locator(".token:not(.chip)").nth(4).click(timeout=PATIENCE)
    expect(page.locator(".card.pin")).to_contain_text("tuned expected", timeout=PATIENCE)
    settle(page)
    return {"Tokens, a card": violations(page)}


def _pin(page: Page) -> dict[str, list[str]]:
    """The dialog of a pin."""
    open_page(page, "Updates")
    page.locator("[class*='st-key-pin-'] button").first.click(timeout=PATIENCE)
    page.get_by_role("dialog").get_by_role("button", name="Pin", exact=True).wait_for()
    settle(page)
    found = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    settle(page)
    return {"Pin": found}


def _sheets(page: Page) -> dict[str, list[str]]:
    """What the frame opens over a page: the guided path, the keys, the words, the link where none can be copied."""
    found = {}
    page.get_by_role("button", name="Guide", exact=True).click()
    page.get_by_role("region", name="Guided path").wait_for()
    found["Guide"] = violations(page)
    page.keyboard.press("Escape")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    for key, head in (("?", "Keys"), ("w", "Words"), ("y", "Copy this link")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=re.compile(head))).to_be_visible()
        found[head] = violations(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog.sheet")).to_be_hidden()
    return found
