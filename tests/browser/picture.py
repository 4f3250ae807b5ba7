"""Makes the README's picture from the real page: `python -m tests.browser.picture demo/restore.png [pair]`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from cache.work import Asking, Comparison, Workspace
from tests.browser.driver import CHROMIUM_ARGUMENTS, running_server, settle
from tests.browser.find_browser import find_browser

STOP = "20"
LIMIT = 500


def main() -> None:
    """Prepare the demo in a fresh store, run the sweep, and photograph the Restore page at 20%."""
    path = find_browser()
    out, pair = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as folder:
        name = sweep(Path(folder), pair)
        with running_server(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 1640})
            page.set_default_timeout(120_000)
            page.goto(f"{address}/compare")
            page.locator(f".st-key-demo-{name} button").click()
            page.get_by_text("Active pair").wait_for()
            page.get_by_test_id("stSidebarNav").get_by_role("link", name="Restore").click()
            page.get_by_text("McNemar p").first.wait_for()
            settle(page)
            page.locator(f".st-key-stop-{STOP} button").click()
            page.wait_for_url(f"**k={STOP}*")
            page.get_by_text("McNemar p").first.wait_for()
            settle(page)
            page.get_by_test_id("stToast").first.wait_for(state="detached")
            page.wait_for_timeout(3_000)  # charts are drawn after the script's end
            page.screenshot(path=out)
            browser.close()


def sweep(home: Path, name: str | None) -> str:
    """The paper's sweep with its random control, stored; returns the pair's name."""
    workspace = Workspace(home)
    demo = workspace.prepare_demo()
    chosen = name or max(demo.tuned)
    asking = Asking(str(demo.questions), mastery=str(demo.mastery), limit=LIMIT)
    workspace.sweep(Comparison(str(demo.base), str(demo.tuned[chosen])), asking, seeds=(0, 1, 2))
    workspace.close()
    return chosen


if __name__ == "__main__":
    main()
