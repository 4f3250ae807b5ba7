"""How much memory a plan's cell cannot do without, told from the base's headers before anything runs.

Weights, gradients, Adam's moments and a variant's copy of the base (analysis.training.asked), not the activations: what
does not fit so is certain not to, and what does may still be short of memory. Reads headers only.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.errors import PalimpsestError
from analysis.experiments.plan import Plan
from analysis.training.asked import memory_bytes
from analysis.training.settings import Settings
from analysis.weights.checkpoint import open_checkpoint

PROCESS_BYTES = 500_000_000  # of a process before it has a model: torch, transformers, numba (435 MB measured)
WEIGHT_BYTES = 4  # a cell trains in float32


@dataclass(frozen=True)
class CellMemory:
    """Bytes of the cell that takes most, of this variant: where it trains, and of the weights alone, which pass through
    main memory on their way to an accelerator.
    """

    variant: str
    trains: int
    loads: int

    def in_main(self, *, on_accelerator: bool) -> int:
        """Bytes of main memory."""
        return self.loads if on_accelerator else self.trains

    def problem(self, needed: int, there: int, where: str) -> str:
        """Why so much cannot be had, with the ways out; "" where it can."""
        if needed <= there:
            return ""
        return (
            f"memory: a cell of the variant {self.variant} needs about {_gigabytes(needed)} {where} (activations not "
            f'counted), and {_gigabytes(there)} are there: train adapters (variants = ["lora"]), freeze layers, or '
            "take a machine with more"
        )


def cell_memory(plan: Plan) -> CellMemory | None:
    """Of this plan's cells; None where its base cannot be opened, which the survey tells."""
    try:
        base = open_checkpoint(plan.base)
    except PalimpsestError:
        return None
    needs = {variant.name: memory_bytes(base, Settings(variant=variant)) for variant in plan.train.variants}
    most = max(needs, key=needs.__getitem__)
    return CellMemory(most, needs[most], WEIGHT_BYTES * base.parameters)


def held_at_once(needed: int, there: int) -> int:
    """How many cells' processes so much main memory holds; at least one, whose weights are known to fit."""
    return max(1, there // (needed + PROCESS_BYTES))


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
