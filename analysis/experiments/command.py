"""The command line that makes a cell's tuned model again, for a person to copy."""

from __future__ import annotations

import shlex

from analysis.experiments.grid import Cell
from analysis.experiments.plan import level_of, mix_of
from analysis.records import IN_DOMAIN
from analysis.training.variants import Variant


def command_of(cell: Cell) -> str:
    """`palimpsest sft ...` with every setting of the cell that is not the default; "" for the base's cell.

    Fractions are written to their last digit: thirds cut short would no longer add up to 1.
    """
    if cell.kind == "base":
        return ""
    words = ["palimpsest", "sft", cell.base, cell.name, "--questions", cell.questions]
    words += ["--mastery", cell.mastery] if cell.mastery else []
    level, mix = level_of(cell.level), mix_of(cell.level)
    words += ["--level", str(level)] if level is not None else []
    words += ["--mix", ",".join(f"{name}={share!r}" for name, share in mix.items())] if mix else []
    words += ["--size", str(cell.size)] if cell.size else []
    words += ["--seed", str(cell.seed), "--learning-rate", repr(cell.learning_rate)]
    words += ["--relations", ",".join(cell.relations)] if set(cell.relations) != set(IN_DOMAIN) else []
    words += ["--batch-size", str(cell.batch_size)] if cell.batch_size != 8 else []
    words += ["--epochs", str(cell.epochs)] if cell.epochs != 1 else []
    words += _variant_words(cell.variant)
    words += ["--precision", cell.precision] if cell.device != "cpu" or cell.precision != "float32" else []
    words += ["--gradient-checkpointing"] if cell.gradient_checkpointing else []
    words += ["--accumulate", str(cell.accumulate)] if cell.accumulate != 1 else []
    words += ["--prompt", cell.prompt] if cell.prompt != "paper" else []
    return shlex.join([*words, "--threads", str(cell.threads), "--device", cell.device])


def _variant_words(variant: Variant) -> list[str]:
    usual = Variant(variant.name)
    words = ["--variant", variant.name] if variant != Variant() else []
    if variant.strength is not None and variant.strength != usual.strength:
        words += ["--strength", repr(variant.strength)]
    words += ["--layers", ",".join(map(str, variant.layers))] if variant.layers is not None else []
    words += ["--modules", ",".join(variant.modules)] if variant.modules is not None else []
    if variant.every is not None and variant.every != usual.every:
        words += ["--every", str(variant.every)]
    return words
