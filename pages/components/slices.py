"""Slices on a page: saved under a name, applied, deleted; the one applied follows the person to every page."""

import pandas as pd
import streamlit as st

from analysis.errors import PalimpsestError
from analysis.figures import numbers
from cache.memo import workspace
from cache.slices import LONGEST_NAME
from pages.components import selection
from pages.components.notices import show_error
from pages.components.words import plain

ALL = "all questions"
NAME, PROBLEM = "slice_name", "slice_problem"


def menu(ids: "pd.Series[str]", words: str) -> None:
    """Apply or delete a saved slice, or save the questions now shown (`ids`, picked as `words` say) as one."""
    with st.popover("Slices", icon=":material/bookmark:"):
        known = {each.name: each for each in workspace().slices.all()}
        current = st.session_state.get(selection.SLICE)
        _saved({name: len(each.ids) for name, each in known.items()}, current if current in known else None)
        st.text_input("Save what is shown as", key=NAME, max_chars=LONGEST_NAME, placeholder="lost capitals")
        st.caption(f"{numbers.count(len(ids))} questions: {plain(words)}")
        st.button("Save slice", on_click=save, args=(ids, words), icon=":material/bookmark_add:", disabled=ids.empty)
        problem = st.session_state.pop(PROBLEM, None)
        if problem is not None:
            show_error(problem)


def _saved(counts: dict[str, int], current: str | None) -> None:
    for name, count in counts.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            mark = "✓ " if name == current else ""
            st.button(
                f"{mark}{plain(name)} · {numbers.count(count)}",
                key=f"slice-{name}",
                on_click=selection.choose_slice,
                args=(None if name == current else name,),
                help="Show only these questions; press again for all.",
            )
            st.button("Delete", key=f"delete-slice-{name}", on_click=delete, args=(name,), type="tertiary")
    if not counts:
        st.caption("No slice is saved yet.")


def save(ids: "pd.Series[str]", words: str) -> None:
    """Keep the questions shown under the name typed, and look at them; a callback."""
    try:
        made = workspace().slices.save(st.session_state.get(NAME) or "", frozenset(ids), words)
    except PalimpsestError as error:
        st.session_state[PROBLEM] = error
        return
    st.session_state[NAME] = ""
    selection.choose_slice(made.name)


def delete(name: str) -> None:
    """Forget a slice; a callback."""
    workspace().slices.delete(name)
    if st.session_state.get(selection.SLICE) == name:
        selection.choose_slice(None)


def banner(present: "pd.Series[str]") -> None:
    """Which slice is applied, how many of its questions are among the ones at hand, and the way back to all."""
    chosen = selection.chosen_slice()
    if chosen is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="slice"):
        here = numbers.count(present.isin(chosen.ids).sum())
        st.markdown(f":material/bookmark: Slice **{plain(chosen.name)}**: {here} of its {len(chosen.ids):,} are here.")
        st.button("Show all", key="slice-off", on_click=selection.choose_slice, args=(None,), type="tertiary")
