"""What identifies a cell's result and a plan's tuned model: everything their bits hang on, and nothing else.

A cell's key holds the contents of base and questions, every setting, the version of every algorithm it goes through
and of the libraries beneath, the kind of device and the number of threads; paths, engines, and how checkpoints are kept
are no part of it.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version

from analysis.experiments.grid import Cell, cells_of
from analysis.experiments.plan import Plan
from analysis.experiments.survey import Survey
from analysis.records import ResultKey
from analysis.training.card import library_versions
from cache.experiments.folder import KeptPlan, KeyedCell
from cache.keys import VERSIONS, key_digest, make_key

ALGORITHMS = ("evaluation", "paper_divergence", "profile", "blend", "sft", "tuned")


def keyed_plan(plan: Plan, found: Survey, device: str) -> KeptPlan:
    """The plan's cells with their keys, run on this kind of device."""
    return KeptPlan(plan, tuple(_keyed(cell, found) for cell in cells_of(plan, device)))


def libraries() -> dict[str, str]:
    """Versions of the libraries that a cell's bits hang on: what trains, what answers, what draws lots."""
    return library_versions() | {"numpy": version("numpy")}


def tuned_key(cell: Cell, base_id: str, companions: str, train_id: str) -> ResultKey:
    """What identifies a tuned model before it is trained."""
    return make_key(
        "tuned",
        base=base_id,
        companions=companions,
        facts=train_id,
        training=cell.training(),
        sft=VERSIONS["sft"],
        libraries=library_versions(),
    )


def _keyed(cell: Cell, found: Survey) -> KeyedCell:
    parts = {
        "kind": cell.kind,
        "base": found.base_id,
        "companions": found.companions,
        "data": list(found.data_ids),
        "relations": list(cell.relations),
        "prompt": cell.prompt,
        "dtype": cell.dtype,
        "stops": [spec.identity() for spec in cell.stops()],
        "measure": asdict(cell.measure),
        "threads": cell.threads,
        "device": cell.device,
        "libraries": libraries(),
        "algorithms": {name: VERSIONS[name] for name in ALGORITHMS},
    }
    if cell.kind == "base":
        return KeyedCell(cell, VERSIONS["cell"], parts)
    trained = tuned_key(cell, found.base_id, found.companions, found.data_ids[0])
    folder = f"{cell.name}-{key_digest(trained)[:12]}"
    return KeyedCell(cell, VERSIONS["cell"], parts | {"tuned": dict(trained.parts)}, folder)
