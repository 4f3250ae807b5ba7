"""A plan from the page: counted, run, its cell clicked, and on to that run's stop on Restore, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from analysis.demo.world import SHIPPED
from tests.browser.driver import drawn, settle
from tests.browser.steps import PATIENCE, accuracy, stands

pytestmark = pytest.mark.browser

PLAN = f"""
name = "walk"
base = "{SHIPPED / "base"}"
questions = "{SHIPPED / "questions.zip"}"
mastery = "{SHIPPED / "mastery.parquet"}"
train = {{ levels = [4], sizes = [60], seeds = [0], learning_rate = 3e-4 }}
restore = {{ percents = [20], strategies = ["relative-top"] }}
measure = {{ in_domain = 50, out_of_domain = 0, train_percents = [], kl = false, layer_groups = 0 }}
run = {{ keep = "keep" }}
"""


def name_plan(page: Page, file: Path) -> None:
    """Choose a plan file of one's own."""
    page.locator(".st-key-plan_choice input").click()
    page.get_by_role("option", name="A plan file of my own").click()
    settle(page)
    path = page.locator(".st-key-plan_path input")
    path.fill(str(file))
    path.press("Enter")


def test_a_plan_is_counted_run_and_followed_from_a_cell_to_its_stop(page: Page, server: str, tmp_path: Path) -> None:
    file = tmp_path / "walk.toml"
    file.write_text(PLAN)
    page.goto(f"{server}/experiments?section=restoration")
    settle(page)
    name_plan(page, file)
    page.get_by_role("button", name="Count cells, time and disk").click()
    run = page.get_by_role("button", name="Run it")
    run.wait_for(timeout=PATIENCE)
    expect(page.locator(".st-key-plan-counted")).to_contain_text("Cells to run")
    run.click()
    page.get_by_text("2 of 2 cells measured").wait_for(timeout=2 * PATIENCE)

    grid = page.locator(".st-key-restoration-in-relative-top .marks")
    grid.wait_for(timeout=PATIENCE)
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.85 * box["width"], box["y"] + box["height"] - 30)  # the last column: 20%
    behind = page.locator("[class*=st-key-runs-restoration]")
    expect(behind).to_contain_text("20% restored by largest relative change first", timeout=PATIENCE)
    behind.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Restore", timeout=PATIENCE)
    assert accuracy(page)
    expect(page.locator(".st-key-k").get_by_role("slider")).to_have_value("20")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_nothing_of_the_page_lies_beyond_a_phones_edge(page: Page, server: str) -> None:
    page.set_viewport_size({"width": 400, "height": 850})
    for section in ("paper", "restoration", "runs"):
        page.goto(f"{server}/experiments?section={section}")
        stands(page, "Experiments")
        drawn(page)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 400
