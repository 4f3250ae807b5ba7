"""How long a person waits on the Tokens page: 2,000 and 20,000 tokens on screen, a click, other colours, the grid.

Drives the real dashboard with a real browser on the demo pair, texts uploaded as JSON lines and compared beforehand;
times run from the click to the painted change, as the browser sees it. Scrolling: the longest wait until the tokens
under a jump are there.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from cache.work import Asking, Workspace
from tests.browser.driver import CHROMIUM_ARGUMENTS, running_server, settle
from tests.browser.find_browser import find_browser

PAIR = "level-0-1920"
SIZES = (2_000, 20_000)
TOKENS_A_TEXT = 100  # the demo's models read 128
REPEATS = 5
JUMPS = (0.2, 0.9, 0.5, 0.05, 1.0)

# Components draw in shadow roots: how one is looked into, and how a jump waits for the texts it lands on.
SHADOWED = """selector => {
    for (const host of document.querySelectorAll('*')) {
        const found = host.shadowRoot?.querySelector(selector);
        if (found) return found;
    }
    return document.querySelector(selector);
}"""
JUMP = """async share => {
    const find = FIND, main = document.querySelector('[data-testid=stMain]');
    const started = performance.now();
    main.scrollTop = share * (main.scrollHeight - main.clientHeight);
    for (;;) {
        await new Promise(requestAnimationFrame);
        const bodies = [...find('.texts').querySelectorAll('.tokens')];
        const seen = bodies.filter(body => {
            const box = body.getBoundingClientRect();
            return box.bottom > 0 && box.top < innerHeight;
        });
        if (seen.every(body => body.childElementCount)) return (performance.now() - started) / 1000;
    }
}""".replace("FIND", SHADOWED)


def main() -> None:
    """Print the table."""
    path = find_browser()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        lines = texts_of(home)
        with running_server(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(180_000)
            page.goto(f"{address}/compare")
            page.locator(f".st-key-demo-{PAIR} button").click()
            page.get_by_text("Active pair", exact=True).wait_for()
            page.get_by_test_id("stSidebarNav").get_by_role("link", name="Tokens").click()
            rows = [row for size in SIZES for row in measure(page, lines[: size // TOKENS_A_TEXT])]
            browser.close()
    print(f"{'':62} {'median':>8} {'worst':>8} {'wanted':>8}")
    for name, seconds, wanted in rows:
        limit = f"< {wanted:g}" if wanted else ""
        print(f"{name:62} {statistics.median(seconds):8.3f} {max(seconds):8.3f} {limit:>8}")


def texts_of(home: Path) -> list[str]:
    """The demo prepared, and enough texts of about TOKENS_A_TEXT tokens for the largest size, as JSON lines."""
    workspace = Workspace(home)
    demo = workspace.prepare_demo()
    questions = workspace.question_set(Asking(str(demo.questions), mastery=str(demo.mastery))).questions
    tokenizer = _tokenizer(demo.base)
    lines, words, at = [], "", 0
    while len(lines) < max(SIZES) // TOKENS_A_TEXT:
        longer = f"{words} {questions[at % len(questions)].question}".strip()
        at += 1
        if len(tokenizer(longer)["input_ids"]) > TOKENS_A_TEXT:
            lines.append(json.dumps({"id": str(len(lines)), "text": words}))
            words = ""
        else:
            words = longer
    workspace.close()
    return lines


def _tokenizer(folder: Path):  # type: ignore[no-untyped-def]
    from analysis.language.load import load_tokenizer

    return load_tokenizer(folder)


def measure(page: Page, lines: list[str]) -> list[tuple[str, list[float], float | None]]:
    """Upload these texts, wait for their comparison, then time what a person does with them."""
    settle(page)
    open_view(page, "Reading")
    page.locator(".st-key-token_source").get_by_text("JSON lines").click()
    content = "\n".join(lines).encode()
    page.locator(".st-key-token_file input[type=file]").set_input_files(
        {"name": f"{len(lines)}.jsonl", "mimeType": "application/json", "buffer": content}
    )
    page.wait_for_function(f"() => ({SHADOWED})('.texts')?.childElementCount === {len(lines)}")
    settle(page)
    page.locator(".st-key-token_grain").get_by_text("token", exact=True).click()  # as it was before an earlier size
    settle(page)
    shown = f"{len(lines) * TOKENS_A_TEXT:,} tokens"
    first = [opened(page, "Reading", ".texts .token", leave="Distribution") for _ in range(REPEATS)]
    recoloured = [measure_changed(page, word) for word in ("word", "token", "word", "token", "word")]
    clicks = [clicked(page, number) for number in range(10, 10 + REPEATS)]
    jumps = [page.evaluate(JUMP, share) for share in JUMPS]
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")
    grids = [opened(page, "Grid", ".sheet .cell", leave="Reading") for _ in range(REPEATS)]
    return [
        (f"{shown}: from another view to the first screen, s", first, 0.6),
        (f"{shown}: coloured anew (token, word), s", recoloured, 0.6),
        (f"{shown}: a click to its card, s", [card for card, _ in clicks], 0.3),
        (f"{shown}: a click to the answer from the server, s", [answer for _, answer in clicks], 0.3),
        (f"{shown}: a jump in the text until it is drawn, s", jumps, None),
        (f"{shown}: the grid, s", grids, 0.6),
    ]


def open_view(page: Page, name: str) -> None:
    """Choose a view of the page."""
    page.locator(".st-key-token_tab").get_by_text(name, exact=True).click()


def opened(page: Page, view: str, selector: str, *, leave: str) -> float:
    """Seconds from choosing a view, coming from another, to its first cells painted."""
    open_view(page, leave)
    page.wait_for_function(f"() => !({SHADOWED})({selector!r})")
    settle(page)
    time.sleep(1.0)
    started = time.perf_counter()
    open_view(page, view)
    page.wait_for_function(f"() => ({SHADOWED})({selector!r})", polling=10)
    return time.perf_counter() - started


def measure_changed(page: Page, grain: str) -> float:
    """Seconds from choosing what is coloured to the text drawn anew: the old tokens are marked first."""
    settle(page)
    time.sleep(0.5)
    page.evaluate(f"() => ({SHADOWED})('.texts .token').setAttribute('data-old', '')")
    started = time.perf_counter()
    page.locator(".st-key-token_grain").get_by_text(grain, exact=True).click()
    page.wait_for_function(
        f"() => !({SHADOWED})('.texts .token[data-old]') && ({SHADOWED})('.texts .token')", polling=10
    )
    return time.perf_counter() - started


def clicked(page: Page, number: int) -> tuple[float, float]:
    """Seconds from a click on a token to its card, and until the browser hears that the server knows the pin."""
    settle(page)
    time.sleep(0.5)
    token = page.locator(".texts .token:not(.chip)").nth(number)
    token.scroll_into_view_if_needed()
    started = time.perf_counter()
    token.click()
    page.wait_for_function(f"() => ({SHADOWED})('.card.pin:popover-open')", polling=10)
    card = time.perf_counter() - started
    page.wait_for_function(f"() => ({SHADOWED})('.view').dataset.known?.includes(',')", polling=10)
    answer = time.perf_counter() - started
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => ({SHADOWED})('.view').dataset.known === 'null'", polling=10)
    return card, answer


if __name__ == "__main__":
    main()
