"""A sweep from any page: the paper's percentages of chosen strategies at once, in the background."""

from dataclasses import replace

import streamlit as st

from analysis.figures import strategies
from analysis.records import STRATEGIES, RestoreSpec, Strategy
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import progress, selection

SEEDS = 3
PAPERS: tuple[Strategy, ...] = ("relative-top", "random")


def offer_sweep(pair: Comparison, asking: Asking, *, key: str, spec: RestoreSpec | None = None) -> None:
    """The paper's percentages at once, with the random control; what is known is not asked again."""
    if progress.watch(st.session_state.get("sweep_job"), key=f"sweep-{key}"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        start = st.empty()
        with st.popover("Sweep options", icon=":material/settings:", key=f"sweep-options-{key}"):
            chosen, seeds, among = _options(key)
        start.button(
            "Run the paper's sweep" if tuple(chosen) == PAPERS else "Run this sweep",
            key=f"sweep-{key}",
            icon=":material/linear_scale:",
            on_click=start_sweep,
            args=(pair, asking, replace(spec or RestoreSpec(0), among=among), tuple(chosen), seeds),
            disabled=not chosen,
            help="0, 1, 3, 5, 10, 20, 40, 60 and 100% of each chosen strategy, over the parameters chosen above.",
        )
        st.caption("It goes on in the background while you look elsewhere; every finished stop appears on the curve.")


def _options(key: str) -> tuple[list[Strategy], int, str]:
    chosen = st.multiselect(
        "Strategies",
        STRATEGIES,
        default=list(PAPERS),
        format_func=strategies.grouped_name,
        key=f"sweep-strategies-{key}",
        help="The first is the one whose best stop is chosen on one part of the questions and reported on another.",
    )
    seeds = st.number_input("Draws of what goes by lot", 1, 20, SEEDS, key=f"sweep-seeds-{key}")
    among = st.segmented_control(
        "Draw the controls on",
        ["all", "changed"],
        format_func={"all": "all weights", "changed": "changed weights only"}.get,
        default="all",
        required=True,
        key=f"sweep-among-{key}",
        help="On the changed weights only, a control really changes as much as the paper's order at the same k.",
    )
    return chosen, int(seeds), among


def start_sweep(pair: Comparison, asking: Asking, spec: RestoreSpec, chosen: tuple[Strategy, ...], seeds: int) -> None:
    """Queue the sweep over the parameters of `spec`; a callback."""
    names = ", ".join(strategies.WORDS[strategy].short for strategy in chosen)
    job = workspace().start(
        "The paper's sweep" if chosen == PAPERS else f"Sweep: {names}",
        "sweep",
        pair,
        asking,
        strategies=chosen,
        seeds=tuple(range(seeds)),
        template=replace(spec, percent=0, strategy=chosen[0], seed=0),
        watcher=selection.watcher("sweep"),
        page="restore",
    )
    st.session_state["sweep_job"] = selection.announced(job)
