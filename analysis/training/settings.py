"""How to train, once what to train on is drawn: the paper's settings (arXiv 2509.16596), and what they may be.

The paper: batches of 8, one epoch, AdamW, cosine schedule without warm-up, learning rate 1e-5. What it does not name is
Trainer's default: weight decay 0, gradients clipped at norm 1. Knows neither questions nor the library it runs on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

from analysis.training.variants import PLAIN, Variant

SCHEDULE = "cosine"
WEIGHT_DECAY = 0.0
CLIP_NORM = 1.0
PAPER_LEARNING_RATE = 1e-5
Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class Settings:
    """How to train; the defaults are the paper's.

    `batch_size` facts make a step, over however many processes, each of which takes its share in `accumulate` parts one
    after the other. `precision` is that of the arithmetic, weights and Adam's moments are float32 always ("auto":
    bfloat16 on a CUDA device that has it). `gradient_checkpointing` computes activations again instead of keeping them.
    """

    learning_rate: float = PAPER_LEARNING_RATE
    batch_size: int = 8
    epochs: int = 1
    seed: int = 0
    variant: Variant = PLAIN
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    accumulate: int = 1

    def micro_batch(self, processes: int) -> int:
        """Facts that one of so many processes takes at once."""
        return self.batch_size // (processes * self.accumulate)

    @property
    def lora(self) -> dict[str, Any] | None:
        """PEFT's settings where an adapter is trained, else None; twice the rank as alpha, as is usual."""
        if self.variant.name != "lora":
            return None
        rank = int(self.variant.strength or 1)
        return {"r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0, "target_modules": "all-linear"}

    def problems(self, processes: int = 1) -> list[str]:
        """Every setting outside its range, and a batch that so many processes cannot share evenly."""
        problems = []
        if not 0 < self.learning_rate < 1:
            problems.append(f"learning_rate is {self.learning_rate}: give a number between 0 and 1, like 1e-5")
        counts = {name: getattr(self, name) for name in ("batch_size", "epochs", "accumulate")}
        problems += [f"{name} is {value}: give 1 or more" for name, value in counts.items() if value < 1]
        if self.precision not in PRECISIONS:
            problems.append(f"precision is {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        if self.accumulate > 1 and self.variant.name == "by-level":
            problems.append(f"accumulate is {self.accumulate}, and by-level weighs a batch as a whole: leave it at 1")
        parts = processes * self.accumulate
        if parts > 0 and self.batch_size % parts:
            over = [f"{processes} processes"] * (processes > 1) + [f"{self.accumulate} parts"] * (self.accumulate > 1)
            problems.append(
                f"batch_size is {self.batch_size}, and {' of '.join(over)} cannot share it evenly: give a multiple of "
                f"{parts}"
            )
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
