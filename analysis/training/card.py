"""The card of a fine-tuned model: everything that made it, as palimpsest.json in its folder tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

CARD = "palimpsest.json"
LIBRARIES = ("torch", "transformers", "accelerate", "peft")


@dataclass(frozen=True)
class SftReport:
    """What a fine-tuning did, as its card in the tuned folder says it.

    `loss` holds (step, mean training loss per answer token in nats over the steps since the last point); what a variant
    adds to the loss is not in it. `facts` are the ids of the questions trained on, in the order drawn; `size` is what
    was asked for (None: all), `n` what was got, `by_level` and `by_relation` how many of each (level "" where unknown).
    `batch_size` facts make a step, over all `processes`; each takes `micro_batch` of them at once (None: not told),
    `accumulate` times. `trained_dtype` is that of the weights while training, `precision` that of the arithmetic.
    `mix` holds level -> share where several were mixed. `seconds` is the training alone, without loading and saving;
    `resumed` says whether it went on from a checkpoint. `questions`, `mastery`, their ids and `command` are what Origin
    says of them.
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
    variant: dict[str, Any] = field(default_factory=lambda: {"name": "sft"})
    mix: dict[str, float] = field(default_factory=dict)
    relations: tuple[str, ...] | None = None
    by_level: dict[str, int] = field(default_factory=dict)
    by_relation: dict[str, int] = field(default_factory=dict)
    processes: int = 1
    precision: str = "float32"
    gradient_checkpointing: bool = False
    accumulate: int = 1
    micro_batch: int | None = None
    resumed: bool = False
    questions: str | None = None
    questions_id: str | None = None
    mastery: str | None = None
    mastery_id: str | None = None
    command: str = ""


def library_versions() -> dict[str, str]:
    """Versions of the libraries a fine-tuning's weights depend on."""
    return {name: version(name) for name in LIBRARIES}


def write_card(report: SftReport, folder: Path) -> None:
    """Put the report into the folder as its card."""
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode({"kind": "sft", **asdict(report)})))


def read_card(folder: Path) -> SftReport | None:
    """The card of a fine-tuned folder; None where it has none, or one of another kind (a restored checkpoint's)."""
    try:
        fields = msgspec.json.decode((folder / CARD).read_bytes())
        return msgspec.convert(fields, SftReport) if fields.pop("kind", "") == "sft" else None
    except (OSError, AttributeError, msgspec.MsgspecError):
        return None
