"""The two variants that move weights themselves, between optimizer steps: a pull toward the base, and restoring.

Both keep a copy of the base's weights they need, on the model's device, in the dtype trained in. They see whole
parameters, as on one device or with a copy of the model on each; weights that are split up (FSDP) are refused. Imports
transformers: load it late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from analysis.errors import TrainingError
from analysis.training.variants import Variant, part_of

Pairs = Sequence[tuple[torch.Tensor, torch.Tensor]]
_DIGIT_BITS = 16
_DIGITS = 4  # of a float64's bits: a non-negative one is ordered as these are


def callbacks_of(variant: Variant, model: Any) -> list[TrainerCallback]:
    """What must run beside Trainer for this variant; takes its copy of the base from the model as it is now."""
    if variant.name == "l2sp":
        return [Pull(model, variant)]
    return [Restoring(model, variant)] if variant.name == "restoring" else []


class _WithBase(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self._base = {name: model.get_parameter(name).detach().clone() for name in names}

    def _pairs(self, model: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Every live parameter with its base values."""
        live = {name.removeprefix("module."): parameter.detach() for name, parameter in model.named_parameters()}
        if any(not _is_whole(live.get(name), base) for name, base in self._base.items()):
            raise TrainingError(
                "This variant needs every weight whole, and the training has split them over devices (FSDP): train "
                "without FSDP, or with the variant sft, lora, kl, freeze or by-level."
            )
        self._base = {name: base.to(live[name].device) for name, base in self._base.items()}
        return [(live[name], base) for name, base in self._base.items()]


def _is_whole(weight: torch.Tensor | None, base: torch.Tensor) -> bool:
    """Whether this process holds all of a parameter: FSDP flattens it away, or leaves a part with `placements`."""
    return weight is not None and weight.shape == base.shape and not hasattr(weight, "placements")


class Pull(_WithBase):
    """L2-SP, decoupled from Adam: after each step w <- w - strength (lr / peak lr) (w - base), over all weights."""

    def __init__(self, model: Any, variant: Variant) -> None:
        super().__init__(model, [name for name, _ in model.named_parameters()])
        self._strength = variant.strength or 0.0

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **named: Any) -> None:
        """Just after the step, before the schedule moves on."""
        del state, control
        taken_back = self._strength * named["optimizer"].param_groups[0]["lr"] / args.learning_rate
        pairs = self._pairs(model)
        torch._foreach_lerp_([weight for weight, _ in pairs], [base for _, base in pairs], taken_back)


class Restoring(_WithBase):
    """Every `every` steps and after the last, `strength` percent of the weights, those changed most, are the base's."""

    def __init__(self, model: Any, variant: Variant) -> None:
        super().__init__(model, part_of(variant, [name for name, _ in model.named_parameters()]))
        self._percent, self._every = variant.strength or 0.0, variant.every or 1

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Between two steps."""
        del args, control
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            restore_most_changed(self._pairs(model), self._percent)


def restore_most_changed(pairs: Pairs, percent: float) -> int:
    """Put the floor(n k / 100) weights of the largest |s - p| / |p| back, ranked over all tensors; returns how many.

    The order is the product's exact one: float64, 0 where s = p, infinite where p = 0 != s; equal ones in the order of
    tensors and places. Works through one tensor at a time, four times over, and keeps no key.
    """
    wanted = math.floor(sum(weight.numel() for weight, _ in pairs) * percent / 100)
    if not wanted:
        return 0
    threshold, ties = _threshold(pairs, wanted)
    for weight, base in pairs:
        bits = _key_bits(weight, base)
        chosen = bits > threshold
        if ties:
            equal = (bits == threshold).flatten().nonzero().flatten()[:ties]
            chosen.view(-1)[equal] = True
            ties -= len(equal)
        weight.copy_(torch.where(chosen, base, weight))
    return wanted


def _key_bits(weight: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """Relative change as the bits of a float64: int64, ordered as the ratios are."""
    p = base.double()
    ratio = (weight.double() - p).abs() / p.abs()
    return torch.nan_to_num(ratio, nan=0.0, posinf=math.inf).view(torch.int64)  # 0 / 0: unchanged


def _threshold(pairs: Pairs, wanted: int) -> tuple[int, int]:
    """The bits of the `wanted`-th largest key, and how many of the keys equal to it belong to the largest."""
    prefix = 0
    for digit in reversed(range(_DIGITS)):
        shift = digit * _DIGIT_BITS
        counts = sum(_digit_counts(_key_bits(*pair), prefix, shift) for pair in pairs)
        from_above = counts.flip(0).cumsum(0)  # type: ignore[union-attr]
        place = int(torch.searchsorted(from_above, wanted))
        value = (1 << _DIGIT_BITS) - 1 - place
        wanted -= int(from_above[place - 1]) if place else 0
        prefix |= value << shift
    return prefix, wanted


def _digit_counts(bits: torch.Tensor, prefix: int, shift: int) -> torch.Tensor:
    """How many of the keys that start as `prefix` does have each next digit: int64 [65536], on the processor."""
    bits = bits.flatten()
    if shift < (_DIGITS - 1) * _DIGIT_BITS:
        bits = bits[(bits >> (shift + _DIGIT_BITS)) == (prefix >> (shift + _DIGIT_BITS))]
    return torch.bincount((bits >> shift) & ((1 << _DIGIT_BITS) - 1), minlength=1 << _DIGIT_BITS).cpu()
