"""Gradient steps through transformers' Trainer (accelerate beneath: one device or several), nothing else switched on.

Settings and their source stand in `settings`; what a variant does in `losses` and `toward_base`. Knows token ids, not
questions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.errors import Cancelled, TrainingError
from analysis.knowledge.prompts import IGNORED_LABEL
from analysis.records import Progress
from analysis.training.curve import Point
from analysis.training.resuming import Resumable
from analysis.training.settings import CLIP_NORM, SCHEDULE, WEIGHT_DECAY, Settings
from analysis.training.together import on_any, processes
from analysis.training.variants import part_of

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.training.watch import Watch


class Sample(NamedTuple):
    """A training example: token ids, labels of the same length with -100 over the prompt, its share of the rate."""

    ids: Sequence[int]
    labels: Sequence[int]
    rate: float = 1.0


@dataclass(frozen=True)
class Saving:
    """Where a training keeps what it needs to go on, and the seconds between two checkpoints, at least."""

    place: Resumable
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A trained model (with LoRA, its PEFT wrapper), the steps it took, its loss curve and seconds as in SftReport.

    `trainer` knows the processes it is spread over.
    """

    model: Any
    trainer: Any
    steps: int
    loss: tuple[Point, ...]
    seconds: float


def train(
    lm: LanguageModel,
    samples: Sequence[Sample],
    settings: Settings,
    progress: Progress,
    saving: Saving | None = None,
    *,
    use_cpu: bool = True,
    precision: str = "float32",
) -> Trained:
    """Train the model in place on these samples; the order of the batches hangs on the seed alone.

    `precision`: of the arithmetic, "float32" or "bfloat16"; the weights stay float32.

    With `saving` it goes on from the newest checkpoint there, and leaves one when it is cancelled.
    """
    from transformers import PrinterCallback, set_seed

    from analysis.training.losses import trainer_class
    from analysis.training.toward_base import callbacks_of
    from analysis.training.watch import Watch

    set_seed(settings.seed)  # before PEFT draws its first matrices
    model = _make_trainable(lm.model, settings)
    with _scratch(saving) as folder:
        trainer = trainer_class(settings.variant)(
            model=model,
            args=_arguments(settings, folder, use_cpu=use_cpu, precision=precision),
            train_dataset=samples,
            data_collator=pad_with_rates if settings.variant.name == "by-level" else pad_right,
            callbacks=callbacks_of(settings.variant, model),
        )
        trainer.remove_callback(PrinterCallback)
        watch = Watch(trainer, progress, saving)  # last: what it may save is what the others left
        trainer.add_callback(watch)
        latest = saving.place.latest if saving else None
        trainer.train(resume_from_checkpoint=str(latest) if latest else None)
    if on_any(watch.cancelled or progress.cancelled()):
        raise Cancelled("Cancelled.")
    return _trained(trainer, watch)


def _trained(trainer: Any, watch: Watch) -> Trained:
    model = trainer.accelerator.unwrap_model(trainer.model)
    return Trained(model, trainer, trainer.state.global_step, tuple(watch.curve.points), watch.seconds)


def precision_on(device: str, asked: str) -> str:
    """The precision asked for, "auto" made one: bfloat16 on a CUDA device that has it, else float32.

    TrainingError where bfloat16 is asked of a device without.
    """
    if asked == "float32" or (asked == "auto" and not device.startswith("cuda")):
        return "float32"
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_bf16_supported(including_emulation=False):
            if asked == "auto":
                return "float32"
            raise TrainingError(f"The device {device} has no bfloat16: give --precision float32.")
    return "bfloat16"


def pad_right(rows: Sequence[Any]) -> dict[str, Any]:
    """A batch as the model takes it: int64 [rows, longest], labels -100 and attention 0 over the padding."""
    import torch

    longest = max(len(row.ids) for row in rows)
    gaps = [longest - len(row.ids) for row in rows]
    return {
        "input_ids": torch.tensor([[*row.ids, *[0] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "labels": torch.tensor([[*row.labels, *[IGNORED_LABEL] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - gap) + [0] * gap for gap in gaps]),
    }


def pad_with_rates(rows: Sequence[Sample]) -> dict[str, Any]:
    """The same with every row's share of the learning rate: float32 [rows]."""
    import torch

    return pad_right(rows) | {"rates": torch.tensor([row.rate for row in rows])}


def _make_trainable(model: Any, settings: Settings) -> Any:
    """Gradients for what is trained: all, all but what is frozen, or LoRA's matrices."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig()  # the base's own follows as a file: saving would refuse some of them
    if settings.lora:
        from peft import LoraConfig, get_peft_model

        model.requires_grad_(False)
        return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings.lora))
    model.requires_grad_(True)
    if settings.variant.name == "freeze":
        for name in part_of(settings.variant, [name for name, _ in model.named_parameters()]):
            model.get_parameter(name).requires_grad_(False)
    return model


@contextmanager
def _scratch(saving: Saving | None) -> Iterator[str]:
    """The folder Trainer may write to."""
    if saving is not None:
        yield str(saving.place.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def _arguments(settings: Settings, folder: str, *, use_cpu: bool, precision: str) -> Any:
    from transformers import TrainingArguments

    found = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=settings.micro_batch(processes()),
        gradient_accumulation_steps=settings.accumulate,
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if settings.gradient_checkpointing else None,
        bf16=precision == "bfloat16",
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=SCHEDULE,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=CLIP_NORM,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=use_cpu,
        save_strategy="no",  # Watch says when
        eval_strategy="no",
        logging_strategy="no",  # the curve is ours: Trainer's forgets on resuming what it had not logged yet
        logging_nan_inf_filter=False,  # waits for the device at every step
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=not use_cpu,
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
    )
    if found.n_gpu > 1:
        found._n_gpu = 1  # else Trainer lays one process over every accelerator it sees, with a whole batch on each
    return found
