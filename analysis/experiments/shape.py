"""How a model's weights are spread over layers and kinds of module: where a random draw over its region would fall.

From headers alone; the region is the paper's (transformer layers without norms). Knows no result.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class WeightShares:
    """Shares (0-1) of the region's weights, by layer number and by kind of module, both as text."""

    by_layer: dict[str, float]
    by_module: dict[str, float]


def weight_shares(model: str) -> WeightShares:
    """Of a checkpoint on disk; CheckpointError where it cannot be read."""
    from analysis.weights.checkpoint import open_checkpoint
    from analysis.weights.names import place

    layers, modules = Counter[str](), Counter[str]()
    for name, entry in open_checkpoint(model).tensors.items():
        at = place(name)
        if "transformer" in at.regions:
            layers[str(at.layer)] += entry.elements
            modules[at.module] += entry.elements
    return WeightShares(_shares(layers), _shares(modules))


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}
