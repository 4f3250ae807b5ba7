"""What a page says when something is missing or wrong: what it is, and the way out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import PalimpsestError
from cache.work import Comparison
from pages.components import progress, selection
from pages.components.words import plain

FAILED = "callback_failed"


def show_error(error: PalimpsestError) -> None:
    """An error of ours, with every offender on its own line; nothing of it is read as Markdown."""
    lines = [plain(error.message), *(f"- {plain(item)}" for item in error.items)]
    st.error("\n".join(lines), icon=":material/error:")


def tried(act: Callable[..., Any], *args: Any) -> None:
    """Run this in a callback, which can draw nothing: an error of ours is kept for `shown_errors` of the run after."""
    try:
        act(*args)
    except PalimpsestError as error:
        st.session_state[FAILED] = error


@contextmanager
def shown_errors() -> Iterator[None]:
    """Show an error of ours in place of what was to be drawn, a callback's on top; defects of ours stay loud."""
    if FAILED in st.session_state:
        show_error(st.session_state.pop(FAILED))
    try:
        yield
    except PalimpsestError as error:
        show_error(error)


def empty(title: str, words: str, *, page: str, label: str, icon: str = ":material/arrow_forward:") -> None:
    """An empty state: what is not here yet, why, and the link that changes it."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.markdown(f"#### {title}", text_alignment="center")
        st.markdown(words, text_alignment="center", width=560)
        st.page_link(page, label=label, icon=icon)


def needs_pair() -> Comparison:
    """The active pair; without one, say so, link to Compare and end the page."""
    pair = selection.comparison()
    if pair is None:
        empty(
            "No pair is loaded",
            "Pick a base model and the model fine-tuned from it; their headers are checked in a second.",
            page="compare.py",
            label="Choose a pair",
        )
        st.stop()
    return pair


def needs_profile(pair: Comparison) -> None:
    """The active pair's weights have not been read (or changed since): offer to read them, show how far it is, end."""
    if not tells_gone(pair) and not progress.watch(st.session_state.get("profile_job"), key="needs-profile"):
        with st.container(border=True):
            st.markdown(f"**{plain(pair.name)}**: its weights have not been read yet (or have changed since).")
            st.button("Read them now", type="primary", on_click=selection.start_profile, args=(pair,))
    st.stop()


def tells_gone(pair: Comparison) -> bool:
    """Says which files of the pair are no longer there; whether there was anything to say."""
    missing = gone(pair)
    if missing:
        words = "This pair was loaded before, but files of it are no longer there. Bring them back, or load the pair "
        words += "on Compare from where it lies now. Missing:"
        st.error("\n".join([words, *(f"- {plain(side)}" for side in missing)]), icon=":material/folder_off:")
    return bool(missing)


def gone(pair: Comparison) -> list[str]:
    """The sides of a pair that are paths which lead nowhere; a Hugging Face id is no path."""
    paths = [(side, Path(side).expanduser()) for side in (pair.base, pair.tuned)]
    return [side for side, path in paths if path.is_absolute() and not path.exists()]
