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
            _save_gathered(trained, lm, folder, stored_dtype)
        else:
            trained.model.to(torch_dtype(stored_dtype)).save_pretrained(folder)
    except SafetensorError as error:  # how safetensors tells of a full disk
        raise TrainingError(f"The tuned weights could not be written: {error}. Free space there.") from error
    if trained.trainer.is_world_process_zero():
        _copy_companions(lm, folder)


def _save_gathered(trained: Trained, lm: LanguageModel, folder: Path, stored_dtype: str) -> None:
    """Every process hands over its part of the weights, and the first one writes them.

    Not by Trainer: it writes nothing of weights split up (FSDP) unless it is told to gather them, and then takes the
    parts for whole tensors where two names share one.
    """
    state = _whole_weights(trained.trainer)
    if not trained.trainer.is_world_process_zero():
        return
    if hasattr(trained.model, "peft_config"):
        trained.model.save_pretrained(folder, state_dict=state)
    else:
        _filled(lm.model.config, state, stored_dtype).save_pretrained(folder)


def _whole_weights(trainer: Any) -> dict[str, Any]:
    """Every weight, whole, on the first process's processor; all processes must ask."""
    state = trainer.accelerator.get_state_dict(trainer.model)
    return {name: value.full_tensor() if hasattr(value, "full_tensor") else value for name, value in state.items()}


def _filled(config: Any, state: dict[str, Any], stored_dtype: str) -> Any:
    """A model of this configuration with these weights; no weight of its own is made first."""
    import torch
    from transformers import AutoModelForCausalLM

    from analysis.language.load import torch_dtype

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(state, assign=True)
    model.tie_weights()
    return model.to(torch_dtype(stored_dtype))


def _copy_companions(lm: LanguageModel, folder: Path) -> None:
    from analysis.language.companions import KINDS, NOT_ASKED

    for name in ("generation_config.json", "README.md"):  # PEFT's README is an empty form
        (folder / name).unlink(missing_ok=True)
    for file in sorted(lm.source.iterdir()):
        if file.name.endswith(KINDS) and file.name not in (*NOT_ASKED, "config.json"):
            shutil.copyfile(file, folder / file.name)
