"""Disk use of the store, and the button that frees it, with a preview of what goes."""

import streamlit as st

from analysis.figures import holdings, numbers
from cache.housekeeping import FREEABLE, QUICK, Choice, Freed, Preview
from cache.memo import workspace
from pages.components import charts, notices
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
    total = f"{numbers.short_count(sum(sizes.values()))}B"
    st.markdown(f"**{total}** under `{workspace().home}`".replace("\\", ""))
    charts.table(holdings.folder_table(sizes), key="disk-folders", columns={"MB": _MB}, width="stretch")
    st.markdown("##### Free some of it")
    st.caption(f"{PLENTY} Pinned findings, mastery tables, slices and what kept plans were measured by stay.")
    preview = keeper.preview(_choice(), workspace().pair_names())
    _preview(preview)
    busy = busy_words()
    if busy:
        st.info(f"Wait: {plain(busy)}. What it needs must stay.", icon=":material/sync:")
    st.button(
        f"Free {numbers.short_count(preview.bytes)}B" if preview.goes else "Nothing to free",
        key="disk-free",
        type="primary",
        icon=":material/delete_sweep:",
        on_click=free,
        args=(preview,),
        disabled=bool(busy) or not preview.goes,
    )


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
    st.markdown(f"**What would go: {count} results, {numbers.short_count(preview.bytes)}B.**")
    if preview.goes:
        days = st.column_config.NumberColumn("unread for days", format="%.0f")
        columns = {"MB": _MB, "unread for days": days}
        charts.table(holdings.holdings_table(preview.goes), key="disk-preview", columns=columns, width="stretch")
    if preview.stays:
        needed = ", ".join(sorted({each.needed_by for each in preview.stays}))
        st.caption(f"{numbers.count(len(preview.stays))} of the chosen stay, needed by {plain(needed)}.")


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
    told = f"{numbers.count(freed.results)} results removed, {numbers.short_count(freed.bytes)}B freed."
    return told + (f" {freed.in_use} were in use by another process and stayed." if freed.in_use else "")


_MB = st.column_config.NumberColumn("MB", format="%.2f")
