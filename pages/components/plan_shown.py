"""What a section shows of a plan: the models of one way of fine-tuning, chosen on the page, and what may stand beside.

The paper's marks and verdicts are of plain fine-tuning on places, and stand beside that alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from analysis.experiments.grid import variant_label
from analysis.experiments.narrowed import Narrowed
from analysis.experiments.plan import Plan
from analysis.experiments.spread import PLAIN, of_variant
from analysis.figures.experiments import variant_name
from analysis.records import IN_DOMAIN
from cache.memo import workspace
from pages.components import address, plan_making
from pages.components.words import plain

CHOSEN = "plan_variant"  # in the address: which way of fine-tuning the sections show
OTHER_WAY = (
    "These models were trained by: {name}. The paper's numbers and verdicts are of plain fine-tuning, and do not stand "
    "beside these."
)
OTHER_FACTS = (
    "This plan trains on other relations than the paper's places: the paper's numbers do not stand beside these, and "
    "its findings are held against another domain than its own."
)


@dataclass(frozen=True)
class Shown:
    """A plan's results as a section shows them: `table` of the base and one `variant`, `every` of all of them.

    `on_places`: whether the plan trains on the relations that the paper trains on.
    """

    plan: str
    variant: str
    table: pd.DataFrame
    every: pd.DataFrame
    on_places: bool

    @property
    def papers(self) -> bool:
        """Whether the paper's own numbers may stand beside these."""
        return self.is_plain and self.on_places

    @property
    def is_plain(self) -> bool:
        """Whether these models are fine-tuned plainly, as the paper's are."""
        return self.variant == PLAIN

    def key(self, name: str) -> str:
        """A figure's or table's name, its own for every variant."""
        return name if self.is_plain else f"{name}-{re.sub('[^a-z0-9.]+', '-', self.variant)}"

    def made(self, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What made a figure, with how its models were trained where that is not plainly."""
        return dict(more or {}) | ({} if self.is_plain else {"variant": variant_name(self.variant)})

    def making(
        self, more: Mapping[str, Any] | None = None, *, level: str | None = None, size: int | None = None
    ) -> dict[str, Any]:
        """The option `about` of a figure or table of these models, of one level or size where it is of one."""
        return plan_making.of(self.plan, self.made(more), only=Narrowed(level, size, self.variant))


def of(plan: str) -> Shown:
    """What of a plan is shown: the variant that the address names, else the plain one, else the plan's first."""
    asked, every = workspace().plan(plan).plan, workspace().plan_results(plan)
    variants = variants_of(asked)
    address.hold(address.one_of(CHOSEN, variants, PLAIN if PLAIN in variants else variants[0]))
    variant = str(st.session_state[CHOSEN])
    relations = set(asked.train.relations)
    return Shown(plan, variant, of_variant(every, variant), every, on_places=relations <= set(IN_DOMAIN))


def variants_of(plan: Plan) -> list[str]:
    """The plan's ways of fine-tuning by their labels, as its results name them."""
    return list(dict.fromkeys(map(variant_label, plan.train.variants)))


def choose(shown: Shown) -> None:
    """The choice of the variant, where the plan has several; and why the paper's numbers are not there."""
    variants = variants_of(workspace().plan(shown.plan).plan)
    if len(variants) > 1:
        st.selectbox("Trained by", variants, format_func=variant_name, key=CHOSEN, width=420)
    if not shown.is_plain:
        st.caption(plain(OTHER_WAY.format(name=variant_name(shown.variant))))
    elif not shown.on_places:
        st.caption(OTHER_FACTS)
