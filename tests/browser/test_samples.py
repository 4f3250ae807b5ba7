"""Samples in a real browser: tiles that pick, a question that follows, slices that outlive the server, hostile text."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from analysis.records import ResultKey
from cache.codecs import evaluation_to_stored
from cache.work import Asking, Comparison, Workspace
from pages.components.selection import identity
from tests.browser.driver import running_server, settle
from tests.browser.steps import PATIENCE, open_demo

pytestmark = pytest.mark.browser

PAIR = "level-4-240"
HOSTILE = (
    "<img src=x onerror=\"document.title='run'\"> <script>document.title='run'</script> **b** [l](http://x) \u202eevil"
)
NAME = "<b>lost</b> *towns*"


def open_samples(page: Page, server: str) -> Locator:
    """The Samples page on a demo pair, answered; returns what stands under the table."""
    open_demo(page, server, PAIR, "Samples")
    foot = page.locator(".st-key-answers").get_by_text(re.compile("^Questions: ")).first  # the old one may linger
    foot.wait_for(timeout=PATIENCE)
    settle(page)
    return foot


def click_tile(page: Page, across: float, down: float) -> None:
    """A tile of the 2 x 2 grid, by where it lies in the chart."""
    chart = page.locator(".st-key-tiles [data-testid=stVegaLiteChart]")
    expect(chart.locator("canvas, svg").first).to_be_visible()
    page.wait_for_timeout(500)  # drawn after the script's end
    box = chart.bounding_box()
    assert box
    page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


def choose_row(page: Page, number: int) -> None:
    """The box in front of a row of the table."""
    table = page.locator(".st-key-answers [data-testid=stDataFrame]")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 18, box["y"] + 35 + 32 * number - 12)


def chip(page: Page, name: str) -> Locator:
    return page.locator(".st-key-samples_chips").get_by_role("button", name=re.compile(name))


def test_a_click_on_a_tile_shows_its_questions_and_another_click_all_again(page: Page, server: str) -> None:
    foot = open_samples(page, server)
    every = foot.inner_text()
    count = chip(page, "still wrong").inner_text().split("·")[1].strip()
    click_tile(page, 0.8, 0.48)
    expect(foot).to_contain_text(f" of {count}")
    assert foot.inner_text() != every
    settle(page)
    click_tile(page, 0.8, 0.48)
    expect(foot).to_have_text(every)


def test_a_chosen_question_follows_to_tokens_and_back_and_a_slice_outlives_the_server(
    page: Page, server: str, home: Path, browser: Browser
) -> None:
    foot = open_samples(page, server)
    choose_row(page, 2)
    box = page.locator(".st-key-question")
    expect(box).to_be_visible()
    question = box.locator("strong").first.inner_text()
    settle(page)  # the row's run has ended, so that nothing draws the search anew while it is typed into
    page.locator(".st-key-samples_search input").fill(question)
    page.keyboard.press("Enter")
    expect(foot).to_contain_text("of 1", timeout=PATIENCE)
    page.get_by_role("button", name="Slices").click()
    page.get_by_label("Save what is shown as").fill(NAME)
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Save slice").click()
    expect(page.locator(".st-key-slice")).to_contain_text(f"Slice {NAME}: 1 of its 1 are here.")
    settle(page)
    page.keyboard.press("Escape")
    link = page.url
    page.get_by_role("button", name="Open in Tokens").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tokens")
    expect(page.get_by_test_id("stSidebar")).to_contain_text(question)
    expect(page.locator(".text .title").first).to_contain_text(question, timeout=PATIENCE)
    with running_server(home) as again:
        other = browser.new_page()
        other.goto(link.replace(server, again))
        expect(other.locator(".st-key-slice")).to_contain_text(f"Slice {NAME}: 1 of its 1 are here.", timeout=PATIENCE)
        expect(other.locator(".st-key-question")).to_contain_text(question)
        other.locator(".st-key-drop-slice button").first.click()
        expect(other.locator(".st-key-slice")).to_have_count(0)
        other.close()


def test_a_hostile_answer_is_shown_and_does_nothing(page: Page, server: str, home: Path, tmp_path: Path) -> None:
    pair, asking = hostile_answers(home, tmp_path)
    page.goto(f"{server}/samples?pair={identity(pair)}&questions={identity(asking)}&question=evil")
    box = page.locator(".st-key-question")
    box.wait_for(timeout=PATIENCE)
    settle(page)
    assert box.get_by_test_id("stCode").last.inner_text().strip() == HOSTILE.replace("\u202e", "U+202E")
    assert "<script>" in box.locator(".answer-diff").inner_text()
    assert box.locator("img, script, a, .answer-diff b").count() == 0
    assert "\u202e" not in page.content()
    assert page.title() != "run"


def hostile_answers(home: Path, folder: Path) -> tuple[Comparison, Asking]:
    """Two questions, one as hostile as its stored tuned answer: what a model may well have said."""
    file = folder / "hostile.jsonl"
    rows = [{"id": "evil", "question": HOSTILE, "answers": ["gold"]}, {"question": "Who?", "answers": ["Ann"]}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    workspace = Workspace(home)
    demo = workspace.demo()
    assert demo is not None
    pair, asking = Comparison(str(demo.base), str(demo.tuned[PAIR])), Asking(str(file))
    workspace.profile(pair)
    workspace.evaluation(pair, "base", asking)
    tuned = workspace.evaluation(pair, "tuned", asking)
    said = replace(tuned, rows=tuple(replace(row, output=HOSTILE) for row in tuned.rows))
    questions = workspace.question_set(asking).id
    weights = {"checkpoint": workspace.known_profile(pair).tuned_id}  # type: ignore[union-attr]
    (entry,) = (
        entry
        for entry in workspace.store.entries("evaluation")
        if entry.parts["questions"] == questions and entry.parts["weights"] == weights
    )
    key = ResultKey(entry.kind, entry.version, entry.parts)
    workspace.store.delete(key)
    workspace.store.put(key, evaluation_to_stored(said))
    workspace.remember(pair)
    workspace.remember_asking(asking)
    workspace.close()
    return pair, asking
