"""How long a person waits on the demo pair: first paint, preview, a new accuracy, a stop seen before.

Drives the real dashboard with a real browser on a fresh store; times run from the click to the changed page, as the
browser sees it. 500 questions, in- and out-of-domain together.
"""

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from cache.work import Workspace
from tests.browser.driver import CHROMIUM_ARGUMENTS, running_server, settle
from tests.browser.find_browser import find_browser

PAIR = "level-0-1920"
NEW_STOPS = ("1", "3", "10", "20", "40", "60")
FIRST_PAINTS = 3

# What stands on the Restore page: the preview's count, and whether an accuracy (or still a progress bar) is shown.
PREVIEW = "() => document.querySelector('[data-testid=stMetricValue]')?.innerText"
COMPLETE = """() => !document.querySelector('.st-key-progress-stop')
    && document.body.innerText.includes('McNemar p')"""


def main() -> None:
    """Print the table."""
    path = find_browser()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        started = time.perf_counter()
        workspace = Workspace(home)
        workspace.prepare_demo()
        workspace.close()
        rows = [("demo prepared from the shipped base, s", [time.perf_counter() - started], None)]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
            paints, torch_seen = zip(*(first_paint(home, browser) for _ in range(FIRST_PAINTS)), strict=True)
            rows.append(
                (f"first paint of /compare on a fresh server, s (torch imported: {any(torch_seen)})", paints, 2.0)
            )
            rows += walk(home, browser)
            browser.close()
    print(f"{'':62} {'median':>8} {'worst':>8} {'wanted':>8}")
    for name, seconds, wanted in rows:
        limit = f"< {wanted:g}" if wanted else ""
        print(f"{name:62} {statistics.median(seconds):8.3f} {max(seconds):8.3f} {limit:>8}")


def first_paint(home: Path, browser: Browser) -> tuple[float, bool]:
    """Seconds from asking a fresh server for /compare to its heading, and whether the server has torch loaded then."""
    with running_server(home) as address:
        page = browser.new_page()
        started = time.perf_counter()
        page.goto(f"{address}/compare")
        page.get_by_role("heading", level=1).wait_for()
        seconds = time.perf_counter() - started
        loaded = torch_is_loaded(address)
        page.close()
    return seconds, loaded


def torch_is_loaded(address: str) -> bool:
    """Whether the process listening at this address has mapped torch (Linux; False elsewhere)."""
    port = address.rsplit(":", 1)[1]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if port in (folder / "cmdline").read_text().split("\0"):
                return "libtorch" in (folder / "maps").read_text()
        except OSError:
            continue
    return False


def walk(home: Path, browser: Browser) -> list[tuple[str, list[float], float | None]]:
    """Load the demo pair, visit new stops, then the same again."""
    with running_server(home) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/compare")
        page.locator(f".st-key-demo-{PAIR} button").click()
        page.get_by_text("Active pair").wait_for()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Restore").click()
        page.wait_for_function(COMPLETE)
        settle(page)
        new = [visit(page, stop) for stop in NEW_STOPS]
        seen = [visit(page, stop) for stop in NEW_STOPS]
        page.close()
    return [
        ("slider to preview, a new stop, s", [preview for preview, _ in new], 0.3),
        ("slider to the complete new accuracy (500 questions), s", [complete for _, complete in new], 1.5),
        ("a stop seen before: to its accuracy, s", [complete for _, complete in seen], 0.3),
    ]


def visit(page: Page, stop: str) -> tuple[float, float]:
    """Seconds to the preview and to the complete accuracy of one stop."""
    time.sleep(1.5)  # a person looks at the last one
    settle(page)
    before = page.evaluate(PREVIEW)
    started = time.perf_counter()
    page.locator(f".st-key-stop-{stop} button").click()
    page.wait_for_function(f"before => ({PREVIEW})() !== before", arg=before, polling=10)
    preview = time.perf_counter() - started
    page.wait_for_function(COMPLETE, polling=10)
    return preview, time.perf_counter() - started


if __name__ == "__main__":
    main()
