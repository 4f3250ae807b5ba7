"""Disk use of the store, and the button that frees it, with a preview of what goes."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures import holdings, numbers
from cache.about import NO_MODEL, About
from cache.housekeeping import FREEABLE, QUICK, Choice, Freed, Preview
from cache.keys import digest
from cache.large import ZIP, Piece
from cache.memo import workspace
from pages.components import charts, notices, selection
from pages.components.words import plain

SAID = "disk_said"
PLENTY = "Getting results back costs time, never data: whatever is removed here is computed again when it is looked at."


def panel() -> None:
    """What the store holds; drawn only when it is opened."""
    opened = st.expander("Disk use of this store", icon=":material/hard_drive:", key="disk", on_change="rerun")
    with opened, notices.shown_errors():
        if opened.open:
            _use()


def _use() -> None:
    keeper = workspace().housekeeping
    said = st.session_state.pop(SAID, None)
    if said:
        st.success(said, icon=":material/check_circle:")
    sizes = keeper.folders()
    total = numbers.storage(sum(sizes.values()))
    st.markdown(f"**{total}** under `{workspace().home}`".replace("\\", ""))
    _table(holdings.folder_table(sizes), key="disk-folders", columns={"MB": _MB})
    st.markdown("##### Free some of it")
    st.caption(f"{PLENTY} Pinned findings, mastery tables, slices and what kept plans were measured by stay.")
    preview = keeper.preview(_choice(), workspace().pair_names())
    _preview(preview)
    busy = busy_words()
    if busy:
        st.info(f"Wait: {plain(busy)}. What it needs must stay.", icon=":material/sync:")
    st.button(
        f"Free {numbers.storage(preview.bytes)}" if preview.goes else "Nothing to free",
        key="disk-free",
        type="primary",
        icon=":material/delete_sweep:",
        on_click=free,
        args=(preview,),
        disabled=bool(busy) or not preview.goes,
    )
    _large(busy)


def _large(busy: str) -> None:
    """What lies beside the results: chosen piece by piece, nothing that is costly or cannot come back by itself."""
    pieces = workspace().large.pieces(_looked_at())
    if not pieces:
        return
    st.markdown("##### Remove larger things")
    _table(holdings.pieces_table(pieces), key="disk-large", columns={"MB": _MB})
    free = {str(piece.path): piece for piece in pieces if not piece.needed_by}
    chosen = st.multiselect(
        "Remove",
        list(free),
        default=[path for path, piece in free.items() if piece.kind == ZIP],
        format_func=lambda path: f"{free[path].name} · {numbers.storage(free[path].bytes)}",
        key=f"disk_large-{digest(list(free))[:8]}",  # what is gone is no choice any more
        help="A model that a kept plan, a named comparison or this view needs is listed above, and is no choice.",
    )
    goes = tuple(free[path] for path in chosen)
    lost = [piece.name for piece in goes if piece.lost]
    if lost:
        st.warning(f"Cannot be brought back: {plain(', '.join(lost))}.", icon=":material/warning:")
    st.button(
        f"Remove {numbers.storage(sum(piece.bytes for piece in goes))}" if goes else "Nothing to remove",
        key="disk-remove",
        icon=":material/delete_forever:",
        on_click=remove,
        args=(goes,),
        disabled=bool(busy) or not goes,
    )


def _looked_at() -> tuple[str, ...]:
    pair = selection.comparison()
    return (pair.base, pair.tuned) if pair is not None else ()


def remove(goes: tuple[Piece, ...]) -> None:
    """Remove the chosen pieces; a callback, whose outcome is said in the next run."""
    with notices.shown_errors():
        if not busy_words():
            freed = workspace().large.remove(goes, _looked_at())
            st.session_state[SAID] = f"{numbers.count(freed.results)} removed, {numbers.storage(freed.bytes)} freed."


def _choice() -> Choice:
    held = workspace().housekeeping.holdings(workspace().pair_names())
    left, right = st.columns(2)
    kinds = left.multiselect("Kinds", FREEABLE, default=list(QUICK), format_func=holdings.KINDS.get, key="disk_kinds")
    pairs = right.multiselect("Pairs (none picked: all)", sorted({each.pair for each in held}), key="disk_pairs")
    days = left.number_input("Not read for at least, days", 0, 3650, 0, key="disk_days")
    right.markdown("&nbsp;")
    outdated = right.toggle(
        "Only results of earlier versions",
        key="disk_outdated",
        help="Results of an algorithm whose version has been raised since: they are never found again.",
    )
    return Choice(tuple(kinds), tuple(pairs) or None, float(days), outdated)


def _preview(preview: Preview) -> None:
    count = numbers.count(len(preview.goes))
    st.markdown(f"**What would go: {count} results, {numbers.storage(preview.bytes)}.**")
    if preview.goes:
        days = st.column_config.NumberColumn("unread for days", format="%.0f")
        columns = {"MB": _MB, "unread for days": days}
        _table(holdings.holdings_table(preview.goes), key="disk-preview", columns=columns)
    if preview.stays:
        needed = ", ".join(sorted({each.needed_by for each in preview.stays}))
        st.caption(f"{numbers.count(len(preview.stays))} of the chosen stay, needed by {plain(needed)}.")


def _table(frame: pd.DataFrame, *, key: str, columns: dict[str, Any]) -> None:
    """A table of what lies on this disk, with its files: it is no finding about models, so that it has no pin."""
    words = charts.table_words(frame, columns)
    st.dataframe(frame, hide_index=True, column_config=columns, key=key, alt=words, width="stretch")
    charts.csv(frame, key, about=About(models=NO_MODEL, command=""))


def busy_words() -> str:
    """What is under way here or elsewhere on this store; "" for nothing."""
    active = [job for job in workspace().jobs.all() if job.active]
    return f"“{active[0].title}” is under way" if active else workspace().housekeeping.busy()


def free(preview: Preview) -> None:
    """Remove what was previewed; a callback, whose outcome is said in the next run."""
    with notices.shown_errors():
        if not busy_words():
            st.session_state[SAID] = freed_words(workspace().free(preview.goes))


def freed_words(freed: Freed) -> str:
    """What went, in words."""
    told = f"{numbers.count(freed.results)} results removed, {numbers.storage(freed.bytes)} freed."
    return told + (f" {freed.in_use} were in use by another process and stayed." if freed.in_use else "")


_MB = st.column_config.NumberColumn("MB", format="%.2f")
