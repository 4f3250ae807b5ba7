"""From a cell of a figure to its runs: what each measured, and the pages that show it, with its pair chosen."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures import experiments_runs as runs
from analysis.records import RestoreSpec
from cache.experiments.askings import asking_of
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import progress, selection
from pages.components.words import plain

PAGES = {
    "restore.py": ("Restore", ":material/tune:"),
    "samples.py": ("Samples", ":material/fact_check:"),
    "tokens.py": ("Tokens", ":material/text_fields:"),
    "updates.py": ("Updates", ":material/grid_on:"),
}


def panel(table: pd.DataFrame, plan: str, fields: dict[str, Any], *, key: str) -> None:
    """The runs behind a cell that was clicked, each with its way on; `key` tells the figure."""
    behind = runs.behind(table, fields)
    with st.container(border=True, key=f"runs-{key}"):
        st.markdown(f"**The runs behind:** {plain(runs.cell_words(fields))}")
        if not len(behind):
            st.caption("None is measured yet.")
        for row in behind.to_dict("records"):
            one(row, plan, key)


def one(row: dict[str, Any], plan: str, key: str) -> None:
    """One run: its numbers, and where it can be looked at, or how to make its model again."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"run-{key}-{name_of(row)}"):
        st.markdown(plain(runs.run_words(row)))
        if not row["tuned"]:
            again(row, plan, key)
            return
        for page, (name, icon) in PAGES.items():
            button = f"open-{name}-{key}-{name_of(row)}"
            if st.button(name, key=button, icon=icon, type="tertiary"):
                open_page(page, row, plan)


def name_of(row: dict[str, Any]) -> str:
    """What tells this run's widgets from another's."""
    return f"{row['cell'][:12]}-{row['stop_seed']}"


def again(row: dict[str, Any], plan: str, key: str) -> None:
    """Its model is not on disk: bring it back from here, or by the command that makes the same one."""
    job = st.session_state.get(f"back-{row['cell']}")
    if progress.watch(job, key=f"back-{key}-{name_of(row)}"):
        return
    st.button(
        "Bring its model back",
        key=f"back-{key}-{name_of(row)}",
        icon=":material/settings_backup_restore:",
        type="tertiary",
        on_click=bring_back,
        args=(plan, row["cell"]),
        help="Unpacked where its difference is kept, else trained again with the same seed: the same weights.",
    )
    with st.popover("Command", icon=":material/terminal:", type="tertiary"):
        st.caption("Makes the same model again:")
        st.code(command(plan, row["cell"]), language="bash", wrap_lines=True)


def bring_back(plan: str, cell: str) -> None:
    """Put a run's model on disk again, in the background; a callback."""
    job = workspace().start(
        "Bring a model back", "bring_tuned_back", plan, cell, watcher=selection.watcher("back"), page="experiments"
    )
    st.session_state[f"back-{cell}"] = selection.announced(job)


def command(plan: str, cell: str) -> str:
    """The command that makes a run's model."""
    cells = workspace().plan_cells(plan)
    found = cells[cells["cell"] == cell]
    return str(found["command"].iloc[0]) if len(found) else ""


def open_page(page: str, row: dict[str, Any], plan: str) -> None:
    """Make the run's pair, questions and stop the active ones, and go there."""
    pair = Comparison(row["base"], row["tuned"])
    selection.choose(pair, asked(plan, row))
    selection.start_profile(pair)
    if row["strategy"]:
        spec = RestoreSpec(float(row["percent"]), row["strategy"], seed=int(row["stop_seed"])).canonical()
        st.session_state.update(restored_spec=spec, k=float(spec.percent), strategy=spec.strategy, seed=spec.seed)
    st.switch_page(page)


def asked(plan: str, row: dict[str, Any]) -> Asking | None:
    """The questions this number was measured on, so that their answers are there at once."""
    cell = next((each.cell for each in workspace().plan(plan).cells if each.digest == row["cell"]), None)
    side = "out" if row["domain"] == "out" else "in"
    return asking_of(workspace().home, cell, side) if cell is not None else None
