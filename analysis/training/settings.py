"""How to train, once what to train on is drawn: the paper's settings (arXiv 2509.16596), and what they may be.

The paper: batches of 8, one epoch, AdamW, cosine schedule without warm-up, learning rate 1e-5. What it does not name is
Trainer's default: weight decay 0, gradients clipped at norm 1. Knows neither questions nor the library it runs on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from analysis.training.variants import PLAIN, Variant

SCHEDULE = "cosine"
WEIGHT_DECAY = 0.0
CLIP_NORM = 1.0
PAPER_LEARNING_RATE = 1e-5


@dataclass(frozen=True)
class Settings:
    """How to train; the defaults are the paper's."""

    learning_rate: float = PAPER_LEARNING_RATE
    batch_size: int = 8
    epochs: int = 1
    seed: int = 0
    variant: Variant = PLAIN

    @property
    def lora(self) -> dict[str, Any] | None:
        """PEFT's settings where an adapter is trained, else None; twice the rank as alpha, as is usual."""
        if self.variant.name != "lora":
            return None
        rank = int(self.variant.strength or 1)
        return {"r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0, "target_modules": "all-linear"}

    def problems(self) -> list[str]:
        """Every setting outside its range."""
        problems = []
        if not 0 < self.learning_rate < 1:
            problems.append(f"learning_rate is {self.learning_rate}: give a number between 0 and 1, like 1e-5")
        for name, value in (("batch_size", self.batch_size), ("epochs", self.epochs)):
            if value < 1:
                problems.append(f"{name} is {value}: give 1 or more")
        return problems


def part_problems(variant: Variant, layers: Collection[int], modules: Collection[str]) -> list[str]:
    """Layers and kinds of module this variant names and a base with these has not."""
    problems = []
    if unknown := sorted(set(variant.layers or ()) - set(layers)):
        there = f"0 to {max(layers)}" if layers else "none"
        problems.append(f"the base has no layer {', '.join(map(str, unknown))} (its layers: {there})")
    if missing := sorted(set(variant.modules or ()) - set(modules)):
        problems.append(f"the base has no module {', '.join(missing)} (its modules: {', '.join(sorted(modules))})")
    return problems
