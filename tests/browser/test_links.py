"""A link opened by somebody else on the same store shows the same view; refresh, back and forward keep it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from pages.components.address import SCHEMA
from tests.browser.driver import photograph, settle
from tests.browser.steps import PATIENCE, accuracy, load_demo, open_demo, open_page, press_stop

pytestmark = pytest.mark.browser


def copied(page: Page) -> str:
    """What the frame's button puts on the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Link copied")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_copied_link_opens_the_same_view_elsewhere_and_refresh_back_and_forward_keep_it(
    page: Page, browser: Browser, server: str
) -> None:
    load_demo(page, server, "level-4-240")
    open_page(page, "Restore")
    press_stop(page, "40")
    page.locator(".st-key-axis").get_by_text("effective k", exact=True).click()
    page.wait_for_url(re.compile("axis=effective_percent"))
    mine = accuracy(page)
    link = copied(page)
    assert f"v={SCHEMA}" in link and "k=40" in link and "pair=" in link and "questions=" in link

    other = browser.new_context().new_page()
    other.goto(link)
    settle(other)
    expect(other.locator(".st-key-k").get_by_role("slider")).to_have_value("40", timeout=PATIENCE)
    expect(other.get_by_test_id("stSidebar")).to_contain_text("level-4-240")
    assert accuracy(other) == mine
    assert "axis=effective_percent" in other.url
    expect(other.locator(".st-key-link-notices")).to_have_count(0)
    photograph(other, "link-elsewhere")
    # another's slider is not mine
    press_stop(other, "3")
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("40")
    other.context.close()

    press_stop(page, "10")
    page.go_back()
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("40", timeout=PATIENCE)
    page.go_forward()
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("10", timeout=PATIENCE)
    page.reload()
    settle(page)
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("10", timeout=PATIENCE)
    open_page(page, "Updates")
    settle(page)
    page.go_back()  # one step is one page
    expect(page.get_by_role("heading", level=1)).to_contain_text("Restore")
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("10", timeout=PATIENCE)


def test_a_filter_on_a_later_page_of_a_table_is_one_step_of_back(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Mastery")
    page.locator(".st-key-mastery_facts-after button").click()
    page.wait_for_url(re.compile("mastery_facts_page=2"), timeout=PATIENCE)
    settle(page)
    search = page.get_by_label("Search subjects and objects")
    search.fill("country")
    search.press("Enter")
    page.wait_for_url(re.compile("mastery_facts_page=1"), timeout=PATIENCE)
    settle(page)
    page.go_back()
    expect(search).to_have_value("", timeout=PATIENCE)
    assert "mastery_facts_page=2" in page.url


def test_a_link_to_what_this_store_lacks_says_what_is_missing_and_what_to_do(page: Page, server: str) -> None:
    page.goto(f"{server}/restore?v={SCHEMA}&pair={'0' * 16}&about=llama+to+llama-sft%2C+facts.zip")
    told = page.locator(".st-key-link-notices")
    expect(told).to_contain_text("the pair “llama to llama-sft”, which this store has not seen: load it on Compare")
    expect(page.get_by_text("No pair is loaded")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(told).to_have_count(0)


def test_links_to_samples_and_tokens_open_on_the_same_rows_and_the_same_pinned_token(
    page: Page, browser: Browser, server: str
) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    press_stop(page, "20")
    accuracy(page)
    open_page(page, "Samples")
    page.locator(".st-key-samples_chips").get_by_text(re.compile("fixed")).first.click()
    page.wait_for_url(re.compile("samples_chips=fixed"), timeout=PATIENCE)
    settle(page)
    samples = copied(page)
    open_page(page, "Tokens")
    page.locator(".st-key-token_source").get_by_text("My own prompt").click()
    page.locator(".st-key-token_prompt textarea").fill("Where was Ann born? She was born in")
    page.get_by_role("button", name="Compare").click()
    page.locator(".title", has_text="Your text").wait_for(timeout=PATIENCE)
    settle(page)
    page.locator(".token:not(.chip)").nth(3).click()
    page.wait_for_url(re.compile("[?&]token=[0-9]+%3Ayours"), timeout=PATIENCE)
    read = copied(page)

    other = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    other.goto(samples)
    chip = other.locator(".st-key-samples_chips").get_by_role("button", name=re.compile("fixed")).first
    expect(chip).to_have_attribute("data-selected", "true", timeout=PATIENCE)
    other.goto(read)
    prompt = other.locator(".st-key-token_prompt textarea")
    expect(prompt).to_have_value(re.compile("She was born in"), timeout=PATIENCE)
    other.locator(".card.pin").wait_for(timeout=PATIENCE)
    photograph(other, "link-tokens")
    other.context.close()
