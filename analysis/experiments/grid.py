"""A plan laid out as cells: one for the base, one for every tuned model. Pure; knows no files and no keys.

A cell carries everything that its results hang on but the contents of the base and the question files, so that equal
cells of two plans are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

from analysis.experiments.plan import Measuring, Plan, Restoring
from analysis.language.load import DTYPES
from analysis.records import SEEDED, RestoreSpec
from analysis.training.settings import Precision
from analysis.training.variants import Variant

PLAIN = Variant()
CellKind = Literal["base", "tuned"]


@dataclass(frozen=True)
class Cell:
    """One piece of a plan: the base measured, or one model fine-tuned, restored and measured.

    `size` 0 means all facts of the level. `threads` is the CPU threads that all of it runs on, `device` the kind of
    device ("cpu", "cuda", "mps").
    """

    kind: CellKind
    base: str
    questions: str
    mastery: str | None
    prompt: str
    dtype: str
    relations: tuple[str, ...]
    restore: Restoring
    measure: Measuring
    threads: int
    level: str = ""
    size: int = 0
    seed: int = 0
    variant: Variant = PLAIN
    learning_rate: float = 0.0
    batch_size: int = 0
    epochs: int = 0
    device: str = "cpu"
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    accumulate: int = 1

    @property
    def name(self) -> str:
        """Short, for progress lines and folders: "level-0-240-seed-1", or "base"."""
        if self.kind == "base":
            return "base"
        level = self.level.replace("mix:", "mix-") if self.level.startswith("mix:") else f"level-{self.level}"
        variant = "" if self.variant == PLAIN else f"-{variant_label(self.variant).replace(' ', '-')}"
        return f"{level}-{self.size or 'all'}-seed-{self.seed}{variant}"

    @property
    def variant_name(self) -> str:
        """As the result table has it: "base" for the untrained model."""
        return "base" if self.kind == "base" else variant_label(self.variant)

    def training(self) -> dict[str, Any]:
        """What the tuned weights hang on, beside the contents of base and questions."""
        return {
            "relations": list(self.relations),
            "level": self.level,
            "size": self.size,
            "seed": self.seed,
            "variant": asdict(self.variant),
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "prompt": self.prompt,
            "threads": self.threads,
            "device": self.device,
            "precision": self.precision,
            "gradient_checkpointing": self.gradient_checkpointing,
            "accumulate": self.accumulate,
        }

    def stops(self) -> tuple[RestoreSpec, ...]:
        """Every stop of the plan, in the order a slider would take them."""
        found = [
            RestoreSpec(percent, strategy, seed=seed).canonical()
            for strategy in self.restore.strategies
            for seed in (self.restore.seeds if strategy in SEEDED else self.restore.seeds[:1])
            for percent in sorted(self.restore.percents)
        ]
        return tuple(dict.fromkeys(found))


def cells_of(plan: Plan, device: str = "cpu") -> tuple[Cell, ...]:
    """The plan's cells on this kind of device: the base first, then sizes from small to large, so that early results
    come early.
    """
    base = Cell(
        "base",
        plan.base,
        plan.questions,
        plan.mastery,
        plan.prompt,
        _dtype(plan.dtype),
        plan.train.relations,
        Restoring((), ()),
        replace(plan.measure, train_percents=(), kl=False, profile=False, layer_groups=0),
        plan.run.threads,
        device=device,
    )
    return (base, *_tuned(plan, base))


def _tuned(plan: Plan, base: Cell) -> Iterator[Cell]:
    train = plan.train
    sizes = sorted(train.sizes, key=lambda size: size or float("inf"))
    for seed, size, variant, level in product(train.seeds, sizes, train.variants, train.levels):
        yield replace(
            base,
            kind="tuned",
            restore=plan.restore,
            measure=replace(plan.measure, train_percents=_with_start(plan.measure.train_percents)),
            level=level,
            size=size,
            seed=seed,
            variant=variant,
            learning_rate=train.learning_rate,
            batch_size=train.batch_size,
            epochs=train.epochs,
            precision=_precision(train.precision, base.device),
            gradient_checkpointing=train.gradient_checkpointing,
            accumulate=train.accumulate,
        )


def _with_start(percents: tuple[float, ...]) -> tuple[float, ...]:
    """With the tuned model as it is, whenever restored ones are asked: what they are compared with."""
    return (0.0, *percents) if percents and 0 not in percents else percents


def _dtype(asked: str) -> str:
    """The dtype that every cell is asked in. "auto" is float32: what trains holds its weights so, on the same device,
    and the free memory of some moment must not decide what two cells of one plan are compared in.
    """
    return "float32" if asked == "auto" else DTYPES.get(asked, asked)


def _precision(asked: Precision, device: str) -> Precision:
    """What "auto" is on such a device: every node of a plan must train alike."""
    if asked != "auto":
        return asked
    return "bfloat16" if device == "cuda" else "float32"


def variant_label(variant: Variant) -> str:
    """The variant's name, followed by whatever differs from its defaults: "l2sp strength=0.1"."""
    usual = asdict(Variant(variant.name))
    told = [f"{name}={_told(value)}" for name, value in asdict(variant).items() if value != usual[name]]
    return " ".join([variant.name, *told])


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
