"""The parts of a plan's results by name, in the order they are offered, and what draws each."""

from collections.abc import Callable

import pandas as pd

from analysis.experiments import agreement
from pages.components import plan_claims, plan_more_sections, plan_runs, plan_sections

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


def against_the_paper(table: pd.DataFrame, plan: str) -> None:
    """Every finding of the paper with its verdict."""
    plan_claims.lines(agreement.claims(table, plan_more_sections.base_shares(table)), plan, key="all")


DRAWN: dict[str, Callable[[pd.DataFrame, str], None]] = {
    "paper": against_the_paper,
    "size": plan_sections.size,
    "kl": plan_more_sections.kl,
    "concentration": plan_more_sections.concentrated,
    "restoration": plan_sections.restoration,
    "ways": plan_more_sections.several_ways,
    "places": plan_more_sections.where,
    "runs": plan_runs.runs,
}
