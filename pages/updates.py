"""Updates: which weights did fine-tuning change, and how unevenly?"""

from dataclasses import replace

import streamlit as st

from analysis.figures import concentration, numbers, strategies, tensors, tensors_printed, updates
from analysis.records import PAPER_PERCENTS, REGIONS, RestoreSpec
from cache import commands
from cache.making import About
from cache.memo import workspace
from pages.components import address, charts, notices, once, stop_preview
from pages.components.words import CLIFF, CONCENTRATION, EFFECTIVE_K, PAPER_LINK, RELATIVE_CHANGE, plain

GRID = "grid"
GLANCE = "glance"
CELL = "updates_cell"  # "3/q": in the session and in the address
LASSO = "updates_tensors"  # numbers of the tensors selected in the figure: likewise
FIELDS = (
    address.one_of("measure", updates.MEASURES, "mean_relative"),
    address.one_of("updates_region", REGIONS, REGIONS[0]),
    address.one_of("updates_arithmetic", strategies.ARITHMETIC_WORDS, "exact"),
)
PAPER_ROW = "Table 3 of the paper: LLaMA-3-8B, 1,920 samples, mastery level 0."
TENSOR_COLUMNS = {
    "parameters": st.column_config.NumberColumn(format="localized"),
    "mean_relative": st.column_config.NumberColumn("mean r", format="%.4g", help=RELATIVE_CHANGE),
    "mean_absolute": st.column_config.NumberColumn("mean |d|", format="%.3g"),
    "l2": st.column_config.NumberColumn("L2", format="%.4g"),
    "changed_fraction": st.column_config.NumberColumn("changed", format="percent"),
    "infinite": st.column_config.NumberColumn("p = 0 ≠ s", help="Weights whose base value is 0: r is infinite."),
}
SHARE_COLUMNS = {
    "percent": st.column_config.NumberColumn("most changed", format="%g%%"),
    "effective_percent": st.column_config.NumberColumn("effective k", format="%.4g%%"),
    "share_relative": st.column_config.NumberColumn("hold of r", format="percent"),
    "share_null": st.column_config.NumberColumn("null", format="percent"),
    "share_absolute": st.column_config.NumberColumn("hold of |d|", format="percent"),
    "paper": st.column_config.NumberColumn("paper: r", format="percent"),
}


def clicked_cell() -> tuple[str | None, str | None]:
    """Layer and module of the cell looked at, or (None, None)."""
    layer, _, module = str(st.session_state[CELL]).partition("/")
    return (layer, module) if layer and module else (None, None)


def follow_cell() -> None:
    """Look at the cell that was clicked; a callback."""
    picked = (st.session_state.get(GRID) or {}).get("selection", {}).get(updates.CELL_CLICK) or [{}]
    st.session_state[CELL] = "/".join(str(picked[0][part]) for part in ("layer", "module")) if picked[0] else ""


def follow_lasso(names: list[str]) -> None:
    """List the tensors that were selected in the figure; a callback."""
    chosen = tensors.picked((st.session_state.get(GLANCE) or {}).get("selection", {}).get("points", []))
    st.session_state[LASSO] = [number for number, name in enumerate(names) if name in chosen]


def let_go() -> None:
    """List every tensor again; a callback."""
    st.session_state[LASSO] = []


def cell_words(cell: str) -> str:
    """A cell in the menu: 'layer 3, q'."""
    layer, _, module = cell.partition("/")
    if not cell:
        return "all cells of the region"
    return f"{module} outside the layers" if layer == updates.NO_LAYER else f"layer {layer}, {module}"


def listed(chosen: frozenset[str], layer: str | None, module: str | None) -> str:
    """Which tensors the table lists, in words."""
    where = "all of the region" if layer is None else f"{module}, layer {layer}"
    if not chosen:
        return where
    return f"{len(chosen)} selected in the figure" + (f", of them those in {where}" if layer is not None else "")


st.title("Updates")
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    address.hold(*FIELDS)
    measure = st.segmented_control(
        "Measure",
        list(updates.MEASURES),
        required=True,
        format_func=lambda name: updates.MEASURES[name].title,
        key="measure",
        persist_state="session",
    )
    left, right = st.columns([2, 3])
    region = left.selectbox("Region", REGIONS, key="updates_region", persist_state="session")
    arithmetic = right.segmented_control(
        "Arithmetic",
        list(strategies.ARITHMETIC_WORDS),
        required=True,
        help=" ".join(strategies.ARITHMETIC_WORDS.values()),
        key="updates_arithmetic",
        persist_state="session",
    )
    if not stop_preview.is_read(pair, RestoreSpec(0, arithmetic=arithmetic)):
        st.stop()
    profile = workspace().known_profile(pair, arithmetic)
    changed = profile.changed_fraction(region)
    rows = profile.tensor_rows(region, (tensors.RESTORED_PERCENT,))
    curve = profile.concentration(region)
    read = [profile.base_id, profile.tuned_id, arithmetic, region, profile.seconds]
    cells_here = {f"{updates.layer_name(row.layer)}/{row.module}" for row in rows}
    address.hold(address.one_of(CELL, ["", *sorted(cells_here)], ""))

    further = {"region": region, "arithmetic": arithmetic}
    about = About(command=commands.profile(pair, region, arithmetic), further=further)
    measured = replace(about, further=further | {"measure": measure})

    cells = st.columns(4)
    cells[0].metric("Parameters in the region", numbers.short_count(profile.region_parameters(region)))
    cells[1].metric("Changed by fine-tuning", numbers.share(changed), help=CLIFF)
    cells[2].metric("Read", numbers.storage(profile.bytes_read), help="Both checkpoints, once.")
    cells[3].metric("In", numbers.duration(profile.seconds), help="One streaming pass; stored, never repeated.")
    for finding in profile.findings:
        if finding.level != "info":
            st.warning(plain(finding.message), icon=":material/warning:")

    told = once.once(lambda: updates.grid_words(rows, measure), "grid words", measure, read)
    charts.show(
        once.figure(lambda: updates.layer_module_grid(rows, measure, arithmetic=arithmetic), "grid", measure, read),
        key=GRID,
        alt=told,
        about=measured,
        on_select=follow_cell,
        selection_mode=updates.CELL_CLICK,
    )
    st.caption(f"{told} {updates.MEASURES[measure].help} Click a cell for its tensors.")

    words = once.once(lambda: concentration.concentration_words(curve), "concentration words", read)
    left, right = st.columns([1, 1], gap="large")
    with left:
        charts.show(
            once.figure(
                lambda: concentration.concentration_curve(curve, changed_percent=100 * changed, arithmetic=arithmetic),
                "concentration",
                read,
            ),
            key="concentration",
            alt=words,
            about=about,
        )
    with right:
        st.markdown("**How concentrated is the change?**", help=f"{CONCENTRATION} {EFFECTIVE_K} {PAPER_ROW}")
        st.markdown(words.replace("|", "\\|"))
        shares = concentration.concentration_table(curve, changed_percent=100 * changed, arithmetic=arithmetic)
        hidden = {"arithmetic": None} | ({"effective_percent": None} if 100 * changed >= max(PAPER_PERCENTS) else {})
        charts.small_table(shares, key="shares", columns=SHARE_COLUMNS | hidden, finding=words, about=about)
        st.caption(f"Last column: Table 3 of {PAPER_LINK}, 1,920 samples, level 0; another model, for comparison.")

    st.subheader("Tensors")
    names = [row.name for row in rows]
    address.hold(address.some_numbers(LASSO, len(names)))
    charts.show_zoomable(
        once.once(lambda: tensors.tensor_scatter(rows, measure, arithmetic=arithmetic), "scatter", measure, read),
        key=GLANCE,
        alt=tensors.scatter_words(rows),
        twin=lambda: tensors_printed.tensor_points(rows, measure, arithmetic=arithmetic),
        about=measured,
        on_select=lambda: follow_lasso(names),
        selection_mode=("box", "lasso"),
    )
    chosen = frozenset(names[number] for number in st.session_state[LASSO])
    layer, module = clicked_cell()
    with st.container(horizontal=True, vertical_alignment="center"):
        menu = ["", *sorted(cells_here)]
        st.selectbox("Cell", menu, format_func=cell_words, key=CELL, width=260, label_visibility="collapsed")
        st.text(listed(chosen, layer, module), width="content")
        if chosen:
            st.button("List all", on_click=let_go, type="tertiary", icon=":material/deselect:")
    shown = [row for row in rows if not chosen or row.name in chosen]
    listing = updates.tensor_table(shown, layer, module, arithmetic=arithmetic)
    inside = [row for row in shown if layer in (None, updates.layer_name(row.layer)) and module in (None, row.module)]
    of_these = told if len(inside) == len(rows) else updates.grid_words(inside, measure)
    words = f"{len(listing):,} tensors, {listed(chosen, layer, module)}. {of_these}"
    columns = TENSOR_COLUMNS | {"arithmetic": None}
    charts.table(listing, key="tensors", columns=columns, finding=words, about=about, width="stretch")
