"""What made the figures of a plan, for their pins: the plan, its base and cells, and the command that runs it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.experiments import paper
from analysis.experiments.narrowed import Narrowed, under
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from analysis.figures import numbers
from cache.about import NO_MODEL, About, Models
from cache.experiments.folder import KeptPlan
from cache.keys import digest
from cache.memo import workspace
from cache.news import CELLS, CELLS_OF, PLAN, counted_cells

ROOT = Path(__file__).resolve().parents[2]
ID_LENGTH = 16  # of a content hash
EVERY = Narrowed()  # a figure of the whole plan
PARTS = ("train", "in-domain", "out-of-domain")  # of a plan's questions, in the order of their hashes in a cell's key
PAPER: dict[str, Any] = {"about": About(models=NO_MODEL, command="", further=paper.SOURCE)}  # the paper's own numbers


def of(
    plan: str, more: Mapping[str, Any] | None = None, *, whole: bool = True, only: Narrowed = EVERY
) -> dict[str, Any]:
    """The option `about` of a figure or table of this plan; `more` is the figure's own.

    `whole`: cells that are measured later belong in it too, of those it is of (`only`). What it hangs on is read when
    it is pinned or saved.
    """
    return {"about": partial(about, plan, dict(more or {}), whole, only)}


def about(plan: str, more: Mapping[str, Any], whole: bool = True, only: Narrowed = EVERY) -> About:
    """What a figure of this plan hangs on: its base, and no pair that the session looks at."""
    kept = workspace().plan(plan)
    base = Models(kept.plan.base, base_content=base_id(kept))
    further = asked(kept) | dict(more) | ({CELLS_OF: only.words} if whole and only.words else {})
    told = reached(kept, only if whole else EVERY)
    so_far = {name: value for name, value in told.items() if name not in more and (whole or name != CELLS)}
    return About(models=base, command=command(plan), further=further, so_far=so_far)


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


def reached(kept: KeptPlan, only: Narrowed = EVERY) -> dict[str, Any]:
    """How far the plan is: what is trained and restored, how many cells and tuned models are measured, and n.

    Of the cells and models alone that a figure is of (`only`).
    """
    train = kept.plan.train
    sizes = ", ".join(numbers.count(size) if size else "all" for size in train.sizes)
    return {
        CELLS: counted_cells(workspace().store, kept, only.words),
        "trained on": f"levels {', '.join(train.levels)}; {sizes} facts",
        "seeds": ", ".join(map(str, train.seeds)),
        "tuned models": tuned_words(kept, only),
        "restored": restored_words(kept),
        "n": n_words(kept.plan),
    }


def tuned_words(kept: KeptPlan, only: Narrowed = EVERY) -> str:
    """How many of the plan's tuned models are measured, and one hash over the content hashes of these."""
    wanted = set(under(only.words, (keyed.cell for keyed in kept.cells)))
    own = {keyed.digest: keyed.tuned for keyed in kept.cells if keyed.cell in wanted and keyed.tuned}
    found = workspace().plan_cells(kept.plan.name)
    measured = sorted({str(name) for name in found.loc[found["cell"].isin(own), "tuned_id"] if name})
    total = len(set(own.values()))
    return f"{len(measured)} of {total} measured" + (f" (contents {digest(measured)[:ID_LENGTH]})" if measured else "")


def restored_words(kept: KeptPlan) -> str:
    """Every stop the plan's models are asked at."""
    restore = kept.plan.restore
    stops = [spec for keyed in kept.cells for spec in keyed.cell.stops()]  # the base, first among the cells, has none
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
