"""Mastery in a real browser: the shipped table, a fact statement by statement, measuring, cancelling."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import settle
from tests.browser.steps import PATIENCE, open_demo

pytestmark = pytest.mark.browser


def test_the_shipped_table_is_shown_and_a_fact_opens_in_tokens(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Mastery")
    expect(page.get_by_test_id("stMetric").filter(has_text="Level 4")).to_contain_text("8,687", timeout=PATIENCE)
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(3)
    page.locator(".st-key-mastery_search input").fill("Fevelness")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("Facts: 1–2 of 2$"))).to_be_visible()
    settle(page)
    table = page.locator(".st-key-mastery_facts [data-testid=stDataFrame]")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 18, box["y"] + 52)
    fact = page.locator(".st-key-fact")
    expect(fact).to_contain_text("R = 19.0%")
    settle(page)
    fact.get_by_role("button", name="Open in Tokens").click()
    expect(page.locator(".st-key-token_prompt textarea")).to_have_value(re.compile("Fevelness"))
    expect(page.locator(".text").first).to_contain_text("F", timeout=PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_measurement_shows_what_it_has_is_cancelled_and_goes_on(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Mastery")
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_role("button", name="Measure the base").click()
    cancel = page.locator(".st-key-cancel-mastery button")
    cancel.wait_for(timeout=PATIENCE)
    page.locator(".st-key-so-far").wait_for(timeout=PATIENCE)
    expect(page.locator(".st-key-progress-mastery")).to_contain_text(re.compile(r"of 500 facts.* left"))
    cancel.click()
    page.get_by_text("What was measured is kept").wait_for(timeout=PATIENCE)
    expect(page.locator(".st-key-so-far")).to_be_visible()
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_role("button", name="Measure the base").click()
    expect(page.locator(".st-key-progress-mastery")).to_contain_text(re.compile(r"\d+ of 500 facts"), timeout=PATIENCE)
    cancel.click()
    page.get_by_text("What was measured is kept").wait_for(timeout=PATIENCE)
