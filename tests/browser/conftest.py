"""A real server on a real prepared demo, and a real browser on it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from cache.work import Workspace
from tests.browser.driver import CHROMIUM_ARGUMENTS, PAPERS, running_server
from tests.browser.find_browser import find_browser


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the prepared demo in it, shared by the browser tests of a process; prepared once for all of them."""
    own = tmp_path_factory.getbasetemp()
    prepared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "prepared"
    with FileLock(f"{prepared}.lock"):
        if not prepared.exists():
            workspace = Workspace(own / "preparing")
            workspace.prepare_demo()
            workspace.close()
            (own / "preparing").rename(prepared)
    return Path(shutil.copytree(prepared, own / "home"))


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[str]:
    """One server for the tests that do not need a fresh one."""
    with running_server(home) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless chromium; `make browser` finds or installs one."""
    path = find_browser()
    assert path, "no browser: run `make browser`, or set PALIMPSEST_BROWSER"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def session(browser: Browser) -> Iterator[BrowserContext]:
    """A person's browser, with nothing remembered but that the guide was seen."""
    with person(browser, viewport={"width": 1400, "height": 1000}) as context:
        yield context


@pytest.fixture
def page(session: BrowserContext) -> Page:
    """One tab."""
    return session.new_page()


@pytest.fixture
def papers(browser: Browser) -> Iterator[dict[str, Page]]:
    """A tab of somebody who asks for dark pages, and of somebody who asks for light ones."""
    with ExitStack() as opened:
        size = ViewportSize(width=1280, height=1000)
        people = {paper: person(browser, viewport=size, color_scheme=paper) for paper in PAPERS}
        yield {paper: opened.enter_context(each).new_page() for paper, each in people.items()}


@contextmanager
def person(browser: Browser, **settings: Any) -> Iterator[BrowserContext]:
    """A browser of these settings, in which the guide was seen."""
    context = browser.new_context(**settings)
    context.add_init_script("localStorage.setItem('palimpsest-guide', '{\"done\": true}')")
    context.set_default_timeout(30_000)
    yield context
    context.close()
