"""Pins and their report at size: 50 findings and 1,000 stored results, the pages around them, the exported file.

Drives the real dashboard with a real browser on the demo pair. The stored results are one real evaluation under other
keys (40 stops of the pair looked at, the rest of other pairs), so that lists and look-ups have as much to go through as
in a home folder used for months. Times run from the click to the finished page.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import FrameLocator, Page, sync_playwright

from analysis.figures import concentration, restoration, stop_slider, stops, updates
from analysis.figures.style import Figure
from analysis.records import RestoreSpec, ResultKey, Stop
from analysis.report import drawn
from analysis.report.pack import write_folder, write_page
from analysis.report.records import Finding
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.browser.driver import CHROMIUM_ARGUMENTS, running_server, settle
from tests.browser.find_browser import find_browser

PAIR = "level-4-240"
FINDINGS, STORED, OWN_STOPS, EXPORTED = 50, 1000, 40, 20
SEEN_STOPS = ("1", "5", "20", "40")
PAGES = ("Overview", "Updates", "Restore", "Report", "Jobs")
ROUNDS = 3
MEGABYTE = 1e6


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        workspace = Workspace(home)
        fill(workspace)
        rows = exported(workspace, Path(folder))
        workspace.close()
        rows += walked(home)
    print(f"{'':74} {'median':>8} {'worst':>8} {'wanted':>8}")
    for name, values, wanted in rows:
        limit = f"< {wanted:g}" if wanted else ""
        print(f"{name:74} {statistics.median(values):8.3f} {max(values):8.3f} {limit:>8}")


Rows = list[tuple[str, list[float], float | None]]


def fill(workspace: Workspace) -> None:
    """The demo pair asked and restored at a few stops, the store filled up, the findings pinned."""
    demo = workspace.prepare_demo()
    pair = Comparison(str(demo.base), str(demo.tuned[PAIR]))
    asking = Asking(str(demo.questions), mastery=str(demo.mastery), limit=500)
    workspace.remember(pair)
    workspace.remember_asking(asking)
    workspace.evaluation(pair, "base", asking)
    for percent in SEEN_STOPS:
        workspace.stop(pair, RestoreSpec(float(percent)), asking)
    stored(workspace, pair)
    pinned(workspace, pair, asking)


def stored(workspace: Workspace, pair: Comparison) -> None:
    """A thousand results: one real evaluation, under the keys of other stops and other pairs."""
    entry = next(each for each in workspace.store.entries("evaluation") if "spec" in each.parts["weights"])
    found = workspace.store.get(ResultKey(entry.kind, entry.version, entry.parts))
    assert found is not None
    for number in range(STORED):
        spec = RestoreSpec(1 + number % 90, "random", seed=number // 90 + 1)
        weights = workspace.weights_part(pair, spec)
        if number >= OWN_STOPS:
            weights |= {"base": f"{number % 7:032x}", "tuned": f"{number % 31:032x}", "checkpoint": f"{number:032x}"}
        workspace.store.put(ResultKey(entry.kind, entry.version, {**entry.parts, "weights": weights}), found)


def pinned(workspace: Workspace, pair: Comparison, asking: Asking) -> None:
    """Fifty findings: curves with their sliders, concentrations, grids."""
    known = [stop for stop in workspace.known_stops(pair, asking) if stop.spec.strategy == "relative-top"]
    profile = workspace.known_profile(pair)
    assert profile is not None
    curve, rows = profile.concentration("transformer"), profile.tensor_rows("transformer", ())
    sliding = stop_slider.readings(known, "in")
    figures: list[tuple[str, str, Figure]] = [
        ("restore", stops.curve_words(known, "in", None, None), _curve(known)),
        ("updates", concentration.concentration_words(curve), concentration.concentration_curve(curve)),
        ("updates", updates.grid_words(rows, "mean_relative"), updates.layer_module_grid(rows, "mean_relative")),
    ]
    for number in range(FINDINGS):
        page, words, figure = figures[number % len(figures)]
        content = drawn.of_figure(figure, words, sliding if page == "restore" else ())
        made = workspace.making(
            page, f"figure-{number}", comparison=pair, asking=asking, spec=RestoreSpec(20.0), further={"pin": number}
        )
        finding = Finding(f"f{number:03d}", "figure", words, words, made, spec=content.spec, stops=content.stops)
        workspace.findings.pin(
            finding, content.tables, note="A note of a few words.", section=f"Part {number // 10 + 1}"
        )


def _curve(known: list[Stop]) -> Figure:
    return restoration.accuracy_curve(known, scope="in", current_percent=20.0)


def exported(workspace: Workspace, folder: Path) -> Rows:
    """The file of twenty findings as the command makes it, and the folder with every picture."""
    keep = workspace.findings.all()[:EXPORTED]
    complete = workspace.findings.complete(keep)
    started = time.perf_counter()
    size = write_page(folder / "report.html", complete, "Findings")
    page = time.perf_counter() - started
    started = time.perf_counter()
    files = write_folder(folder / "static", complete, "Findings")
    everything = time.perf_counter() - started
    command = [sys.executable, "-m", "analysis.cli", "report", str(folder / "all.html")]
    started = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "PALIMPSEST_HOME": str(workspace.home)}, capture_output=True)
    return [
        (f"report of {EXPORTED} figures, one HTML file, s", [page], 20),
        (f"the same, MB (of them the scripts {_scripts():.1f})", [size / MEGABYTE], 8),
        (f"palimpsest report with all {FINDINGS}, as a process, s", [time.perf_counter() - started], None),
        (f"folder of {EXPORTED} figures: PNG, SVG, PDF and data, {files} files, s", [everything], None),
    ]


def _scripts() -> float:
    from analysis.report.html import report_html

    return len(report_html([])) / MEGABYTE


def walked(home: Path) -> Rows:
    """From page to page, the sliders, and presenting, in a browser."""
    with running_server(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/compare")
        page.locator(f".st-key-demo-{PAIR} button").click()
        page.get_by_text("Active pair").wait_for()
        for name in PAGES:  # seen once: what is measured is not the first import
            change_to(page, name)
            time.sleep(2)
        rows: Rows = []
        for name in PAGES:
            rows.append((f"page change to {name}, s", [change(page, name) for _ in range(ROUNDS)], 0.4))
        change_to(page, "Restore")
        rows.append(("slider to preview on Restore, s", [preview(page, stop) for stop in SEEN_STOPS], 0.3))
        change_to(page, "Report")
        rows.append(("slider of a pinned figure to its numbers, s", slid(page), 0.3))
        rows += presented(page)
        browser.close()
    return rows


def change(page: Page, name: str) -> float:
    """Seconds from the click on a page's link to that page, finished; from another page each time."""
    change_to(page, "Mastery")
    time.sleep(1.5)
    return change_to(page, name)


def change_to(page: Page, name: str) -> float:
    """Seconds from the click to the page's heading and the end of its script."""
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)
    started = time.perf_counter()
    link.click()
    page.wait_for_function(f"document.querySelector('h1')?.innerText.includes('{name}')", polling=10)
    settle(page)
    return time.perf_counter() - started


def preview(page: Page, stop: str) -> float:
    """Seconds from a stop's button to another count of restored parameters."""
    told = "() => document.querySelector('.st-key-preview [data-testid=stMetricValue]')?.innerText"
    time.sleep(1.5)
    settle(page)
    before = page.evaluate(told)
    started = time.perf_counter()
    page.locator(f".st-key-stop-{stop} button").first.click()
    page.wait_for_function(f"before => ({told})() !== before", arg=before, polling=10)
    return time.perf_counter() - started


def slid(page: Page) -> list[float]:
    """Seconds from an arrow key on the first pinned slider to other numbers beneath it."""
    card = page.locator("[class*='st-key-finding-']").filter(has=page.get_by_role("slider")).first
    table, found = card.locator("table").first, []
    card.get_by_role("slider").first.focus()
    for key in ("ArrowLeft", "ArrowRight", "ArrowLeft"):
        time.sleep(1)
        before = table.inner_text()
        started = time.perf_counter()
        page.keyboard.press(key)
        while table.inner_text() == before:
            time.sleep(0.01)
        found.append(time.perf_counter() - started)
    return found


def presented(page: Page) -> Rows:
    """Seconds from Present to the first figure, from key to key, and of the slider there."""
    started = time.perf_counter()
    page.locator(".st-key-present button").first.click()
    frame: FrameLocator = page.frame_locator("iframe[title=Presentation]")
    frame.locator(".finding.shown svg").first.wait_for()
    opened, turns = time.perf_counter() - started, []
    for number in range(2, 8):
        time.sleep(0.5)
        started = time.perf_counter()
        page.keyboard.press("ArrowRight")
        frame.locator(".place", has_text=f"{number} of").wait_for()
        frame.locator(".finding.shown svg").first.wait_for()
        turns.append(time.perf_counter() - started)
    return [
        (f"Present with {FINDINGS} findings, to the first figure, s", [opened], None),
        ("the next finding, by key, s", turns, 0.3),
    ]


if __name__ == "__main__":
    main()
