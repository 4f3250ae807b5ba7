"""The token views in a real browser: hostile tokens stay text, the keyboard reaches everything, a pin stays."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from analysis.figures.stops import spec_words
from analysis.records import RestoreSpec
from tests.browser.driver import settle
from tests.browser.steps import PATIENCE, open_demo, open_page

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=\"document.title='run'\"> <script>document.title='run'</script> **b** [l](http://x) "
    "\u202eevil\u202c 👩\u200d🚀 עברית \u0007\u200b"
)
ACTS = "img, script, strong, a"
SHOWN = ".token:not(.chip)"
FOCUSED = """() => {
    let at = document.activeElement;
    while (at && at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement;
    return at ? at.className : "";
}"""


def open_tokens(page: Page, server: str) -> Locator:
    """The Tokens page on a demo pair; returns the tokens on screen once they are there."""
    open_demo(page, server, "level-4-240", "Tokens")
    tokens = page.locator(SHOWN)
    tokens.first.wait_for(timeout=PATIENCE)
    settle(page)
    return tokens


def open_view(page: Page, name: str) -> None:
    """One of the page's views."""
    page.locator(".st-key-token_tab").get_by_text(name, exact=True).click()
    settle(page)


def card(page: Page, kind: str) -> Locator:
    """The card that follows the pointer ("hover") or stays ("pin")."""
    return page.locator(f".card.{kind}")


def tab_to(page: Page, wanted: str, most: int = 80) -> None:
    """Press Tab until what has the focus is of this class."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted in page.evaluate(FOCUSED).split():
            return
    raise AssertionError(f"{most} tabs do not reach a {wanted}")


def test_hostile_tokens_are_shown_in_every_view_and_do_nothing(page: Page, server: str) -> None:
    open_tokens(page, server)
    page.locator(".st-key-token_source").get_by_text("My own prompt").click()
    page.locator(".st-key-token_prompt textarea").fill(HOSTILE)
    page.get_by_role("button", name="Compare").click()
    page.locator(".title", has_text="Your text").wait_for(timeout=PATIENCE)
    settle(page)
    view = page.locator(".texts")
    text = view.inner_text()
    assert "<" in text and "script" in text.replace("·", "")
    assert not any(letter in text for letter in "\u202e\u202c\u200d\u200b\u0007")
    assert view.locator(ACTS).count() == 0
    page.locator(SHOWN).nth(2).hover()
    expect(card(page, "hover")).to_be_visible()
    assert page.locator(".card").locator(ACTS).count() == 0
    open_view(page, "Grid")
    page.get_by_role("button", name="Show the tokens in the cells").click()
    expect(page.locator(".cell").first).to_be_visible()
    assert page.locator(".sheet").locator(ACTS).count() == 0
    open_view(page, "Generation")
    page.locator(".told td").first.wait_for(timeout=PATIENCE)
    settle(page)
    assert page.locator(".told").locator(ACTS).count() == 0
    assert page.title() != "run"


def test_the_keyboard_alone_reaches_shows_pins_and_clears(page: Page, server: str) -> None:
    tokens = open_tokens(page, server)
    tab_to(page, "token")
    expect(tokens.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    expect(card(page, "hover")).to_contain_text("position 3")
    expect(card(page, "hover")).to_contain_text("base expected")
    expect(card(page, "hover")).to_contain_text("tuned expected")
    page.keyboard.press("Enter")
    expect(card(page, "pin")).to_be_visible()
    expect(tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowDown")
    expect(tokens.nth(1)).not_to_be_focused()
    page.keyboard.press("Escape")
    expect(card(page, "pin")).to_be_hidden()
    settle(page)
    expect(page.locator(".token.pinned")).to_have_count(0)


def test_many_prompts_are_a_grid_whose_cells_open_in_the_text(page: Page, server: str) -> None:
    open_tokens(page, server)
    page.locator(".st-key-token_questions input").fill("300")
    page.keyboard.press("Enter")
    expect(page.locator(".text")).to_have_count(300, timeout=PATIENCE)
    settle(page)
    assert page.locator(SHOWN).count() < 2_000  # only what is near the screen is in the page: it is some 3,500 tokens
    last = page.locator(".text").last
    expect(last.locator(SHOWN)).to_have_count(0)
    last.scroll_into_view_if_needed()
    last.locator(SHOWN).first.wait_for(timeout=PATIENCE)
    open_view(page, "Grid")
    expect(page.locator(".cell").first).to_be_visible()
    assert page.locator(".line").count() < 60
    first = page.locator(".line .label").first.inner_text()
    page.locator(".st-key-token_order").get_by_role("combobox").click()
    page.get_by_role("option", name="mean, largest first").click()
    expect(page.locator(".line .label").first).not_to_have_text(first, timeout=PATIENCE)
    means = [float(words) for words in page.locator(".line .mean").all_inner_texts()[:10]]
    assert means == sorted(means, reverse=True)
    page.locator(".grid-frame").focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    told = page.locator(".grid-view .said").inner_text()
    page.keyboard.press("Enter")
    card(page, "pin").wait_for(timeout=PATIENCE)
    place = re.search(r"position \d+", told)
    assert place
    expect(card(page, "pin")).to_contain_text(place.group())


def test_hidden_tokens_are_counted_and_can_be_shown(page: Page, server: str) -> None:
    open_tokens(page, server)
    chips = page.locator(".token.chip")
    expect(chips.first).to_be_hidden()
    page.get_by_role("button", name=re.compile(f"Show {chips.count()} special and template")).click()
    expect(chips.first).to_be_visible()


def test_a_pin_survives_the_change_to_a_restored_stop_with_all_three_comparisons(page: Page, server: str) -> None:
    open_tokens(page, server)
    open_page(page, "Restore")
    page.locator(".st-key-stop-20 button").click()
    page.get_by_text("McNemar p").first.wait_for(timeout=PATIENCE)
    open_page(page, "Tokens")
    token = page.locator(SHOWN).nth(4)
    token.click()
    expect(card(page, "pin")).to_contain_text("tuned expected")
    name = card(page, "pin").locator(".card-facts").inner_text()
    settle(page)
    page.locator(".st-key-token_state").get_by_role("combobox").click()
    page.get_by_role("option", name=f"restored, {spec_words(RestoreSpec(20))}", exact=True).click()
    expect(card(page, "pin")).to_contain_text("restored expected", timeout=PATIENCE)
    expect(card(page, "pin").locator(".card-facts")).to_have_text(name)
    for comparison in ("KL(restored ‖ base)", "KL(restored ‖ tuned)", "KL(tuned ‖ base)"):
        expect(card(page, "pin")).to_contain_text(comparison)
