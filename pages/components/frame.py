"""The frame's own tools on every page: copy the link, the words explained, the guided path, the keys.

One component in the browser, so that none of them costs a run of the page. Its data are texts of ours and names of
pages; nothing of a person's files is in them.
"""

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from pages.components.glossary import TERMS
from pages.components.guide import steps

GO = "frame_go"
LETTERS = {
    "compare": "c",
    "overview": "o",
    "updates": "u",
    "tokens": "t",
    "mastery": "m",
    "restore": "r",
    "samples": "s",
    "experiments": "e",
    "report": "p",
    "jobs": "j",
}
KEYS = (  # of views that have keys of their own: where, then each key with what it does there
    (
        "In the text of the Tokens page",
        (
            ("Tab", "Into the text: its tokens are one stop"),
            ("← →", "The token before and after; ↑ ↓ the nearest on the line above and below"),
            ("Home", "The text's first token; End its last"),
            ("Enter", "Pin the token's card; once more, or Esc, lets it go. Space does the same"),
        ),
    ),
    (
        "In the grid of the Tokens page",
        (
            ("← →", "The cell before and after; ↑ ↓ the text above and below"),
            ("PageUp", "A screen of texts up; PageDown down"),
            ("Home", "The row's first cell; End its last"),
            ("Enter", "Open the text at this token. Space does the same"),
        ),
    ),
    (
        "Presenting, and in the exported report",
        (
            ("p", "Present, from the exported report; here, the button does"),
            ("→", "The next finding; ← the one before"),
            ("↓", "The same, as PageDown and Space (↑ PageUp back), once a tall finding is scrolled to its end"),
            ("Home", "The first finding; End the last"),
            ("d", "Dark or light"),
            ("f", "Full screen"),
            ("Esc", "Stop presenting"),
            ("?", "The report's own keys"),
        ),
    ),
)
_HERE = Path(__file__).parent
_ICONS = {  # drawn, because no font of a browser is sure to hold such signs
    "copy": "M6 9.5a3 3 0 0 0 4.3 0l2-2a3 3 0 0 0-4.3-4.3l-1 1M10 6.5a3 3 0 0 0-4.3 0l-2 2a3 3 0 0 0 4.3 4.3l1-1",
    "words": "M3 3h6a2 2 0 0 1 2 2v8a2 2 0 0 0-2-2H3zM13 3v8M5 6h3M5 8.5h3",
    "guide": "M2 8h10M8.5 4.5 12 8l-3.5 3.5",
    "keys": "M1.5 4h13v8h-13zM4 6.5h.1M7 6.5h.1M10 6.5h.1M12.5 6.5h.1M5 9.5h6",
}
_TOOLS = {
    "copy": ("Copy link", "Copy the address of this view (y)"),
    "words": ("Words", "What the terms mean (w)"),
    "guide": ("Guide", "The guided path (h)"),
    "keys": ("Keys", "All keys (?)"),
}
_BUTTON = """<button class="{name}" aria-label="{label}" title="{title}">
  <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor"
    stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"><path d="{icon}"/></svg>
  <span>{label}</span></button>"""
_BUTTONS = "".join(
    _BUTTON.format(name=name, label=label, title=title, icon=_ICONS[name]) for name, (label, title) in _TOOLS.items()
)
_HTML = f"""
<div class="frame" role="toolbar" aria-label="This view">{_BUTTONS}
  <div class="said" role="status" aria-live="polite"></div>
  <dialog class="sheet" aria-labelledby="sheet-head"></dialog>
  <section class="step" role="region" aria-label="Guided path" hidden></section>
</div>
"""
_COMPONENT = st.components.v2.component(
    "palimpsest_frame",
    html=_HTML,
    css=(_HERE / "frame.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in ("frame.js", "dialog_focus.js")),
)


def tools(pages: list[tuple[str, str]], current: str, *, guided: bool) -> None:
    """Draw them; `pages` are (path, name) in the order of the sidebar, `guided` opens the path once by itself."""
    with st.container(key="frame"):
        _COMPONENT(
            key="frame_tools",
            data={
                "page": current,
                "pages": [{"path": path, "name": name, "letter": LETTERS.get(path, "")} for path, name in pages],
                "terms": [asdict(term) for term in TERMS],
                "steps": [asdict(step) for step in steps()],
                "keys": [{"where": where, "keys": [list(key) for key in keys]} for where, keys in KEYS],
                "guided": guided,
            },
            on_go_change=_go,
        )


def _go() -> None:
    st.session_state[GO] = st.session_state["frame_tools"].go


def asked_page(pages: list[tuple[str, str]]) -> str | None:
    """The page the keys or the guide ask for, once; None without any."""
    wanted = st.session_state.pop(GO, None)
    return wanted if wanted in {path for path, _ in pages} else None
