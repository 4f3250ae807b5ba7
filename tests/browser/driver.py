"""How tests and benchmarks drive the dashboard: a server process on a store, and waiting for a page to settle."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY_SECONDS = 60
PICTURES = ROOT / "screenshots"  # of the walks, to be looked at; not committed
PAPERS: tuple[Literal["light", "dark"], ...] = ("dark", "light")  # the walks go on in light


@contextmanager
def running_server(home: Path) -> Iterator[str]:
    """A fresh server process on this store; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PALIMPSEST_HOME": str(home)}, stdout=subprocess.DEVNULL
    )
    try:
        _await(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _await(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended before it answered"
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url} in {READY_SECONDS} s")


def settle(page: Page) -> None:
    """Wait until the page's script has run to its end."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=30_000)


DRAWN = """() => document.querySelector('[data-testid=stSkeleton], [data-stale=true]') === null && [
    ...document.querySelectorAll('[data-testid=stVegaLiteChart], [data-testid=stPlotlyChart]')
].every(chart => chart.querySelector('.marks, .main-svg'))"""


def drawn(page: Page) -> None:
    """Wait until the page's script has run to its end, and all of it is shown: charts are drawn after that."""
    settle(page)
    page.wait_for_function(DRAWN)


def photograph(page: Page, name: str) -> None:
    """Keep the page as it stands, light and dark, under PICTURES; nothing of it may have failed or lie beyond the edge.

    The page goes on in light.
    """
    PICTURES.mkdir(exist_ok=True)
    for paper in PAPERS:
        page.emulate_media(color_scheme=paper)
        page.wait_for_timeout(500)  # the theme's change, and the page's run for it
        drawn(page)
        page.screenshot(path=PICTURES / f"{name}-{paper}.png")
        assert page.get_by_test_id("stException").count() == 0, f"{name}: an exception is on the page"
        width = page.viewport_size["width"] if page.viewport_size else 0
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width, f"{name}: too wide"
