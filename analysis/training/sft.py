"""Supervised fine-tuning on closed-book questions: facts drawn, trained on, and a complete checkpoint written.

The paper (arXiv 2509.16596): its prompt format, loss on the answer only; its other settings stand in `settings`.
Weights are held in float32 and saved in the dtype the base is stored in. Knows no pages and no store; a folder
appears under its name only when it is whole.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import TrainingError
from analysis.folders import whole_folder
from analysis.knowledge.prompts import Prompt, encode_example, resolve_prompt
from analysis.records import MASTERY_LEVELS, Progress, Question, Silent
from analysis.training.asked import Asked, Source, ask, require_memory, wanted_facts
from analysis.training.card import SftReport, library_versions, write_card
from analysis.training.origin import UNKNOWN, Origin, origin_of
from analysis.training.resuming import resumable_by_all
from analysis.training.saving import save
from analysis.training.settings import CLIP_NORM, PAPER_LEARNING_RATE, SCHEDULE, WEIGHT_DECAY, Precision, Settings
from analysis.training.together import is_first, keeps_checkpoints, meet, processes, sharded
from analysis.training.trainer import Sample, Saving, Trained, precision_on, train
from analysis.training.variants import PLAIN, Variant

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.weights.identity import Memory

CHECKPOINT_SECONDS = 60.0


def fine_tune(
    base: str | Path,
    out: str | Path,
    questions: Source,
    *,
    size: int | None,
    seed: int = 0,
    level: int | None = None,
    mix: Mapping[int, float] | None = None,
    relations: Sequence[str] | None = None,
    mastery: str | Path | None = None,
    learning_rate: float = PAPER_LEARNING_RATE,
    batch_size: int = 8,
    epochs: int = 1,
    lora: bool = False,
    variant: Variant = PLAIN,
    precision: Precision = "auto",
    gradient_checkpointing: bool = False,
    accumulate: int = 1,
    prompt: str = "paper",
    device: str = "auto",
    threads: int | None = None,
    resume: bool = True,
    checkpoint_seconds: float | None = CHECKPOINT_SECONDS,
    memory: Memory | None = None,
    origin: Origin | None = None,
    progress: Progress | None = None,
) -> SftReport:
    """Fine-tune `base` on `size` facts (None: all) of `level` (None: of any) and write a complete checkpoint to `out`.

    `questions`: the training questions with their levels, or a file of them with the `mastery` table that gives the
    levels: its train split, in-domain as in the paper (all of it, where nothing is in-domain or `relations` are named).
    `mix`: level -> share instead of one level. `variant` says how; `lora` is short for Variant("lora").
    `batch_size`, `precision`, `gradient_checkpointing` and `accumulate` are what Settings says of them.

    `origin`: where questions that are given loaded are from, for the card; of a file that is told by itself.

    `out`, a folder that does not exist yet, gets the weights as safetensors (of LoRA a PEFT adapter in float32), the
    base's tokenizer files byte for byte, and palimpsest.json, the report as JSON. `threads` is torch's number of CPU
    threads while training (None: as it is); the same arguments and threads give the same weights.

    Every `checkpoint_seconds` (None: never), and when cancelled, what is needed to go on is kept in a hidden folder
    beside `out`; the same call then goes on there (`resume`) to the same weights, bit for bit on a CPU. Raises
    TrainingError with everything that cannot be before anything runs, LanguageError and CheckpointError for a base that
    cannot be read, StoreError where `out` cannot be written.
    """
    way = _with_lora(variant, lora)
    settings = Settings(learning_rate, batch_size, epochs, seed, way, precision, gradient_checkpointing, accumulate)
    asked = ask(
        base,
        Path(out),
        questions,
        wanted_facts(size, level, mix, relations),
        settings,
        mastery=mastery,
        threads=threads,
        checkpoints=checkpoint_seconds is not None,
    )
    if origin is None:
        origin = origin_of(questions, mastery) if isinstance(questions, str | Path) else UNKNOWN
    how = resolve_prompt(prompt)
    keeping = _Keeping(resume, checkpoint_seconds)
    with cpu_threads(threads) as used, _tuned_folder(asked.out) as folder:
        report = _run(_Run(asked, how, device, used, str(base), origin), folder, keeping, memory, progress or Silent())
    (progress or Silent()).report(1, 1, "done")
    return report


@dataclass(frozen=True)
class _Keeping:
    resume: bool
    seconds: float | None


@dataclass(frozen=True)
class _Run:
    """One fine-tuning, all that its weights depend on within reach."""

    asked: Asked
    prompt: Prompt
    device: str
    threads: int
    base: str
    origin: Origin


def identity(asked: Asked, prompt: Prompt, *, base_id: str, device: str, threads: int) -> dict[str, Any]:
    """Everything the weights depend on, as names and plain values: the same again gives the same weights.

    What was added to the settings later stands there only where it is not what it was before.
    """
    settings = asked.settings
    arithmetic = {
        "precision": (precision_on(device, settings.precision), "float32"),
        "gradient_checkpointing": (settings.gradient_checkpointing, False),
        "accumulate": (settings.accumulate, 1),
        "sharded": (sharded(), False),
    }
    return {
        "base": base_id,
        "facts": [(fact.id, fact.question, fact.answers[0], fact.level) for fact in asked.facts],
        "prompt": [prompt.template, prompt.answer],
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "variant": settings.variant.identity(),
        "device": device,
        "threads": threads,
        "processes": processes(),
        "versions": library_versions(),
        **{name: value for name, (value, usual) in arithmetic.items() if value != usual},
    }


def _run(run: _Run, folder: Path, keeping: _Keeping, memory: Memory | None, progress: Progress) -> SftReport:
    from analysis.language.load import choose_device, free_memory_bytes, load_model
    from analysis.weights.identity import Forgetful, content_id

    asked, variant = run.asked, run.asked.settings.variant
    progress.report(0, 1, "loading the base model")
    base_id = content_id(asked.base, memory or Forgetful(), progress)
    device = choose_device(run.device)
    same = identity(asked, run.prompt, base_id=base_id, device=device, threads=run.threads)
    precision = precision_on(device, asked.settings.precision)
    if device != "cpu":
        require_memory(asked, device, free_memory_bytes(_own(device)))
    meet(use_cpu=device == "cpu")
    with _kept(asked.out, same, keeping) as saving:
        lm = load_model(run.base, dtype="float32", device="cpu" if processes() > 1 else device)
        samples = [_sample(lm, run.prompt, fact, variant) for fact in asked.facts]
        trained = train(lm, samples, asked.settings, progress, saving, use_cpu=device == "cpu", precision=precision)
        stored_dtype = (
            "float32" if asked.settings.lora else asked.base.dtype.split(" + ")[0]
        )  # of several the commonest
        save(trained, lm, folder, stored_dtype)
        report = _report(run, trained, base_id, stored_dtype, device, precision)
        resumed = saving is not None and saving.place.latest is not None
        if is_first():
            write_card(replace(report, resumed=resumed), folder)
    return replace(report, resumed=resumed)


def _sample(lm: LanguageModel, prompt: Prompt, fact: Question, variant: Variant) -> Sample:
    example = encode_example(lm.tokenizer, prompt, fact.question, fact.answers[0])
    return Sample(example.ids, example.labels, rate_of(fact.level, variant))


def rate_of(level: int | None, variant: Variant) -> float:
    """A fact's share of the learning rate, 0-1: with "by-level" from its strength at level 0 in a line to 1 at 4."""
    if variant.name != "by-level" or level is None:
        return 1.0
    lowest = variant.strength or 0.0
    return lowest + (1 - lowest) * level / MASTERY_LEVELS[-1]


def _report(run: _Run, trained: Trained, base_id: str, stored_dtype: str, device: str, precision: str) -> SftReport:
    asked, settings = run.asked, run.asked.settings
    facts, wanted = asked.facts, asked.wanted
    return SftReport(
        base=run.base,
        base_id=base_id,
        level=wanted.level,
        size=wanted.size,
        n=len(facts),
        seed=settings.seed,
        prompt=run.prompt.template,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        schedule=SCHEDULE,
        weight_decay=WEIGHT_DECAY,
        clip_norm=CLIP_NORM,
        lora=settings.lora,
        trained_dtype="float32",
        stored_dtype=stored_dtype,
        threads=run.threads,
        device=device,
        steps=trained.steps,
        loss=trained.loss,
        seconds=trained.seconds,
        versions=library_versions(),
        facts=tuple(fact.id for fact in facts),
        variant=settings.variant.identity(),
        mix={str(level): share for level, share in wanted.mix},
        relations=wanted.relations,
        by_level=_counts("" if fact.level is None else str(fact.level) for fact in facts),
        by_relation=_counts(fact.relation or "" for fact in facts),
        processes=processes(),
        precision=precision,
        gradient_checkpointing=settings.gradient_checkpointing,
        accumulate=settings.accumulate,
        micro_batch=settings.micro_batch(processes()),
        **asdict(run.origin),
    )


def _own(device: str) -> str:
    """This process's own of several accelerators."""
    return f"{device}:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


def _counts(names: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _with_lora(variant: Variant, lora: bool) -> Variant:
    if lora and variant.name not in ("sft", "lora"):
        raise TrainingError(f"LoRA and the variant {variant.name} are not combined: ask for one of them.")
    return Variant("lora") if lora and variant.name == "sft" else variant


@contextmanager
def _kept(out: Path, run: Mapping[str, Any], keeping: _Keeping) -> Iterator[Saving | None]:
    """The checkpoints of this training, where any are kept."""
    if keeping.seconds is None or not keeps_checkpoints():
        yield None
        return
    with resumable_by_all(out, run, resume=keeping.resume) as place:
        yield Saving(place, keeping.seconds)


@contextmanager
def _tuned_folder(out: Path) -> Iterator[Path]:
    """The folder to write the tuned model to; of several processes only the first one has it."""
    with whole_folder(out) if is_first() else nullcontext(out) as folder:
        yield folder


@contextmanager
def cpu_threads(threads: int | None) -> Iterator[int]:
    """torch's CPU threads set to this number (None: left alone) and set back afterwards; yields the number used."""
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        yield threads or before
    finally:
        torch.set_num_threads(before)
