"""A newcomer's path through the real pages on the real demo pair, in a real browser."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from cache.work import Asking, Comparison, Workspace
from tests.browser.driver import drawn, running_server, settle
from tests.browser.steps import PATIENCE, accuracy, load_demo, open_demo, open_page, press_stop

pytestmark = pytest.mark.browser

PAGES = ("compare", "overview", "tokens", "updates", "mastery", "restore", "jobs")  # samples: test_samples.py


@pytest.mark.parametrize("path", PAGES)
def test_a_deep_link_is_served_as_the_first_request_on_a_fresh_server(home: Path, browser: Browser, path: str) -> None:
    with running_server(home) as address:
        page = browser.new_page()
        page.goto(f"{address}/{path}")
        settle(page)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("Page not found")).to_have_count(0)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert page.url.startswith(f"{address}/{path}")
        page.close()


def test_the_root_sends_on_to_a_named_page(page: Page, server: str) -> None:
    page.goto(server)
    settle(page)
    page.wait_for_url(re.compile("/(compare|overview)"))


def test_every_page_without_a_pair_says_what_to_do(page: Page, server: str) -> None:
    for name in ("overview", "tokens", "updates", "mastery", "restore", "samples"):
        page.goto(f"{server}/{name}")
        expect(page.get_by_text("No pair is loaded")).to_be_visible()
        expect(page.get_by_role("link", name="Choose a pair")).to_be_visible()


def test_the_slider_brings_a_new_accuracy_that_the_store_agrees_with(page: Page, server: str, home: Path) -> None:
    load_demo(page, server, "level-4-240")
    open_page(page, "Restore")
    press_stop(page, "20")
    expect(page.get_by_text("Effective k").first).to_be_visible()
    stop = _stored_stop(home, "level-4-240", 20)
    in_domain = stop.evaluation.by_domain["in"]
    value = in_domain.macro if in_domain.macro is not None else in_domain.accuracy["contains"]
    metric = page.get_by_test_id("stMetric").filter(has_text=re.compile("in-domain", re.IGNORECASE)).first
    expect(metric).to_contain_text(f"{100 * value:.1f}", timeout=PATIENCE)
    page.get_by_text("McNemar p").first.wait_for(timeout=PATIENCE)
    slider = page.locator(".st-key-k").get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    expect(slider).to_have_value("20.5")
    settle(page)
    assert accuracy(page)


def _stored_stop(home: Path, name: str, percent: float):  # type: ignore[no-untyped-def]
    workspace = Workspace(home)
    demo = workspace.demo()
    assert demo is not None
    pair = Comparison(str(demo.base), str(demo.tuned[name]))
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        asking = next(asked for asked in workspace.askings() if isinstance(asked, Asking))
        found = [stop for stop in workspace.known_stops(pair, asking) if stop.spec.percent == percent]
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError(f"no stop at {percent}% was stored")


def test_a_sweep_is_cancelled_and_what_it_finished_stays(page: Page, server: str) -> None:
    open_demo(page, server, "level-0-240", "Restore")
    accuracy(page)
    page.get_by_role("button", name=re.compile("sweep")).click()
    cancel = page.locator("[class*='st-key-cancel-sweep'] button")
    cancel.wait_for(timeout=PATIENCE)
    cancel.click()
    said = page.get_by_test_id("stMainBlockContainer").get_by_text("The paper's sweep: cancelled")  # and in a toast
    said.wait_for(timeout=PATIENCE)
    expect(page.get_by_role("button", name=re.compile("sweep"))).to_be_enabled()


def test_a_cancelled_stop_stays_cancelled_until_it_is_asked_for(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-1920", "Restore")
    accuracy(page)
    again = page.get_by_role("button", name="Evaluate this stop")
    assert any(cancelled_in_time(page, stop) for stop in ("1", "3", "10", "20", "40", "60")), "every stop was quicker"
    time.sleep(2)
    expect(again).to_be_visible()
    again.click()
    expect(again).to_have_count(0, timeout=PATIENCE)
    assert accuracy(page)


def cancelled_in_time(page: Page, stop: str) -> bool:
    """Ask for a new stop and cancel it; False where its answer was quicker than the hand."""
    press_stop(page, stop)
    try:
        page.locator(".st-key-cancel-stop button").click(timeout=2_000)
        page.get_by_role("button", name="Evaluate this stop").wait_for(timeout=3_000)
    except PlaywrightTimeout:
        return False
    return True


def test_a_second_session_does_not_disturb_the_first(browser: Browser, server: str) -> None:
    first, second = browser.new_context().new_page(), browser.new_context().new_page()
    load_demo(first, server, "level-4-240")
    open_page(first, "Restore")
    press_stop(first, "10")
    mine = accuracy(first)
    load_demo(second, server, "level-0-1920")
    open_page(second, "Restore")
    press_stop(second, "40")
    accuracy(second)
    assert accuracy(first) == mine
    slider = first.locator(".st-key-k").get_by_role("slider")
    expect(slider).to_have_value("10")
    expect(first.get_by_test_id("stSidebar")).to_contain_text("level-4-240")
    expect(second.get_by_test_id("stSidebar")).to_contain_text("level-0-1920")
    first.context.close()
    second.context.close()


def test_a_refresh_keeps_pair_and_stop(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    press_stop(page, "40")
    accuracy(page)
    page.reload()
    settle(page)
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("40", timeout=PATIENCE)
    expect(page.get_by_test_id("stSidebar")).to_contain_text("level-4-240")


def test_every_page_shows_the_loaded_pair_without_an_exception(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    accuracy(page)
    for name in ("Overview", "Updates", "Tokens", "Mastery", "Samples", "Jobs"):
        open_page(page, name)
        drawn(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_bad_input_is_told_on_the_page_and_the_pair_stays(page: Page, server: str, tmp_path: Path) -> None:
    load_demo(page, server, "level-4-240")
    not_a_model = tmp_path / "notes.txt"
    not_a_model.write_text("nothing of a model")
    for path, told in ((tmp_path / "nowhere", "nowhere"), (not_a_model, "notes.txt")):
        page.get_by_label("Base").fill(str(path))
        page.get_by_label("Tuned").fill(str(path))
        page.get_by_role("button", name="Check the headers").click()
        expect(page.get_by_text("cannot be compared")).to_be_visible()
        settle(page)
        assert told in page.content()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("level-4-240")
