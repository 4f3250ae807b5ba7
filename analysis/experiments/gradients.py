"""Where the gradients of training samples go, level by level: gathered over n samples, compared tensor by tensor.

A level's samples are dealt into groups; each group's mean gradient is written to a scratch file, and the dot products
of all groups of all levels are then summed tensor by tensor. So memory holds the model, one gradient and one sum,
whatever the number of levels, and every norm, cosine and interval follows from the dot products (gradient_tables.py).

The gradient is that of the mean loss of a sample's answer tokens (fine-tuning averages the tokens of a whole batch
together instead). Asks a question of Ye et al., EMNLP 2025 (limitations): why does low-mastery data do more harm?
Knows no pairs, stores or pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import SpecError
from analysis.experiments.parts import Part
from analysis.records import MASTERY_LEVELS, Progress, check_cancelled
from analysis.weights.names import bare, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.knowledge.prompts import Example
    from analysis.language.load import LanguageModel

CHUNK = 1 << 20  # values of one tensor held at once, of every group, while dot products are summed


@dataclass(frozen=True)
class GradientSettings:
    """What is gathered: `n` samples a level in `groups` groups of equal size, `batch_size` samples a backward pass."""

    levels: tuple[int, ...] = MASTERY_LEVELS
    n: int = 240
    groups: int = 6
    batch_size: int = 8
    seed: int = 0
    prompt: str = "paper"

    def __post_init__(self) -> None:
        problems = [f"level {level} is not a mastery level (0-4)" for level in self.levels if level not in range(5)]
        if len(set(self.levels)) < 1:
            problems.append("no level is given")
        if self.groups < 2 or self.groups % 2:
            problems.append(f"groups is {self.groups}: give an even number from 2, since halves are compared")
        elif self.n < self.groups or self.n % self.groups:
            problems.append(f"n is {self.n}: give a multiple of the {self.groups} groups")
        if self.batch_size < 1:
            problems.append(f"batch_size is {self.batch_size}: give 1 or more")
        if problems:
            raise SpecError("These gradients cannot be gathered as asked.", items=problems)

    @property
    def vectors(self) -> int:
        """How many mean gradients are written: one a level and group."""
        return len(self.levels) * self.groups


@dataclass(frozen=True)
class GradientTensor:
    """A parameter tensor: its name in the loaded model, its place, its number of values."""

    name: str
    layer: int | None
    module: str
    transformer: bool  # of the region that restoration ranks by default
    elements: int


@dataclass(frozen=True)
class Gathered:
    """What one run over the samples tells.

    `grams` [tensors, vectors, vectors], float64: dot products of the groups' mean gradients, levels in order, a level's
    groups beside each other. `step_norms`: by level the gradient norm of each batch's mean loss over all parameters,
    which fine-tuning clips at 1. `loss_nats`: by level the mean loss of an answer token.
    """

    settings: GradientSettings
    tensors: tuple[GradientTensor, ...]
    grams: NDArray[np.float64]
    step_norms: dict[int, tuple[float, ...]]
    loss_nats: dict[int, float]


def scratch_bytes(parameters: int, settings: GradientSettings) -> int:
    """How much room the groups' mean gradients take on the disk while they are compared, in bytes."""
    return 4 * parameters * settings.vectors


def gather(
    lm: LanguageModel,
    examples: Mapping[int, Sequence[Example]],
    settings: GradientSettings,
    scratch: Path,
    progress: Progress,
) -> Gathered:
    """Write every group's mean gradient into `scratch` (`GradientFiles` reads them) and compare them.

    `examples`: `settings.n` a level, in the order they are dealt. The model's weights stay as they are. Raises
    Cancelled.
    """
    norms: dict[int, tuple[float, ...]] = {}
    losses: dict[int, float] = {}
    parts = len(settings.levels) + 1
    lm.model.requires_grad_(True)
    try:
        for number, level in enumerate(settings.levels):
            found = _level(lm, examples[level], settings, scratch, level, Part(progress, number, parts))
            norms[level], losses[level] = found
    finally:
        lm.model.zero_grad(set_to_none=True)
        lm.model.requires_grad_(False)
    files = GradientFiles(scratch, settings)
    tensors = tuple(_tensor(name, parameter.numel()) for name, parameter in lm.model.named_parameters())
    progress.report(len(settings.levels), parts, "comparing the gradients")
    grams = np.stack([files.gram(tensor.name, progress) for tensor in tensors])
    return Gathered(settings, tensors, grams, norms, losses)


def _tensor(name: str, elements: int) -> GradientTensor:
    found = place(name)
    return GradientTensor(name, found.layer, found.module, "transformer" in found.regions, elements)


def _level(
    lm: LanguageModel,
    examples: Sequence[Example],
    settings: GradientSettings,
    scratch: Path,
    level: int,
    progress: Progress,
) -> tuple[tuple[float, ...], float]:
    from safetensors.torch import save_file

    norms: list[float] = []
    losses: list[float] = []
    size = settings.n // settings.groups
    for group in range(settings.groups):
        rows = examples[group * size : (group + 1) * size]
        sums: dict[str, Any] = {}
        for start in range(0, size, settings.batch_size):
            check_cancelled(progress)
            batch = rows[start : start + settings.batch_size]
            loss = sample_losses(lm, batch).mean()
            norms.append(_add_gradient(lm, loss, sums, len(batch) / size))
            losses.append(loss.item() * len(batch))
            progress.report(group * size + start + len(batch), settings.n, f"gradients of level {level}")
        save_file(sums, scratch / _file_name(level, group))
    return tuple(norms), sum(losses) / settings.n


def sample_losses(lm: LanguageModel, rows: Sequence[Example]) -> Any:
    """The mean negative log-likelihood (nats) of each sample's answer tokens, EOS included: a tensor [rows]."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.nn.utils.rnn import pad_sequence

    from analysis.knowledge.prompts import IGNORED_LABEL

    def padded(values: Iterable[Sequence[int]], filler: int) -> torch.Tensor:
        return pad_sequence([torch.tensor(one) for one in values], batch_first=True, padding_value=filler).to(lm.device)

    mask = padded(([1] * len(row.ids) for row in rows), 0)
    labels = padded((row.labels for row in rows), IGNORED_LABEL)[:, 1:]
    ids = padded((row.ids for row in rows), 0)
    logits = lm.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    nats = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED_LABEL, reduction="none")
    told = labels != IGNORED_LABEL
    return (nats.view(labels.shape) * told).sum(1) / told.sum(1)


def _add_gradient(lm: LanguageModel, loss: Any, sums: dict[str, Any], share: float) -> float:
    """Add `share` of the loss's gradient to the sums (float32); the norm over all parameters is returned."""
    import torch

    lm.model.zero_grad(set_to_none=True)
    loss.backward()
    squares = 0.0
    with torch.no_grad():
        for name, parameter in lm.model.named_parameters():
            if parameter.grad is None:  # an expert that no token went to
                sums.setdefault(name, torch.zeros(parameter.shape))
                continue
            gradient = parameter.grad.float()
            squares += float(torch.linalg.vector_norm(gradient)) ** 2
            part = gradient.mul(share).cpu()
            sums[name] = sums[name].add_(part) if name in sums else part.clone()
    return float(squares**0.5)


class GradientFiles:
    """The groups' mean gradients on disk, read tensor by tensor."""

    def __init__(self, folder: Path, settings: GradientSettings) -> None:
        self._settings = settings
        self._paths = [
            folder / _file_name(level, group) for level in settings.levels for group in range(settings.groups)
        ]

    def gram(self, name: str, progress: Progress) -> NDArray[np.float64]:
        """Dot products [vectors, vectors] of this tensor's mean gradients, summed in float64."""
        total = np.zeros((len(self._paths), len(self._paths)))
        for rows in self._chunks(name):
            check_cancelled(progress)
            wide = rows.astype(np.float64)
            total += wide @ wide.T
        return total

    def mean(self, name: str, level: int, half: int | None = None) -> NDArray[np.float32]:
        """A level's mean gradient of this tensor, flat; with `half` 0 or 1 that of every other group alone."""
        from safetensors import safe_open

        groups = range(self._settings.groups) if half is None else range(half, self._settings.groups, 2)
        first = self._settings.levels.index(level) * self._settings.groups
        total: NDArray[np.float32] | None = None
        for group in groups:
            with safe_open(self._paths[first + group], framework="np") as file:  # mapped: only this tensor is read
                values = file.get_tensor(name).reshape(-1)
            total = values if total is None else total + values
        assert total is not None
        return total / np.float32(len(groups))

    def _chunks(self, name: str) -> Iterator[NDArray[np.float32]]:
        """[vectors, values] pieces of a tensor, whole rows of it at a time."""
        from safetensors import safe_open

        files: list[Any] = [safe_open(path, framework="np") for path in self._paths]
        shape = files[0].get_slice(name).get_shape()
        rows = max(1, CHUNK // max(1, int(np.prod(shape[1:]))))
        for start in range(0, shape[0], rows):
            end = min(start + rows, shape[0])
            pieces = [file.get_slice(name)[start:end].reshape(-1) for file in files]
            yield np.stack(pieces)


def _file_name(level: int, group: int) -> str:
    return f"level-{level}-group-{group}.safetensors"


def by_bare_name(tensors: Sequence[GradientTensor]) -> dict[str, GradientTensor]:
    """Each tensor under the name that checkpoint pairs know it by."""
    return {bare(tensor.name): tensor for tensor in tensors}
