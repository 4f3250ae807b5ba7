"""What made the figures of a plan, for their pins: the plan, its base and cells, and the command that runs it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.experiments import paper
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from analysis.figures import numbers
from cache.about import NO_MODEL, About, Models
from cache.experiments.folder import KeptPlan
from cache.keys import digest
from cache.memo import workspace
from cache.news import CELLS, PLAN

ROOT = Path(__file__).resolve().parents[2]
ID_LENGTH = 16  # of a content hash
PARTS = ("train", "in-domain", "out-of-domain")  # of a plan's questions, in the order of their hashes in a cell's key
PAPER: dict[str, Any] = {"about": About(models=NO_MODEL, command="", further=paper.SOURCE)}  # the paper's own numbers


def of(plan: str, more: Mapping[str, Any] | None = None, *, whole: bool = True) -> dict[str, Any]:
    """The option `about` of a figure or table of this plan; `more` is the figure's own.

    `whole`: cells that are measured later belong in it too. What it hangs on is read when it is pinned or saved.
    """
    return {"about": partial(about, plan, dict(more or {}), whole)}


def about(plan: str, more: Mapping[str, Any], whole: bool = True) -> About:
    """What a figure of this plan hangs on: its base, and no pair that the session looks at."""
    kept = workspace().plan(plan)
    base = Models(kept.plan.base, base_content=base_id(kept))
    so_far = {name: value for name, value in reached(kept).items() if whole or name != CELLS}
    return About(models=base, command=command(plan), further=asked(kept) | dict(more), so_far=so_far)


def asked(kept: KeptPlan) -> dict[str, Any]:
    """The plan, and how its models are trained and asked: what stays when it is gone on with, or grows."""
    plan, hashes = kept.plan, next((keyed.parts["data"] for keyed in kept.cells if "data" in keyed.parts), ())
    named = ", ".join(f"{part} {name[:ID_LENGTH]}" for part, name in zip(PARTS, hashes, strict=False))
    devices = dict.fromkeys(keyed.cell.device for keyed in kept.cells)
    return {
        PLAN: plan.name,
        "questions": f"{Path(plan.questions).name} ({named})" if named else Path(plan.questions).name,
        "prompt": plan.prompt,
        "dtype": plan.dtype,
        "learning rate": f"{plan.train.learning_rate:g}",
        "runs on": f"{', '.join(devices)}, threads {plan.run.threads}",
    }


def reached(kept: KeptPlan) -> dict[str, Any]:
    """How far the plan is: what is trained and restored, how many cells and tuned models are measured, and n."""
    train, state = kept.plan.train, workspace().plan_state(kept.plan.name)
    sizes = ", ".join(numbers.count(size) if size else "all" for size in train.sizes)
    return {
        CELLS: f"{state.done} of {state.cells}",
        "trained on": f"levels {', '.join(train.levels)}; {sizes} facts",
        "seeds": ", ".join(map(str, train.seeds)),
        "tuned models": tuned_words(kept),
        "restored": restored_words(kept),
        "n": n_words(kept.plan),
    }


def tuned_words(kept: KeptPlan) -> str:
    """How many of the plan's tuned models are measured, and one hash over the content hashes of these."""
    found = workspace().plan_cells(kept.plan.name)
    measured = sorted({str(name) for name in found.loc[found["variant"] != "base", "tuned_id"] if name})
    total = len({keyed.tuned for keyed in kept.cells if keyed.tuned})
    return f"{len(measured)} of {total} measured" + (f" (contents {digest(measured)[:ID_LENGTH]})" if measured else "")


def restored_words(kept: KeptPlan) -> str:
    """Every stop the plan's models are asked at."""
    restore, stops = kept.plan.restore, [spec for keyed in kept.cells[:1] for spec in keyed.cell.stops()]
    if not stops:
        return "nothing"
    percents = ", ".join(f"{percent:g}%" for percent in sorted(restore.percents))
    arithmetics = ", ".join(dict.fromkeys(spec.arithmetic for spec in stops))
    return f"{', '.join(restore.strategies)} at k = {percents}; arithmetic {arithmetics}"


def n_words(plan: Plan) -> str:
    """How many test questions a run was asked, by domain; where none is measured, how many it will be at most."""
    table = workspace().plan_results(plan.name)
    told = table[(table["measure"] == "accuracy") & (table["group"] == "micro") & (table["n"] > 0)]
    counts = told.groupby("domain")["n"].max().to_dict()
    found = {"in": counts.get("in", plan.measure.in_domain), "out": counts.get("out", plan.measure.out_of_domain)}
    words = {side: numbers.count(n) if n is not None else "all" for side, n in found.items()}
    return f"{words['in']} in-domain, {words['out']} out-of-domain"


def base_id(kept: KeptPlan) -> str:
    """The content hash of the plan's base, as its cells' keys have it."""
    return next((str(keyed.parts["base"]) for keyed in kept.cells if "base" in keyed.parts), "")


def base_words(kept: KeptPlan) -> str:
    """The base by name and hash, where a figure is of several plans."""
    return f"{Path(kept.plan.base).name} {base_id(kept)[:ID_LENGTH]}".strip()


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
