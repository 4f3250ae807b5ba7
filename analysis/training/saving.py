"""Writes a trained model as a complete checkpoint: weights in the dtype asked for, the base's other files with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import TrainingError

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.training.trainer import Trained


def save(trained: Trained, lm: LanguageModel, folder: Path, stored_dtype: str) -> None:
    """The weights as safetensors (a PEFT adapter where that was trained) and the base's tokenizer files into `folder`.

    Where the model is spread over processes, all of them must call it, and the first one writes. TrainingError where
    the disk refuses.
    """
    from safetensors import SafetensorError

    from analysis.language.load import torch_dtype

    try:
        if trained.trainer.args.world_size > 1:
            _save_gathered(trained.trainer, folder, stored_dtype)
        else:
            trained.model.to(torch_dtype(stored_dtype)).save_pretrained(folder)
    except SafetensorError as error:  # how safetensors tells of a full disk
        raise TrainingError(f"The tuned weights could not be written: {error}. Free space there.") from error
    if trained.trainer.is_world_process_zero():
        _copy_companions(lm, folder)


def _save_gathered(trainer: Any, folder: Path, stored_dtype: str) -> None:
    """From all processes through Trainer, which knows how the weights are split, then read again in the dtype."""
    from transformers import AutoModelForCausalLM

    from analysis.language.load import torch_dtype

    trainer.save_model(str(folder))
    (folder / "training_args.bin").unlink(missing_ok=True) if trainer.is_world_process_zero() else None
    if trainer.is_world_process_zero() and not (folder / "adapter_config.json").is_file():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch_dtype(stored_dtype))
        for shard in folder.glob("*.safetensors*"):
            shard.unlink()
        model.save_pretrained(folder)


def _copy_companions(lm: LanguageModel, folder: Path) -> None:
    from analysis.language.companions import KINDS, NOT_ASKED

    for name in ("generation_config.json", "README.md"):  # PEFT's README is an empty form
        (folder / name).unlink(missing_ok=True)
    for file in sorted(file for kind in KINDS for file in lm.source.glob(kind)):
        if file.name not in (*NOT_ASKED, "config.json"):
            shutil.copyfile(file, folder / file.name)
