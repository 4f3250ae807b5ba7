"""The frame around every page: the browser tab, the navigation, the active pair, what is running."""

from pathlib import Path

import streamlit as st

from pages.components import address, frame, guide, kept_dialog, looked_at, progress, selection
from pages.components.words import plain

PAGES = {
    "The pair": [
        ("compare.py", "Compare", ":material/difference:"),
        ("overview.py", "Overview", ":material/insights:"),
    ],
    "What fine-tuning wrote": [
        ("updates.py", "Updates", ":material/grid_on:"),
        ("tokens.py", "Tokens", ":material/text_fields:"),
    ],
    "What the model knows": [
        ("mastery.py", "Mastery", ":material/school:"),
        ("restore.py", "Restore", ":material/tune:"),
        ("samples.py", "Samples", ":material/fact_check:"),
    ],
    "Many models": [("experiments.py", "Experiments", ":material/science:")],
    "Showing it": [("report.py", "Report", ":material/article:")],
    "Work": [("jobs.py", "Jobs", ":material/pending_actions:")],
}


STYLE = """<style>
.stMainBlockContainer { padding-top: 3.25rem; padding-bottom: 4rem; }
/* what scrolls beneath the tools is not read through them */
[data-testid="stHeader"] { background: var(--st-background-color); }
[data-testid="stPageLink"] p { white-space: normal; }
.st-key-frame { position: fixed; top: 0.65rem; right: 4.5rem; z-index: 999991; width: auto; }
.palimpsest-looked-at { outline: 2px solid var(--st-primary-color, #15835F); outline-offset: 6px; border-radius: 6px; }
/* what ended is told where nothing is pressed: not over the buttons at the top, nor over the guide at the right */
[data-testid="stToastContainer"] { top: auto; right: auto; bottom: 1rem; left: 1rem; z-index: 999992; }
@media print { .st-key-frame, [data-testid="stSidebar"], [data-testid="stHeader"] { display: none; } }
[data-testid="stMetric"] { font-variant-numeric: tabular-nums; }
/* quiet, yet at least 4.5:1 on both papers: Streamlit's own captions are not */
[data-testid="stCaptionContainer"] { opacity: 0.78; }
[data-testid="stCaptionContainer"] :is(a, code) { color: inherit; }
[data-testid="stCaptionContainer"] a { text-decoration: underline; }
.stCode .token.token.token { color: inherit; }
/* the primary green carries white letters on a button; for letters of its own it is too light on its tint beneath a
   pointer (4.04:1), and too dark on dark paper */
[data-testid="stButtonGroup"] [data-selected="true"] p { color: light-dark(#00664B, #3CC29A); }
[data-testid="stSliderThumbValue"] p { color: light-dark(#00795A, #3CC29A); }
</style>"""


def _navigation() -> dict[str, list[st.Page]]:
    home = st.Page("home.py", title="Palimpsest", default=True, visibility="hidden")
    sections = {
        title: [st.Page(file, title=name, icon=icon) for file, name, icon in pages] for title, pages in PAGES.items()
    }
    return {"": [home], **sections}


def _sidebar(page: str) -> None:
    pair = selection.comparison()
    with st.sidebar:
        if pair is None:
            st.caption("No pair loaded.")
        else:
            st.markdown(f":blue[●] base  \n**{plain(Path(pair.base).name)}**", help=plain(pair.base))
            st.markdown(f":orange[●] tuned  \n**{plain(Path(pair.tuned).name)}**", help=plain(pair.tuned))
        looked_at.lines()
        progress.sidebar_indicator(page)


def _say_what_the_link_lacks() -> int:
    """What of the opened link is not here, until it is dismissed; returns how many things were said."""
    told = st.session_state.get(address.NOTICES, [])
    if told:
        with st.container(border=True, key="link-notices"):
            for words in told:
                st.markdown(f":material/link_off: {plain(words)}")
            st.button("Dismiss", key="dismiss-notices", on_click=address.dismiss, type="tertiary")
    return len(told)


st.set_page_config(page_title="Palimpsest", page_icon="📜", layout="wide")
st.html(STYLE)
selection.follow_address()
page = st.navigation(_navigation())
kept_dialog.begin(page.url_path)
_sidebar(page.url_path)
paths = [(Path(file).stem, name) for pages in PAGES.values() for file, name, _ in pages]
frame.tools(paths, page.url_path, guided=guide.opens_by_itself(page.url_path))
wanted = frame.asked_page(paths)
if wanted and wanted != page.url_path:
    st.switch_page(f"{wanted}.py")
said = _say_what_the_link_lacks()
st.session_state["last_page"] = page.url_path or st.session_state.get("last_page")
page.run()
if len(st.session_state.get(address.NOTICES, [])) > said:  # the page found more that its link names in vain
    st.rerun()
