"""Gradient steps through transformers' Trainer, with the paper's settings and nothing else switched on.

The paper (arXiv 2509.16596): batches of 8, one epoch, AdamW, cosine schedule without warm-up, learning rate 1e-5. What
it does not name is Trainer's default: weight decay 0, gradients clipped at norm 1. Knows token ids, not questions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.knowledge.prompts import IGNORED_LABEL, Example
from analysis.records import Progress

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

SCHEDULE = "cosine"
WEIGHT_DECAY = 0.0
CLIP_NORM = 1.0
LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear"}
LOGGED_POINTS = 50  # of the loss curve, about


@dataclass(frozen=True)
class Settings:
    """How to train, once what to train on is drawn; the defaults are the paper's."""

    learning_rate: float = 1e-5
    batch_size: int = 8
    epochs: int = 1
    seed: int = 0
    lora: bool = False


@dataclass(frozen=True)
class Trained:
    """A trained model (with LoRA, its PEFT wrapper), the steps it took and its loss curve, as in SftReport."""

    model: Any
    steps: int
    loss: tuple[tuple[int, float], ...]


def train(lm: LanguageModel, examples: list[Example], settings: Settings, progress: Progress) -> Trained:
    """Train the model in place on these examples; the order of the batches hangs on the seed alone."""
    from transformers import PrinterCallback, Trainer, set_seed

    from analysis.training.watch import Watch

    set_seed(settings.seed)  # before PEFT draws its first matrices
    model: Any = lm.model.requires_grad_(True)
    if settings.lora:
        model = _add_lora(model)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            model=model,
            args=_arguments(settings, scratch, steps=len(examples) // settings.batch_size, device=lm.device),
            train_dataset=examples,
            data_collator=pad_right,
            callbacks=[Watch(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    curve = [(int(entry["step"]), float(entry["loss"])) for entry in trainer.state.log_history if "loss" in entry]
    return Trained(trainer.accelerator.unwrap_model(trainer.model), trainer.state.global_step, tuple(curve))


def pad_right(rows: Sequence[Example]) -> dict[str, Any]:
    """A batch as the model takes it: int64 [rows, longest], labels -100 and attention 0 over the padding."""
    import torch

    longest = max(len(row.ids) for row in rows)
    gaps = [longest - len(row.ids) for row in rows]
    return {
        "input_ids": torch.tensor([[*row.ids, *[0] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "labels": torch.tensor([[*row.labels, *[IGNORED_LABEL] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - gap) + [0] * gap for gap in gaps]),
    }


def _add_lora(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    model.requires_grad_(False)
    return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **LORA))


def _arguments(settings: Settings, scratch: str, *, steps: int, device: str) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=scratch,
        per_device_train_batch_size=settings.batch_size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=SCHEDULE,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=CLIP_NORM,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=device == "cpu",
        save_strategy="no",
        eval_strategy="no",
        logging_steps=max(1, steps * settings.epochs // LOGGED_POINTS),
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=device != "cpu",
        remove_unused_columns=False,
    )
