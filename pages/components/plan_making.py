"""What made the figures of a plan, for their pins: the plan, its base and cells, and the command that runs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from cache.experiments.folder import KeptPlan
from cache.memo import workspace

ROOT = Path(__file__).resolve().parents[2]
ID_LENGTH = 16  # of a base's content hash


def of(plan: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The options `made` and `command` of a figure or table of this plan; `more` is the figure's own."""
    return {"made": made(plan) | dict(more or {}), "command": command(plan)}


def made(plan: str) -> dict[str, Any]:
    """What every figure of this plan hangs on, by plain name."""
    kept = workspace().plan(plan)
    return {
        "plan": plan,
        "base": f"{Path(kept.plan.base).name} {base_id(kept)[:ID_LENGTH]}".strip(),
        "cells": f"{workspace().plan_state(plan).done} of {len(kept.cells)}",
        "seeds": ", ".join(map(str, kept.plan.train.seeds)),
    }


def base_id(kept: KeptPlan) -> str:
    """The content hash of the plan's base, as its cells' keys have it."""
    return next((str(keyed.parts["base"]) for keyed in kept.cells if "base" in keyed.parts), "")


def command(plan: str) -> str:
    """`palimpsest experiments FILE`: the shipped file where the plan is that one, else a file of the plan's name."""
    kept = workspace().plan(plan).plan
    shipped = next((file for file, held in shipped_plans().items() if held == kept), f"{plan}.toml")
    return f"palimpsest experiments {shipped}"


@st.cache_data(show_spinner=False)
def shipped_plans() -> dict[str, Plan]:
    """The plans that come with the checkout, by file, as a person who stands in it names them."""
    found = {}
    for file in sorted((ROOT / "demo").glob("*.toml")):
        try:
            found[str(file.relative_to(ROOT))] = read_plan(file)
        except PalimpsestError:  # what is wrong with a plan is told where it is begun
            continue
    return found
