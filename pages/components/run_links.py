"""From a cell of a figure to its runs: what each measured, and the pages that show it, with its pair chosen."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.experiments.plan import Plan
from analysis.figures import experiments_runs as runs
from analysis.records import RestoreSpec
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import selection
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
            again(row, plan)
            return
        for page, (name, icon) in PAGES.items():
            button = f"open-{name}-{key}-{name_of(row)}"
            if st.button(name, key=button, icon=icon, type="tertiary"):
                open_page(page, row, plan)


def name_of(row: dict[str, Any]) -> str:
    """What tells this run's widgets from another's."""
    return f"{row['cell'][:12]}-{row['stop_seed']}"


def again(row: dict[str, Any], plan: str) -> None:
    """Its model is not kept: the command that makes the same one."""
    with st.popover("Model not kept", icon=":material/inventory_2:", type="tertiary"):
        st.caption("Measured, then dropped as the plan says. This command makes the same model again:")
        st.code(command(plan, row["cell"]), language="bash", wrap_lines=True)


def command(plan: str, cell: str) -> str:
    """The command that makes a run's model."""
    kept = workspace().plan(plan)
    return runs.command(kept.plan, runs.find_cell(kept.cells, cell))


def asking_of(plan: Plan) -> Asking:
    """The plan's test questions as one asking, both domains together."""
    counts = plan.measure.in_domain, plan.measure.out_of_domain
    limit = None if None in counts else sum(count for count in counts if count is not None)
    return Asking(
        plan.questions,
        plan.prompt,
        mastery=plan.mastery,
        limit=limit,
        seed=plan.measure.draw_seed,
        dtype=plan.dtype,
    )


def open_page(page: str, row: dict[str, Any], plan: str) -> None:
    """Make the run's pair, questions and stop the active ones, and go there."""
    pair = Comparison(row["base"], row["tuned"])
    selection.choose(pair, asking_of(workspace().plan(plan).plan))
    if row["strategy"]:
        spec = RestoreSpec(float(row["percent"]), row["strategy"], seed=int(row["stop_seed"])).canonical()
        st.session_state.update(restored_spec=spec, k=float(spec.percent), strategy=spec.strategy, seed=spec.seed)
    st.switch_page(page)
