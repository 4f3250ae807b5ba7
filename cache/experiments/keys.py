"""What identifies a cell's result and a plan's tuned model: everything their bits hang on, and nothing else.

A cell's key holds the contents of base and questions, every setting, the version of every algorithm it goes through
and of the libraries beneath, the kind of device (of a processor also what it is capable of) and the number of threads;
where KL is measured, the statements that the base is put. Paths, engines, and how checkpoints are kept are no part.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version

from analysis.experiments.grid import Cell, cells_of
from analysis.experiments.plan import Plan
from analysis.experiments.survey import Survey
from analysis.records import ResultKey
from analysis.training.card import library_versions
from cache.experiments.folder import KeptPlan, KeyedCell
from cache.keys import VERSIONS, digest, key_digest, make_key

ALGORITHMS = ("evaluation", "paper_divergence", "profile", "blend", "sft", "tuned")


def keyed_plan(plan: Plan, found: Survey, device: str) -> KeptPlan:
    """The plan's cells with their keys, run on this kind of device."""
    made_on = processor() if device == "cpu" else ""
    return KeptPlan(plan, tuple(_keyed(cell, found, made_on) for cell in cells_of(plan, device)))


def libraries() -> dict[str, str]:
    """Versions of the libraries that a cell's bits hang on: what trains, what answers, what draws lots."""
    return library_versions() | {"numpy": version("numpy")}


def processor() -> str:
    """This machine's architecture and what torch's kernels make of it ("x86_64 AVX512"); imports torch.

    Kernels of another width add up in another order: equal bits are of like processors only.
    """
    import torch

    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def tuned_key(cell: Cell, found: Survey, made_on: str) -> ResultKey:
    """What identifies a tuned model before it is trained; `made_on` is the processor, "" on accelerators."""
    return make_key(
        "tuned",
        base=found.base_id,
        companions=found.companions,
        facts=found.data_ids[0],
        training=cell.training(),
        processor=made_on,
        sft=VERSIONS["sft"],
        libraries=library_versions(),
    )


def _keyed(cell: Cell, found: Survey, made_on: str) -> KeyedCell:
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
        "processor": made_on,
        "libraries": libraries(),
        "algorithms": {name: VERSIONS[name] for name in ALGORITHMS},
    }
    if cell.kind == "base":
        return KeyedCell(cell, VERSIONS["cell"], parts)
    if cell.measure.kl:
        parts["statements"] = digest(found.statements)
    trained = tuned_key(cell, found, made_on)
    folder = f"{cell.name}-{key_digest(trained)[:12]}"
    return KeyedCell(cell, VERSIONS["cell"], parts | {"tuned": dict(trained.parts)}, folder)
