"""What a fine-tuning is asked to do, and everything that keeps it from being done, told before anything runs.

Reads headers, questions and free space; loads no weights and no torch.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from analysis.errors import PalimpsestError, TrainingError
from analysis.knowledge.questions import QuestionSet, load_questions
from analysis.records import Question
from analysis.training.facts import NO_MIX, Wanted, draw_facts, fact_problems
from analysis.training.settings import Settings, part_problems
from analysis.training.together import keeps_checkpoints, processes, sharded
from analysis.training.variants import part_of
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.names import place

if TYPE_CHECKING:
    from analysis.weights.checkpoint import Checkpoint

Source = str | Path | QuestionSet | Iterable[Question]
Given = TypeVar("Given")
NEED_WHOLE_WEIGHTS = ("l2sp", "restoring")
_CHECKPOINT_BYTES = 12  # a parameter: the weight and Adam's two moments, float32
_WEIGHT_BYTES = 4
_TRAINED_BYTES = 12  # beside the weight: the gradient and Adam's two moments


@dataclass(frozen=True)
class Asked:
    """A fine-tuning that can be done: the base as its headers tell it, the facts in training order, the settings."""

    base: Checkpoint
    out: Path
    facts: tuple[Question, ...]
    wanted: Wanted
    settings: Settings
    threads: int | None


@dataclass(frozen=True)
class Outlook:
    """What a fine-tuning that can be done will take: facts by level and relation, steps, and seconds.

    `seconds` is told by trainings of this base timed here (None without any), loading and saving left out; `timed` is
    how many these are.
    """

    n: int
    steps: int
    by_level: dict[str, int]
    by_relation: dict[str, int]
    seconds: float | None
    timed: int


def ask(
    base: str | Path,
    out: Path,
    questions: Source,
    wanted: Wanted,
    settings: Settings,
    *,
    mastery: str | Path | None = None,
    threads: int | None = None,
    checkpoints: bool = True,
) -> Asked:
    """The facts drawn and everything checked.

    Raises every problem at once as one TrainingError; where a single file is the only problem, its own error.
    """
    problems: list[str] = settings.problems(processes())
    errors: list[PalimpsestError] = []
    if out.exists():
        problems.append(f"{out} exists already: give a folder that does not, or remove it")
    if threads is not None and threads < 1:
        problems.append(f"threads is {threads}: give 1 or more")
    if settings.variant.name in NEED_WHOLE_WEIGHTS and sharded():
        problems.append(f"the variant {settings.variant.name} needs every weight whole: train without FSDP")
    pool = _attempt(errors, lambda: training_questions(questions, mastery, wanted.relations))
    if pool is not None:
        problems += fact_problems(pool, wanted)
        problems += _rate_problems(pool, wanted, settings)
    checkpoint = _attempt(errors, lambda: open_checkpoint(base))
    if checkpoint is not None:
        places = [place(name) for name in checkpoint.tensors]
        layers = {at.layer for at in places if at.layer is not None}
        problems += part_problems(settings.variant, layers, {at.module for at in places})
        problems += _room_problems(checkpoint, out, settings, checkpoints and keeps_checkpoints())
    _raise(problems, errors)
    assert checkpoint is not None and pool is not None
    mix, level = dict(wanted.mix) or NO_MIX, wanted.level
    facts = draw_facts(pool, size=wanted.size, level=level, seed=settings.seed, mix=mix, relations=wanted.relations)
    return Asked(checkpoint, out, facts, wanted, settings, threads)


def training_questions(
    source: Source, mastery: str | Path | None = None, relations: Sequence[str] | None = None
) -> list[Question]:
    """The questions facts are drawn from, with their levels.

    Of a file its train split: in-domain as in the paper, all of it where nothing is in-domain or `relations` are named.
    """
    if isinstance(source, str | Path):
        questions = load_questions(source, split="train", mastery=mastery).questions
        inside = [question for question in questions if question.domain == "in"]
        return list(questions) if relations is not None or not inside else inside
    if mastery is not None:
        raise TrainingError("A mastery table goes with a question file; questions already loaded carry their levels.")
    return list(source.questions if isinstance(source, QuestionSet) else source)


def wanted_facts(
    size: int | None, level: int | None, mix: Mapping[int, float] | None, relations: Sequence[str] | None
) -> Wanted:
    """The request as a record: a mix of one level is that level, and the order of relations means nothing."""
    shares = tuple(sorted((mix or {}).items()))
    return Wanted(size, level, shares, tuple(sorted(set(relations))) if relations is not None else None)


def needed_bytes(checkpoint: Checkpoint, settings: Settings, *, checkpoints: bool) -> int:
    """Disk a fine-tuning takes at most: the tuned weights, and two checkpoints while one replaces the other."""
    if settings.lora:
        return 0  # an adapter is small, and so are its checkpoints
    stored = sum(tensor.nbytes for tensor in checkpoint.tensors.values())
    return stored + (2 * _CHECKPOINT_BYTES * checkpoint.parameters if checkpoints else 0)


def memory_bytes(checkpoint: Checkpoint, settings: Settings, *, shards: int = 1) -> int:
    """Memory that weights, gradients and Adam's moments take, and a variant's copy of the base; not the activations.

    The weights trained and what goes with them are split into `shards`; the copy of the base every process holds whole.
    """
    copied = checkpoint.parameters if settings.variant.name in ("kl", *NEED_WHOLE_WEIGHTS) else 0
    if settings.lora:
        trained = 0  # an adapter is small
    elif settings.variant.name == "freeze":
        frozen = part_of(settings.variant, list(checkpoint.tensors))
        trained = checkpoint.parameters - sum(checkpoint.tensors[name].elements for name in frozen)
    else:
        trained = checkpoint.parameters
    split = _WEIGHT_BYTES * checkpoint.parameters + _TRAINED_BYTES * trained
    return -(-split // shards) + _WEIGHT_BYTES * copied


def require_memory(asked: Asked, device: str, free_bytes: int) -> None:
    """TrainingError, with the ways out, where so much free memory on this device cannot hold the training.

    Sharded over processes (FSDP) each holds its part; otherwise each holds all.
    """
    needed = memory_bytes(asked.base, asked.settings, shards=processes() if sharded() else 1)
    if needed <= free_bytes:
        return
    raise TrainingError(
        f"Weights, gradients and Adam's moments need about {needed / 1e9:.1f} GB on {device}, activations not counted, "
        f"and {free_bytes / 1e9:.1f} GB are free there: train an adapter (--variant lora), freeze layers (--variant "
        "freeze), spread the weights over more accelerators (accelerate launch --use_fsdp), or train on the processor "
        "(--device cpu).",
        code="memory",
    )


def _room_problems(checkpoint: Checkpoint, out: Path, settings: Settings, checkpoints: bool) -> list[str]:
    parent = next((folder for folder in out.absolute().parents if folder.is_dir()), None)
    if parent is None:
        return []
    free, needed = shutil.disk_usage(parent).free, needed_bytes(checkpoint, settings, checkpoints=checkpoints)
    if free >= needed:
        return []
    words = f"{out} needs up to {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free there: free space"
    return [f"{words}, give another folder, or keep no checkpoints (--no-checkpoints)" if checkpoints else words]


def _rate_problems(pool: Sequence[Question], wanted: Wanted, settings: Settings) -> list[str]:
    if settings.variant.name != "by-level" or wanted.levels or all(question.level is not None for question in pool):
        return []
    return ["the variant by-level needs the level of every fact: give the base's mastery table"]


def _attempt(errors: list[PalimpsestError], work: Callable[[], Given]) -> Given | None:
    try:
        return work()
    except PalimpsestError as error:
        errors.append(error)
        return None


def _raise(problems: list[str], errors: list[PalimpsestError]) -> None:
    if len(errors) == 1 and not problems:
        raise errors[0]
    told = [*problems, *(" ".join([error.message, *error.items]) for error in errors)]
    if told:
        raise TrainingError("This fine-tuning cannot be run as asked.", items=told)
