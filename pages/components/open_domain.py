"""Does it hold for another domain than places? Two plans side by side: trained on places, trained on the others."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from analysis.experiments.alike import unlike
from analysis.experiments.plan_file import read_plan
from analysis.figures import open_domain as figures
from cache.about import NO_MODEL, About, Models
from cache.memo import workspace
from cache.open_questions import domain_plans
from pages.components import address, charts, open_asking, plan_bar, plan_making, plan_start, progress
from pages.components.words import plain

SHIPPED = "other_domain.toml"
PLACES_COMMAND = "palimpsest experiments demo/plan.toml"
UNLIKE = (
    "These two plans differ in more than the relations they train on (that on places against the other), and do not "
    "stand side by side:"
)
PERCENT = {"format": "percent"}
COLUMNS = {
    name: st.column_config.NumberColumn(label, **PERCENT)
    for state, words in figures.STATES.items()
    for name, label in ((state, words), (f"{state}_low", f"{words}: from"), (f"{state}_high", f"{words}: to"))
} | {"n": st.column_config.NumberColumn("questions a run")}


def show() -> None:
    """What of the two plans is measured, with the way to what is missing."""
    st.markdown(
        "**The paper trains on ten relations about places and tests the others. What if one trains on the others?** A "
        "plan's `train_relations` says what is trained on; tests on these are then in-domain, on the rest "
        "out-of-domain."
    )
    plans = domain_plans(workspace())
    if not plans["others"]:
        _offer()
    if not plans["places"]:
        st.caption(
            f"No plan trained on places is measured here: `{PLACES_COMMAND}` is the shipped one, and its results will "
            "stand beside these."
        )
    chosen = _chosen(plans)
    if "others" in chosen:
        if not workspace().plan_state(chosen["others"]).complete:
            plan_bar.state(chosen["others"])
            plan_bar.watched()
        _answer(_side_by_side(chosen))


def _chosen(plans: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """A plan of each kind that was begun here; of those on places, one that can stand beside the other at first."""
    chosen = {}
    for kind in ("others", "places"):
        if plans[kind]:
            alike = [name for name in plans[kind] if not _differences({**chosen, kind: name})]
            chosen[kind] = _choice(kind, plans[kind], (alike or plans[kind])[0])
    return {kind: chosen[kind] for kind in plans if kind in chosen}


def _choice(kind: str, names: tuple[str, ...], first: str) -> str:
    label = {"places": "Trained on places", "others": "Trained on other relations"}[kind]
    address.hold(address.one_of(f"domain_{kind}", names, first))
    return str(st.selectbox(label, names, key=f"domain_{kind}", width=260))


def _differences(chosen: dict[str, str]) -> tuple[str, ...]:
    """What keeps the two plans from standing side by side; of one alone, nothing. A base is known by its weights."""
    if len(chosen) < 2:
        return ()
    kept = {kind: workspace().plan(name) for kind, name in chosen.items()}
    return unlike(**{kind: replace(each.plan, base=plan_making.base_words(each)) for kind, each in kept.items()})


def _side_by_side(chosen: dict[str, str]) -> dict[str, str]:
    """Both plans where they are alike but for their relations; else the one on other relations alone, and why."""
    found = _differences(chosen)
    if not found:
        return chosen
    st.warning(plain(f"{UNLIKE} {'; '.join(found)}. Only {chosen['others']} is shown."), icon=":material/info:")
    return {"others": chosen["others"]}


def _offer() -> None:
    """The shipped plan: what it takes, and the button that runs it."""
    with st.container(border=True, key="open-domain-missing"):
        st.markdown("**Not measured yet: a plan trained on other relations.** The shipped one on the demo world:")
        if progress.watch(plan_bar.running_job(), key="domain-plan"):
            return
        plan_bar.watched()
        plan_start.offer(read_plan(plan_start.DEMO / SHIPPED))
        st.caption("It can be stopped and gone on with, here or on the command line:")
        st.code(f"palimpsest experiments demo/{SHIPPED}", language="bash", wrap_lines=True)


def _answer(chosen: dict[str, str]) -> None:
    tables = {kind: workspace().plan_results(name) for kind, name in chosen.items()}
    rows = figures.domain_rows(**tables)
    if rows.empty:
        st.caption("These plans share no measured training size yet; the figure appears as cells are done.")
        return
    words = figures.domain_words(rows)
    st.info(plain(words), icon=":material/insights:")
    making: dict[str, Any] = {"about": partial(_about, chosen)}
    states = [state for state in figures.STATES if (rows["state"] == state).any()]
    with st.container(horizontal=True):
        domains = {"places": figures.PLACES, "others": figures.OTHERS}
        address.hold(address.one_of("domain_asked", domains, "others"), address.one_of("domain_state", states, "tuned"))
        asked = st.segmented_control(
            "Asked about", list(domains), required=True, format_func=domains.get, key="domain_asked"
        )
        state = st.segmented_control(
            "The model", states, required=True, format_func=figures.STATES.get, key="domain_state"
        )
    key = f"domain-points-{asked}-{state}"
    charts.show(figures.domain_points(rows, domains[asked], state), key=key, alt=words, **making)
    charts.table(figures.domain_table(rows), key="domain_table", columns=COLUMNS, alt=words, width="stretch", **making)
    open_asking.foot(
        _command(chosen),
        "The demo's other relations hold a fifth as many facts each and were a smaller part of its training, so the "
        "two domains differ in more than their subject: compare the order of the levels, not the heights.",
    )


def _about(chosen: dict[str, str]) -> About:
    """What made it: every chosen plan with its base, questions, cells and seeds, and the commands that run them."""
    plans = {kind: workspace().plan(name) for kind, name in chosen.items()}
    bases = list(
        dict.fromkeys(Models(kept.plan.base, base_content=plan_making.base_id(kept)) for kept in plans.values())
    )
    told = {kind: {"base": plan_making.base_words(kept)} | plan_making.asked(kept) for kind, kept in plans.items()}
    return About(
        models=bases[0] if len(bases) == 1 else NO_MODEL,
        command=_command(chosen),
        further=_named(told),
        so_far=_named({kind: plan_making.reached(kept) for kind, kept in plans.items()}),
    )


def _named(told: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is told of each plan, with what it is trained on before every name."""
    return {f"{kind}: {name}": value for kind, fields in told.items() for name, value in fields.items()}


def _command(chosen: dict[str, str]) -> str:
    return " && ".join(map(plan_making.command, chosen.values()))
