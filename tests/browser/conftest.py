"""A real server on a real prepared demo, and a real browser on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from cache.work import Workspace
from tests.browser.driver import CHROMIUM_ARGUMENTS, running_server
from tests.browser.find_browser import find_browser


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the prepared demo in it, shared by every browser test."""
    folder = tmp_path_factory.mktemp("home")
    workspace = Workspace(folder)
    workspace.prepare_demo()
    workspace.close()
    return folder


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
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.add_init_script("localStorage.setItem('palimpsest-guide', '{\"done\": true}')")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(session: BrowserContext) -> Page:
    """One tab."""
    return session.new_page()
