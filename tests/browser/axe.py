"""What axe-core calls serious or critical on a page of ours, or in a frame on it.

Rules: WCAG 2.0 and 2.1, A and AA. What Streamlit's own frame breaks, and we cannot change, is listed by name.
"""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Frame, Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# Rule, where in Streamlit's frame, and why it cannot be helped from here.
FRAME = (
    ("list", "[data-testid=stSidebarNav]", "the sidebar's list of pages holds sections as div inside ul"),
    ("listitem", "[data-testid=stSidebarNav]", "its links are li outside of a ul, for the same reason"),
)
FIND = """async ([rules, frame]) => {
    // what passes is not described node by node: that takes most of the time
    const found = (await axe.run(document, {runOnly: rules, resultTypes: ["violations"]})).violations;
    const inFrame = (rule, node) => frame.some(([name, place]) => {
        const target = node.target.flat();
        return name === rule && target.length === 1 && document.querySelector(target[0])?.closest(place);
    });
    return found.filter(rule => ["serious", "critical"].includes(rule.impact)).flatMap(rule => rule.nodes
        .filter(node => !inFrame(rule.id, node))
        .map(node => `${rule.id}: ${node.html.slice(0, 160)} (${node.failureSummary.slice(0, 200)})`));
}"""


def violations(page: Page | Frame) -> list[str]:
    """Serious and critical ones in what we draw, as it stands now."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(FIND, [RULES, [list(entry[:2]) for entry in FRAME]])
    return [str(each) for each in found]
