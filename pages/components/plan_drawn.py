"""The parts of a plan's results by name, in the order they are offered, and what draws each."""

from collections.abc import Callable

import streamlit as st

from analysis.experiments import agreement
from analysis.experiments.spread import PLAIN
from cache.memo import workspace
from pages.components import plan_claims, plan_more_sections, plan_places, plan_runs, plan_sections, plan_shown
from pages.components.plan_shown import Shown

SECTIONS = {
    "paper": "Against the paper",
    "size": "Accuracy and size",
    "kl": "KL",
    "concentration": "Concentration",
    "restoration": "Restoration",
    "ways": "Ways of training",
    "places": "Where restored",
    "runs": "Runs",
}


OF_ONE_VARIANT = ("size", "kl", "concentration", "restoration", "places")  # the others show several, or the plain one
NO_PLAIN = (
    'This plan trains no plain models (variant "sft"), and the paper\'s findings are of plain fine-tuning: none is '
    "held against it. The other sections show what this plan has."
)


def against_the_paper(shown: Shown) -> None:
    """Every finding of the paper with its verdict, of the plain models; where the plan has none, that it has none."""
    if PLAIN not in plan_shown.variants_of(workspace().plan(shown.plan).plan):
        st.info(NO_PLAIN, icon=":material/info:")
        return
    if not shown.on_places:
        st.caption(plan_shown.OTHER_FACTS)
    found = agreement.claims(shown.every, plan_places.base_shares(shown.every))
    plan_claims.lines(found, shown.plan, key="all")


DRAWN: dict[str, Callable[[Shown], None]] = {
    "paper": against_the_paper,
    "size": plan_sections.size,
    "kl": plan_more_sections.kl,
    "concentration": plan_more_sections.concentrated,
    "restoration": plan_sections.restoration,
    "ways": plan_more_sections.several_ways,
    "places": plan_places.where,
    "runs": plan_runs.runs,
}
