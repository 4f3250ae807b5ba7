"""Trainer with a loss curve of its own, and the two variants that change the loss. Load it late: it needs Trainer."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch.distributed.checkpoint.api import CheckpointException
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from transformers import Trainer, TrainerCallback

from analysis.knowledge.prompts import IGNORED_LABEL
from analysis.training.curve import Curve
from analysis.training.resuming import PREFIX
from analysis.training.together import is_first, on_any
from analysis.training.variants import Variant

CANNOT_WRITE = (OSError, SafetensorError, RuntimeError)  # torch.save tells of a full disk by a RuntimeError


def trainer_class(variant: Variant) -> Any:
    """What makes this variant's Trainer, called with Trainer's own arguments."""
    if variant.name == "kl":
        return lambda **arguments: NearBase(variant.strength or 0.0, **arguments)
    return ByLevel if variant.name == "by-level" else Tuner


class Tuner(Trainer):  # type: ignore[misc]  # transformers is not followed by mypy
    """Trainer that hands the answers' loss of every batch to a curve, and outlives a disk with no room."""

    curve: Curve

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.curve = Curve(1)
        self._under_way = False
        self.answers_loss: torch.Tensor | None = None  # where the loss that is trained on holds more than that
        if self.is_fsdp_enabled:  # checkpoints of parts: gathered ones Trainer would write twice
            plugin = self.accelerator.state.fsdp_plugin
            plugin.state_dict_config = plugin.optim_state_dict_config = None
            plugin.set_state_dict_type("SHARDED_STATE_DICT")

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """One batch forward and backward."""
        if self.state.global_step and not self._under_way:
            self._order_gradients(model, inputs, num_items_in_batch)
        self._under_way = True
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.curve.add(loss if self.answers_loss is None else self.answers_loss)
        return torch.as_tensor(loss)

    def _order_gradients(self, model: Any, *batch: Any) -> None:
        """Once over a batch for nothing, where a training goes on that is spread over processes.

        DDP adds gradients up in another order from its second step on, which of more than two numbers changes the sum.
        """
        if not isinstance(model, DistributedDataParallel):
            return
        wanted, model.require_backward_grad_sync = model.require_backward_grad_sync, True
        with torch.random.fork_rng([self.args.device] if self.args.device.type == "cuda" else []):
            super().training_step(model, *batch)
        model.require_backward_grad_sync = wanted
        model.zero_grad()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """A checkpoint that any process cannot write its part of is left out; the training itself needs none."""
        failed = False
        try:
            super()._save_checkpoint(model, trial)
        except (*CANNOT_WRITE, CheckpointException):
            failed = True
        if on_any(failed) and is_first():
            shutil.rmtree(Path(self.args.output_dir) / f"{PREFIX}{self.state.global_step}", ignore_errors=True)

    def spread(self, summed: torch.Tensor, answer_tokens: Any) -> torch.Tensor:
        """A sum over this process's tokens as its part of the mean over all: as Trainer scales its own loss."""
        scale = self.accelerator.num_processes if self.args.average_tokens_across_devices else 1
        return torch.as_tensor(summed * scale / answer_tokens)


class NearBase(Tuner):
    """Adds `strength` times KL(tuned || base), in nats, averaged over the answers' tokens, whole vocabulary.

    The base is a second copy of the model on the same device, asked the same batch.
    """

    def __init__(self, strength: float, **arguments: Any) -> None:
        self._base = copy.deepcopy(arguments["model"]).eval().requires_grad_(False)
        super().__init__(**arguments)
        self._strength = strength
        self._base.to(self.args.device)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The answers' loss and the pull of the base's predictions."""
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        self.answers_loss = loss.detach()
        asked = {name: value for name, value in inputs.items() if name != "labels"}
        with torch.no_grad():
            base = self._base(**asked).logits
        answers = inputs["labels"][:, 1:] != IGNORED_LABEL
        apart = kl_nats(outputs.logits[:, :-1][answers], base[:, :-1][answers])
        loss = loss + self._strength * self.spread(apart.sum(), num_items_in_batch)
        return (loss, outputs) if return_outputs else loss


def kl_nats(tuned_logits: torch.Tensor, base_logits: torch.Tensor) -> torch.Tensor:
    """KL(tuned || base) of next-token probabilities from logits [n, vocabulary]: [n], nats, >= 0."""
    tuned = functional.log_softmax(tuned_logits.float(), -1)
    base = functional.log_softmax(base_logits.float(), -1)
    return (tuned.exp() * (tuned - base)).sum(-1)


class ByLevel(Tuner):
    """Each sample trains at its own share of the learning rate (0-1).

    Adam forgets the size of a gradient, so weighing the loss alone would change nothing in a batch of one level: the
    batch's mean share goes to the learning rate of its step, and only the differences within a batch to the loss.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.step_rate: torch.Tensor = torch.ones(())
        self.add_callback(_StepRate(self))

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross entropy of the answers' tokens, each sample's times its share over the batch's mean share."""
        rates, labels = inputs.pop("rates"), inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        logits = outputs.logits[:, :-1].float().transpose(1, 2)
        nats = functional.cross_entropy(logits, labels[:, 1:], reduction="none", ignore_index=IGNORED_LABEL).sum(1)
        self.step_rate = self.accelerator.reduce(rates.mean(), reduction="mean")
        self.answers_loss = self.spread(nats.detach().sum(), num_items_in_batch)
        share = rates / self.step_rate.clamp_min(torch.finfo(rates.dtype).tiny)
        loss = self.spread((nats * share).sum(), num_items_in_batch)
        return (loss, outputs) if return_outputs else loss


class _StepRate(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Lowers one step's learning rate; the schedule sets the next one anew."""

    def __init__(self, trainer: ByLevel) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
        """Just before the step."""
        del args, state, control
        for group in optimizer.param_groups:
            group["lr"] *= float(self._trainer.step_rate)
