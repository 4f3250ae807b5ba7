"""axe-core finds nothing serious in what the store alone tells, light or dark: a plan's sections, pins, presenting."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from analysis.training.variants import Variant
from cache.findings import Findings
from cache.work import Workspace
from pages.components.plan_drawn import SECTIONS
from tests.browser.axe import violations
from tests.browser.driver import drawn, running_server
from tests.browser.steps import PATIENCE, stands
from tests.browser.test_axe import unfold
from tests.conftest import TinyPair
from tests.pages.test_experiments import half_measured_of
from tests.report.handmade import make_placed

pytestmark = pytest.mark.browser

PINS = {"f1": "What comes back", "f2": "What comes back", "f3": "Where it wrote"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, tiny_pair: TinyPair) -> Iterator[str]:
    """A server on a store with a measured plan and three pins in two sections, and nothing else."""
    folder = tmp_path_factory.mktemp("kept")
    workspace = Workspace(folder / "home")
    half_measured_of(workspace, tiny_pair, folder, Variant("sft"), Variant("restoring"))
    workspace.close()
    findings = Findings(folder / "home")
    for name, section in PINS.items():
        placed = make_placed(name, table=name == "f2", note="a note", title=f"This is {name}.")
        findings.pin(placed.finding, placed.tables)
        findings.edit(name, note="a note", section=section)
    with running_server(folder / "home") as address:
        yield address


def test_no_section_of_a_plan_has_a_serious_violation(papers: dict[str, Page], kept: str) -> None:
    found = {}
    for paper, page in papers.items():
        page.goto(f"{kept}/experiments?plan=half")
        stands(page, "Experiments")
        for section, words in SECTIONS.items():
            page.locator(".st-key-section").get_by_text(words, exact=True).click()
            page.wait_for_url(f"**section={section}*")
            unfold(page)
            found[f"{words}, {paper}"] = violations(page)
            expect(page.get_by_test_id("stException")).to_have_count(0)
    assert {name: told for name, told in found.items() if told} == {}


def test_pins_in_sections_their_dialogs_and_presenting_have_none_either(papers: dict[str, Page], kept: str) -> None:
    found = {}
    for paper, page in papers.items():
        page.goto(f"{kept}/report")
        expect(page.locator("[class*='st-key-finding-']")).to_have_count(len(PINS), timeout=PATIENCE)
        for state, told in {**_dialogs(page), **_folds(page), **_presented(page)}.items():
            found[f"{state}, {paper}"] = told
    assert {name: told for name, told in found.items() if told} == {}


def _dialogs(page: Page) -> dict[str, list[str]]:
    found = {}
    for opens in ("Rename", "Note and section"):
        drawn(page)
        page.get_by_test_id("stMain").get_by_role("button", name=opens).first.click()
        page.get_by_role("dialog").wait_for(timeout=PATIENCE)
        drawn(page)
        found[opens] = violations(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".st-key-export button").first.click()
    page.locator(".st-key-make-html").wait_for()
    found["Export"] = violations(page)
    page.keyboard.press("Escape")
    return found


def _folds(page: Page) -> dict[str, list[str]]:
    unfold(page)
    return {"Report": violations(page)}


def _presented(page: Page) -> dict[str, list[str]]:
    """Each finding on the screen, on both papers, and the keys over it."""
    page.locator(".st-key-present button").first.click()
    place = page.frame_locator("iframe[title=Presentation]").locator(".place")
    expect(place).to_have_text(f"1 of {len(PINS)}", timeout=PATIENCE)
    stage = page.query_selector("iframe[title=Presentation]")
    frame = stage and stage.content_frame()
    assert frame
    found = {}
    for number in range(1, len(PINS) + 1):
        expect(place).to_have_text(f"{number} of {len(PINS)}")
        for turned in ("", ", turned to the other paper"):
            found[f"Presented, {number}{turned}"] = violations(frame)
            page.keyboard.press("d")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("?")
    expect(page.frame_locator("iframe[title=Presentation]").get_by_role("dialog", name="Keys")).to_be_visible()
    found["Presented, keys"] = violations(frame)
    return found
