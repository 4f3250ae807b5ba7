"""Ways of restoring, chosen by hand in a real browser: a blend and its named stop, the folded controls, a phone."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.driver import drawn, settle
from tests.browser.steps import PATIENCE, accuracy, open_demo, press_stop

pytestmark = pytest.mark.browser


def choose(page: Page, key: str, option: str) -> None:
    """Pick an option of a select box; pressed again where its menu did not open, as seen under load, cause unknown."""
    settle(page)
    listed = page.get_by_role("option", name=option)
    for _ in range(3):
        page.locator(f".st-key-{key} input").click()
        with suppress(TimeoutError):
            listed.wait_for(timeout=3000)
            break
    listed.click()
    settle(page)


def test_a_blend_is_chosen_measured_and_kept_over_a_reload(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    accuracy(page)
    choose(page, "strategy", "Blend: weakest singular directions")
    page.wait_for_url(re.compile("strategy=spectral"), timeout=PATIENCE)
    page.get_by_text("of the squared distance from tuned to base").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Find the Donoho–Gavish threshold").click()
    named = page.get_by_role("button", name="Donoho–Gavish threshold:")
    named.wait_for(timeout=PATIENCE)
    named.click()
    page.wait_for_url(re.compile(r"[?&]k=[1-9]"), timeout=PATIENCE)
    assert accuracy(page)
    page.reload()
    settle(page)
    page.get_by_text("of the squared distance from tuned to base").first.wait_for(timeout=PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_folded_controls_narrow_what_is_restored(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    press_stop(page, "20")
    accuracy(page)
    page.get_by_text("More ways to choose").click()
    page.locator(".st-key-modules").get_by_role("button", name="down", exact=True).click()
    page.wait_for_url(re.compile("modules=down"), timeout=PATIENCE)
    choose(page, "strategy", "Control: random draw")
    page.locator(".st-key-among label").click()
    page.wait_for_url(re.compile("among=changed"), timeout=PATIENCE)
    page.get_by_text("random 20%, of the changed weights, transformer, down").first.wait_for(timeout=PATIENCE)
    assert accuracy(page)


def test_nothing_of_the_page_lies_beyond_a_phones_edge(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    accuracy(page)
    page.set_viewport_size({"width": 400, "height": 850})
    settle(page)
    page.get_by_text("More ways to choose").click()
    drawn(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 400


def test_a_note_stays_while_the_stop_behind_it_is_evaluated(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    accuracy(page)
    page.locator(".st-key-stop-3 button").click()  # and not until the page has run for it: it may be evaluated by then
    page.locator(".st-key-pin-curve-in button").first.click()
    note = page.get_by_role("dialog").locator("textarea")
    note.fill("half a")
    page.wait_for_timeout(8000)  # it is evaluated meanwhile, and polls would have run the page
    expect(note).to_have_value("half a")
    page.keyboard.press("Escape")
    assert accuracy(page), "the page tells what has ended, once the dialog is gone"
