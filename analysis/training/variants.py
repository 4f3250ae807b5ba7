"""Ways of fine-tuning: the paper's plain one, LoRA, and proactive ones that try to need no repair afterwards.

The paper (arXiv 2509.16596) leaves open how unneeded updates could be kept from happening; each variant here is one
published idea for that, with its source beside it. A record of what is asked for; knows no model and no Trainer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from analysis.errors import TrainingError
from analysis.weights.names import place

VariantName = Literal["sft", "lora", "l2sp", "kl", "freeze", "by-level", "restoring"]


@dataclass(frozen=True)
class About:
    """What a variant is: its name for people, what it does, its source, and what its strength means and may be.

    `unit` is "" where a strength means nothing to it. `default` lies within [`lowest`, `highest`].
    """

    title: str
    does: str
    source: str
    unit: str = ""
    default: float | None = None
    lowest: float = 0.0
    highest: float = 0.0


VARIANTS: dict[VariantName, About] = {
    "sft": About("Plain fine-tuning", "Every weight is trained.", "Ye et al. 2025, arXiv 2509.16596"),
    "lora": About(
        "LoRA",
        "The weights stay; thin matrices beside every linear layer are trained.",
        "Hu et al. 2021, arXiv 2106.09685",
        *("rank", 16, 1, 1024),
    ),
    "l2sp": About(
        "Pull toward the base (L2-SP)",
        "Each step also pulls every weight back toward its base value, in proportion to the distance.",
        "Li, Grandvalet and Davoine 2018, arXiv 1802.01483, decoupled from Adam as in arXiv 1711.05101",
        *("share of the distance taken back a step at the full learning rate", 0.01, 0, 1),
    ),
    "kl": About(
        "KL to the base",
        "The loss also holds the KL divergence from the base's next-token probabilities, over the answer's tokens.",
        "Ziegler et al. 2019, arXiv 1909.08593",
        *("nats of loss a nat of divergence", 0.1, 0, 1000),
    ),
    "freeze": About(
        "Frozen layers or modules",
        "The chosen layers or kinds of module are not trained; where none is chosen, the first eighth of the layers.",
        "Lee et al. 2023 (surgical fine-tuning), arXiv 2210.11466; the layers are those of the paper's Table 11",
    ),
    "by-level": About(
        "Lower rate for facts hardly known",
        "A fact's learning rate grows in a line with its mastery, from this share at level 0 to all of it at level 4.",
        "curriculum weights by difficulty, after Kumar et al. 2010 (self-paced learning)",
        *("share of the learning rate at level 0", 0.1, 0, 1),
    ),
    "restoring": About(
        "Restoring during training",
        "Every few steps, and after the last, the most changed weights get their base values back.",
        "Lee, Cho and Kang 2020 (Mixout), arXiv 1909.11299, with the paper's ranking in place of chance",
        *("percent of the weights put back each time", 20, 0, 100),
    ),
}
VARIANT_NAMES: tuple[VariantName, ...] = get_args(VariantName)
EVERY_STEPS = 30
FROZEN_SHARE = 8  # the paper's Table 11: layers 0 to 3 of 32 are the critical ones
_NARROWED = ("freeze", "restoring")


@dataclass(frozen=True)
class Variant:
    """One way of fine-tuning; settings left None get the variant's default, and those it has no use for are refused.

    `strength` is what VARIANTS says of it. `layers` (numbers) and `modules` (kinds: q, k, v, o, gate, up, down, ...)
    say what is frozen, or narrow what is restored (None: all layers' weights without norms); both are kept sorted.
    `every`: restoring happens each time so many steps are done, and after the last. Raises TrainingError with every
    problem.
    """

    name: VariantName = "sft"
    strength: float | None = None
    layers: tuple[int, ...] | None = None
    modules: tuple[str, ...] | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        if self.name not in VARIANTS:
            raise TrainingError(f"No variant is called {self.name!r}: choose one of {', '.join(VARIANT_NAMES)}.")
        for field in ("layers", "modules"):  # the same set is the same variant, whatever its order
            value = getattr(self, field)
            object.__setattr__(self, field, tuple(sorted(set(value))) if value is not None else None)
        if problems := [*self._strength_problems(), *self._part_problems()]:
            raise TrainingError(f"The variant {self.name} cannot be as asked.", items=problems)
        about = VARIANTS[self.name]
        object.__setattr__(self, "strength", about.default if self.strength is None else float(self.strength))
        object.__setattr__(self, "every", EVERY_STEPS if self.name == "restoring" and not self.every else self.every)

    def _strength_problems(self) -> list[str]:
        about = VARIANTS[self.name]
        if self.strength is None:
            return []
        if not about.unit:
            return [f"strength is {self.strength:g}, but {self.name} has none: leave it out"]
        problems = []
        if not (math.isfinite(self.strength) and about.lowest <= self.strength <= about.highest):
            problems.append(f"strength is {self.strength:g} ({about.unit}): give {about.lowest:g} to {about.highest:g}")
        elif self.name == "lora" and self.strength != int(self.strength):
            problems.append(f"strength is {self.strength:g}, and a rank is a whole number")
        return problems

    def _part_problems(self) -> list[str]:
        problems = []
        for name in ("layers", "modules"):
            value = getattr(self, name)
            if value is not None and self.name not in _NARROWED:
                problems.append(f"{name} mean nothing to {self.name}: leave them out")
            elif value == ():
                problems.append(f"{name} are empty: name at least one, or leave them out")
        if self.every is not None and self.name != "restoring":
            problems.append(f"every means nothing to {self.name}: leave it out")
        elif self.every is not None and self.every < 1:
            problems.append(f"every is {self.every} steps: give 1 or more")
        return problems

    def identity(self) -> dict[str, Any]:
        """What tells this variant from others, for keys and cards: its name and the settings that mean something."""
        fields = {name: getattr(self, name) for name in ("strength", "layers", "modules", "every")}
        return {"name": self.name} | {name: value for name, value in fields.items() if value is not None}

    def __str__(self) -> str:
        """Short, for titles: 'restoring 20, every 30, layers 0-3'."""
        words = [self.name if self.strength is None else f"{self.name} {self.strength:g}"]
        words += [f"every {self.every}"] if self.every else []
        words += [f"layers {','.join(map(str, self.layers))}"] if self.layers else []
        words += [",".join(self.modules)] if self.modules else []
        return ", ".join(words)


PLAIN = Variant()


def part_of(variant: Variant, names: Sequence[str]) -> list[str]:
    """Which of these parameters the variant's layers and modules mean, in their order.

    Freezing without either means the first eighth of the layers (at least one), whole; restoring without them means
    every weight of the layers but the norms, the paper's scope.
    """
    places = {name: place(name) for name in names}
    layers = variant.layers
    if variant.name == "freeze" and layers is None and variant.modules is None:
        count = 1 + max((at.layer for at in places.values() if at.layer is not None), default=-1)
        layers = tuple(range(max(1, count // FROZEN_SHARE)))
    return [
        name
        for name, at in places.items()
        if (layers is None or at.layer in layers)
        and (variant.modules is None or at.module in variant.modules)
        and (variant.name == "freeze" or "transformer" in at.regions)
    ]
