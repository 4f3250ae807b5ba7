"""The card of a fine-tuned model: everything that made it, as palimpsest.json in its folder tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

CARD = "palimpsest.json"
LIBRARIES = ("torch", "transformers", "accelerate", "peft")


@dataclass(frozen=True)
class SftReport:
    """What a fine-tuning did, as its card in the tuned folder says it.

    `loss` holds (step, mean training loss per answer token in nats over the steps since the last point). `facts` are
    the ids of the questions trained on, in the order drawn; `size` is what was asked for (None: all), `n` what was got.
    `seconds` is the training alone, without loading and saving.
    """

    base: str
    base_id: str
    level: int | None
    size: int | None
    n: int
    seed: int
    prompt: str
    learning_rate: float
    batch_size: int
    epochs: int
    schedule: str
    weight_decay: float
    clip_norm: float
    lora: dict[str, Any] | None
    trained_dtype: str
    stored_dtype: str
    threads: int
    device: str
    steps: int
    loss: tuple[tuple[int, float], ...]
    seconds: float
    versions: dict[str, str]
    facts: tuple[str, ...]


def library_versions() -> dict[str, str]:
    """Versions of the libraries a fine-tuning's weights depend on."""
    return {name: version(name) for name in LIBRARIES}


def write_card(report: SftReport, folder: Path) -> None:
    """Put the report into the folder as its card."""
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode({"kind": "sft", **asdict(report)})))
