"""One page is one step of Back, whatever of the address was the page's own."""

import pytest
from playwright.sync_api import Page

from tests.browser.steps import open_demo, open_page, press_stop, stands

pytestmark = pytest.mark.browser


def test_back_goes_from_page_to_page_and_to_the_view_each_was_left_with(page: Page, server: str) -> None:
    open_demo(page, server, "level-4-240", "Restore")
    press_stop(page, "40")
    for name in ("Tokens", "Report", "Jobs"):
        open_page(page, name)
    for name in ("Report", "Tokens", "Restore"):
        page.go_back()
        stands(page, name)
    assert "k=40" in page.url
    page.go_forward()
    stands(page, "Tokens")
