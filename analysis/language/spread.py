"""A model larger than one accelerator, laid over several of them by accelerate's device map.

Every weight stays in the memory of some accelerator: weights put off to the processor's memory or to disk could not be
restored in place, and would be read again for each token, so that is refused. Knows no files; never runs remote code.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import LanguageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WEIGHTS_SHARE = 0.8  # of each accelerator's free memory: the rest is for activations and caches


@dataclass(frozen=True)
class Spread:
    """How a model is laid out: `device_map` as accelerate takes it, `max_memory` in bytes by device."""

    device_map: str | Mapping[str, Any] = "auto"
    max_memory: Mapping[int | str, int] | None = None

    def settings(self) -> dict[str, Any]:
        """What `from_pretrained` is told; LanguageError without accelerate."""
        if importlib.util.find_spec("accelerate") is None:
            raise LanguageError("A model spread over several accelerators needs accelerate: pip install '.[train]'.")
        device_map = self.device_map if isinstance(self.device_map, str) else dict(self.device_map)
        limits = {"max_memory": dict(self.max_memory)} if self.max_memory is not None else {}
        return {"device_map": device_map, **limits}


def needed_spread(device: str, weights_bytes: int) -> Spread | None:
    """The spread for weights of this size, None where the device alone holds them (or is no accelerator of several).

    Raises LanguageError where all accelerators together cannot hold them.
    """
    import torch

    if not device.startswith("cuda") or ":" in device:
        return None
    free = {number: torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())}
    return spread_over(free, weights_bytes)


def spread_over(free: Mapping[int, int], weights_bytes: int) -> Spread | None:
    """The same from the free bytes of each accelerator, the first being the one that is tried alone."""
    limits: dict[int | str, int] = {number: int(WEIGHTS_SHARE * left) for number, left in free.items()}
    if weights_bytes <= limits[min(free)]:
        return None
    if weights_bytes > sum(limits.values()):
        raise LanguageError(
            f"The weights take {weights_bytes / 1e9:.1f} GB; {WEIGHTS_SHARE:.0%} of what is free on "
            f"{len(free)} accelerators is {sum(limits.values()) / 1e9:.1f} GB. Ask in bfloat16, free memory there, or "
            "run on the processor.",
            items=[f"accelerator {number}: {left / 1e9:.1f} GB free" for number, left in free.items()],
        )
    return Spread("auto", limits)


def check_spread(model: PreTrainedModel, folder: Path) -> None:
    """Raise LanguageError, naming them, where parts of the model did not get a place in a device's memory."""
    away = [f"{name}: on {place}" for name, place in getattr(model, "hf_device_map", {}).items() if place == "disk"]
    away += [f"{name}: not in memory" for name, weight in model.named_parameters() if weight.device.type == "meta"]
    if len({weight.device.type for weight in model.parameters()} - {"meta"}) > 1:
        away += [
            f"{name}: on the processor" for name, weight in model.named_parameters() if weight.device.type == "cpu"
        ]
    if away:
        raise LanguageError(
            f"{folder} does not fit in the devices' memory: parts of it would be read from elsewhere for every token, "
            "and could not be restored in place. Ask in bfloat16, or give it more or larger devices.",
            items=away[:20],
        )
