"""The pairs a person comes back to: recent ones and named comparisons, each with what can be done with it."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.figures import holdings, numbers
from cache.housekeeping import Preview
from cache.memo import workspace
from cache.named import LONGEST_NAME, NamedComparison
from cache.work import Asking, Comparison
from pages.components import disk, notices, selection
from pages.components.words import plain

SHOWN = 8
PROBLEM, SAID = "pairs_problem", "pairs_said"
Load = Callable[[Comparison, Asking | None], None]


def named(load: Load) -> None:
    """Comparisons kept under a name; nothing where there are none and no pair is loaded."""
    known, pair = workspace().named.all(), selection.comparison()
    if not known and pair is None:
        return
    st.subheader("Named comparisons")
    for each in known:
        words, button, drop = st.columns([5, 2, 1], vertical_alignment="center")
        words.markdown(f"**{plain(each.name)}**", help=plain(_told(each)))
        button.button("Load", key=f"named-{each.name}", on_click=load, args=(each.pair, each.asking), width="stretch")
        drop.button(
            "✕", key=f"drop-named-{each.name}", help=f"Forget the name {plain(each.name)}", type="tertiary",
            on_click=workspace().named.delete, args=(each.name,),
        )  # fmt: skip
    if pair is not None:
        with st.form("name-it", border=False, clear_on_submit=True), st.container(horizontal=True):
            name = st.text_input(
                "Name for this comparison", max_chars=LONGEST_NAME, placeholder="Keep this comparison under a name",
                label_visibility="collapsed",
            )  # fmt: skip
            if st.form_submit_button("Keep", icon=":material/bookmark_add:") and name.strip():
                with notices.shown_errors():
                    workspace().named.save(name, pair, selection.asking())
                    st.rerun()


def _told(each: NamedComparison) -> str:
    asked = f", {Path(each.asking.questions).name}" if each.asking else ""
    return f"{each.pair.base} → {each.pair.tuned}{asked}"


def recent(load: Load) -> None:
    """Pairs loaded lately, the newest first."""
    st.subheader("Recent pairs")
    pairs = workspace().recent()
    if not pairs:
        st.caption("Pairs you load are listed here.")
    said, problem = st.session_state.pop(SAID, None), st.session_state.pop(PROBLEM, None)
    if said:
        st.success(said, icon=":material/check_circle:")
    if problem is not None:
        notices.show_error(problem)
    called = _labels(pairs[:SHOWN])
    for pair in pairs[:SHOWN]:
        name = selection.identity(pair)
        words, button, more = st.columns([4, 2, 2], vertical_alignment="center")
        missing = " :material/folder_off: files are missing" if notices.gone(pair) else ""
        words.markdown(f"{called[pair]}{missing}", help=plain(f"{pair.base} → {pair.tuned}"))
        button.button("Load", key=f"recent-{name}", on_click=load, args=(pair, None), width="stretch")
        with more:
            menu = st.popover("More", key=f"more-{name}", on_change="rerun", help="Run again, delete, forget")
            if menu.open:
                with menu:
                    _menu(pair, name, load)
    if len(pairs) > SHOWN:
        st.caption(f"The newest {SHOWN} of {numbers.count(len(pairs))}; links find them all.")


def _labels(pairs: Sequence[Comparison]) -> dict[Comparison, str]:
    """Each pair by the names of its folders, with the folders they lie in where two are called alike."""
    short = {pair: (Path(pair.base).name, Path(pair.tuned).name) for pair in pairs}
    often = Counter(short.values())
    told = {}
    for pair, names in short.items():
        if often[names] > 1:
            names = tuple("/".join(Path(side).parts[-2:]) for side in (pair.base, pair.tuned))
        told[pair] = f"{plain(names[0])} → **{plain(names[1])}**"
    return told


def _menu(pair: Comparison, name: str, load: Load) -> None:
    """What can be done with a recent pair, with what each would remove."""
    preview, busy = _of(pair), disk.busy_words()
    anew = _of(pair, with_base=True)
    st.markdown(f"**{plain(pair.name)}**")
    many = len(preview.goes)
    stored = f"{numbers.count(many)} results of this pair are" if many != 1 else "1 result of this pair is"
    st.caption(f"{stored} stored, {numbers.storage(preview.bytes)}.")
    _goes(preview)
    if busy:
        st.caption(f"Nothing can be deleted now: {plain(busy)}.")
    off = bool(busy) or not preview.goes
    st.button(
        "Delete its results", key=f"delete-{name}", on_click=delete, args=(preview,), disabled=off,
        icon=":material/delete:", width="stretch",
    )  # fmt: skip
    if len(anew.goes) > len(preview.goes):
        count, freed = len(anew.goes) - len(preview.goes), numbers.storage(anew.bytes - preview.bytes)
        st.caption(
            "To run again, what the base answered by itself goes too:"
            f" {numbers.count(count)} evaluation{'s' * (count > 1)}, {freed}. Other pairs of this base share them."
        )
    st.button(
        "Delete and run again", key=f"again-{name}", on_click=again, args=(pair, anew, load), disabled=bool(busy),
        icon=":material/replay:", width="stretch",
        help="Its weights are read and base and tuned are asked anew; stops are evaluated when you look at them.",
    )  # fmt: skip
    st.button(
        "Forget it here", key=f"forget-{name}", on_click=workspace().forget, args=(pair,), icon=":material/close:",
        width="stretch", help="Takes it off this list; its results stay, but links to it no longer find it.",
    )  # fmt: skip


def _goes(preview: Preview) -> None:
    """What a press would remove, kind by kind; and what stays because something needs it."""
    lines = [
        f"- {plain(what)}: {numbers.count(count)}, {numbers.storage(size)}"
        for what, count, size in holdings.by_kind(preview.goes)
    ]
    if lines:
        st.markdown("\n".join(lines))
    if preview.stays:
        needed = ", ".join(sorted({each.needed_by for each in preview.stays}))
        st.caption(f"{numbers.count(len(preview.stays))} more stay, needed by {plain(needed)}.")


def _of(pair: Comparison, *, with_base: bool = False) -> Preview:
    """Every freeable result of this pair; nothing where its files are gone, which the page of the pair tells."""
    try:
        return workspace().results_of(pair, with_base=with_base)
    except PalimpsestError:
        return Preview((), ())


def delete(preview: Preview) -> None:
    """Remove a pair's results; a callback."""
    try:
        st.session_state[SAID] = disk.freed_words(workspace().free(preview.goes))
    except PalimpsestError as error:
        st.session_state[PROBLEM] = error


def again(pair: Comparison, preview: Preview, load: Load) -> None:
    """Remove a pair's results and learn it anew; a callback."""
    delete(preview)
    if PROBLEM not in st.session_state:
        load(pair, None)
