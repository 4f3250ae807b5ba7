"""From a cell of a figure to its runs: what each measured, and the pages that show it, with its pair chosen."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.errors import PalimpsestError
from analysis.experiments.command import command_of
from analysis.experiments.measured import layers_of
from analysis.figures import experiments_runs as runs
from analysis.figures import numbers
from analysis.records import RestoreSpec
from cache import commands
from cache.experiments.askings import asking_of, kl_asking, trained_asking
from cache.experiments.folder import KeyedCell
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import progress, selection, stop_controls
from pages.components.words import plain

PAGES = {
    "restore.py": ("Restore", ":material/tune:"),
    "samples.py": ("Samples", ":material/fact_check:"),
    "tokens.py": ("Tokens", ":material/text_fields:"),
    "updates.py": ("Updates", ":material/grid_on:"),
}
MOST_RUNS = 12  # listed behind one cell
PAPERS_OWN = "This is the paper's own number, of another model: no run of this plan made it."
WHOLE = "layers_whole"  # in the session: the layers that the range of the stop's controls is of


def panel(table: pd.DataFrame, plan: str, fields: dict[str, Any], *, key: str) -> None:
    """The runs behind a cell that was clicked, each with its way on; `key` tells the figure."""
    with st.container(border=True, key=f"runs-{key}"):
        if runs.is_papers(fields):
            st.caption(PAPERS_OWN)
            return
        behind = runs.behind(table, fields)
        st.markdown(f"**The runs behind:** {plain(runs.cell_words(fields))}")
        if not len(behind):
            st.caption("None is measured yet.")
        for row in behind.head(MOST_RUNS).to_dict("records"):
            one(row, plan, key, named="level" not in fields)
        if len(behind) > MOST_RUNS:
            shown, every = numbers.count(MOST_RUNS), numbers.count(len(behind))
            st.caption(f"{shown} of {every} shown; all of them are under Runs.")


def one(row: dict[str, Any], plan: str, key: str, *, named: bool = False) -> None:
    """One run: its numbers, and where it can be looked at, or how to make its model again."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"run-{key}-{name_of(row)}"):
        st.markdown(plain(runs.run_words(row, named=named)))
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
        st.caption("Makes the same model again, and asks it what this number is of:")
        st.code(command(plan, row), language="bash", wrap_lines=True)


def bring_back(plan: str, cell: str) -> None:
    """Put a run's model on disk again, in the background; a callback."""
    watcher = selection.watcher(f"back-{cell}")  # one wish a model: another one does not withdraw it
    job = workspace().start("Bring a model back", "bring_tuned_back", plan, cell, watcher=watcher, page="experiments")
    st.session_state[f"back-{cell}"] = selection.announced(job)


def command(plan: str, row: dict[str, Any]) -> str:
    """What makes a run's model and asks it at the run's stop, a command a line; "" for the base's."""
    keyed = keyed_cell(plan, row["cell"])
    made = command_of(keyed.cell) if keyed is not None else ""
    if keyed is None or not made:
        return ""
    pair = Comparison(keyed.cell.base, keyed.cell.name)  # the folder that the first command writes
    try:
        asked = asking(plan, row)
    except PalimpsestError:  # the plan's questions are not where they were: the model can be made all the same
        return made
    return "\n".join([made, *([commands.sweep(pair, asked, [stop_of(row) or RestoreSpec(0)])] if asked else [])])


def open_page(page: str, row: dict[str, Any], plan: str) -> None:
    """Make the run's pair, questions and stop the active ones, and go there."""
    pair = Comparison(row["base"], row["tuned"])
    selection.choose(pair, asking(plan, row))
    selection.start_profile(pair)
    stand_on(stop_of(row))
    st.switch_page(page)


def stop_of(row: dict[str, Any]) -> RestoreSpec | None:
    """The stop that a row of the result table is of; None where it is of the tuned model as it is."""
    if row.get("measure") == "layer_group":
        return RestoreSpec(100.0, layers=layers_of(str(row["group"]))).canonical()
    if not row["strategy"]:
        return None
    return RestoreSpec(float(row["percent"]), row["strategy"], seed=int(row["stop_seed"])).canonical()


def stand_on(stop: RestoreSpec | None) -> None:
    """Put every control of the stop where this one has it, whatever the session stood on before; None is 0%."""
    spec, state = stop or RestoreSpec(0), st.session_state
    told = {"k": float(spec.percent), "among": spec.among == "changed"}
    state.update({field.key: told.get(field.key, getattr(spec, field.key, None)) for field in stop_controls.FIELDS})
    for name in (*stop_controls.NARROWING, WHOLE):
        state.pop(name, None)
    state["modules"] = list(spec.modules or ())
    if spec.layers:
        state["layers"] = spec.layers[0], spec.layers[-1]
    if stop is not None:
        state.update(restored_spec=stop, samples_stop=stop)


def keyed_cell(plan: str, cell: str) -> KeyedCell | None:
    """The plan's cell of this digest."""
    return next((each for each in workspace().plan(plan).cells if each.digest == cell), None)


def asking(plan: str, row: dict[str, Any]) -> Asking | None:
    """The questions this number was measured on, so that their answers are there at once."""
    keyed, home = keyed_cell(plan, row["cell"]), workspace().home
    if keyed is None:
        return None
    if row["domain"] == "train":
        facts = (workspace().store.document(keyed.key) or {}).get("facts", ())
        return trained_asking(home, keyed.cell, facts) if facts else None
    if str(row.get("measure", "")).startswith("kl_"):
        return kl_asking(home, keyed.cell)
    return asking_of(home, keyed.cell, "out" if row["domain"] == "out" else "in")
