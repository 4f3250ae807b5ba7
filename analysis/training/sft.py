"""Supervised fine-tuning on closed-book questions: facts drawn, trained on, and a complete checkpoint written.

The paper (arXiv 2509.16596): its prompt format, loss on the answer only; its other settings stand in `trainer`. Weights
are trained in float32 and saved in the dtype the base is stored in. Knows no pages and no store; a folder appears under
its name only when it is whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import TrainingError
from analysis.folders import whole_folder
from analysis.knowledge.prompts import encode_example, resolve_prompt
from analysis.knowledge.questions import QuestionSet, load_questions
from analysis.records import Progress, Question, Silent
from analysis.training.card import SftReport, library_versions, write_card
from analysis.training.facts import draw_facts
from analysis.training.trainer import CLIP_NORM, LORA, SCHEDULE, WEIGHT_DECAY, Settings, train
from analysis.training.variants import PLAIN, Variant

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

Source = str | Path | QuestionSet | Iterable[Question]


def fine_tune(
    base: str | Path,
    out: str | Path,
    questions: Source,
    *,
    size: int | None,
    seed: int = 0,
    level: int | None = None,
    mastery: str | Path | None = None,
    learning_rate: float = 1e-5,
    batch_size: int = 8,
    epochs: int = 1,
    lora: bool = False,
    variant: Variant = PLAIN,
    prompt: str = "paper",
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> SftReport:
    """Fine-tune `base` on `size` facts (None: all) of `level` (None: of any) and write a complete checkpoint to `out`.

    `questions`: the training questions with their levels, or a file of them with the `mastery` table that
    gives the levels: its train split, in-domain as in the paper (all of it, where nothing is in-domain).
    `out`, a folder that does not exist yet, gets the weights as safetensors (with `lora`, a PEFT adapter in float32),
    the base's tokenizer files byte for byte, and palimpsest.json, the report as JSON. `threads` is torch's number of
    CPU threads while training (None: as it is); the same arguments and threads give the same weights. Raises
    TrainingError for settings, sizes and an `out` that cannot be, LanguageError and CheckpointError for a base that
    cannot be read; nothing is left behind on cancelling.
    """
    from analysis.language.load import load_model
    from analysis.weights.checkpoint import open_checkpoint
    from analysis.weights.identity import content_id

    lora = lora or variant.name == "lora"
    if variant.name not in ("sft", "lora"):
        raise TrainingError(f"The variant {variant.name} is not built yet.")
    settings = Settings(learning_rate, batch_size, epochs, seed, lora)
    _check(settings, Path(out), threads)
    facts = draw_facts(_questions(questions, mastery), size=size, level=level, seed=seed)
    progress = progress or Silent()
    progress.report(0, 1, "loading the base model")
    checkpoint = open_checkpoint(base)
    stored_dtype = "float32" if lora else checkpoint.dtype.split(" + ")[0]  # of several, the commonest
    lm = load_model(base, dtype="float32", device=device)
    how = resolve_prompt(prompt)
    examples = [encode_example(lm.tokenizer, how, fact.question, fact.answers[0]) for fact in facts]
    with cpu_threads(threads) as used, whole_folder(Path(out)) as folder:
        started = time.perf_counter()
        trained = train(lm, examples, settings, progress)
        seconds = time.perf_counter() - started
        _save(trained.model, lm, folder, stored_dtype)
        report = SftReport(
            base=str(base),
            base_id=content_id(checkpoint),
            level=level,
            size=size,
            n=len(facts),
            **(asdict(settings) | {"lora": dict(LORA) if lora else None}),
            prompt=how.template,
            schedule=SCHEDULE,
            weight_decay=WEIGHT_DECAY,
            clip_norm=CLIP_NORM,
            trained_dtype="float32",
            stored_dtype=stored_dtype,
            threads=used,
            device=lm.device,
            steps=trained.steps,
            loss=trained.loss,
            seconds=seconds,
            versions=library_versions(),
            facts=tuple(fact.id for fact in facts),
        )
        write_card(report, folder)
    progress.report(1, 1, "done")
    return report


def _questions(source: Source, mastery: str | Path | None) -> Iterable[Question]:
    if isinstance(source, str | Path):
        questions = load_questions(source, split="train", mastery=mastery).questions
        return [question for question in questions if question.domain == "in"] or questions
    if mastery is not None:
        raise TrainingError("A mastery table goes with a question file; questions already loaded carry their levels.")
    return source.questions if isinstance(source, QuestionSet) else source


def _check(settings: Settings, out: Path, threads: int | None) -> None:
    problems = []
    if out.exists():
        problems.append(f"{out} exists already: give a folder that does not, or remove it")
    if not 0 < settings.learning_rate < 1:
        problems.append(f"learning_rate is {settings.learning_rate}: give a number between 0 and 1, like 1e-5")
    for name, value in (("batch_size", settings.batch_size), ("epochs", settings.epochs), ("threads", threads or 1)):
        if value < 1:
            problems.append(f"{name} is {value}: give 1 or more")
    if problems:
        raise TrainingError("This fine-tuning cannot be run as asked.", items=problems)


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


def _save(trained: Any, lm: LanguageModel, folder: Path, stored_dtype: str) -> None:
    from safetensors import SafetensorError
    from transformers import GenerationConfig

    from analysis.language.companions import KINDS, NOT_ASKED
    from analysis.language.load import torch_dtype

    lm.model.generation_config = (
        GenerationConfig()
    )  # the base's own follows as a file: saving would refuse some of them
    try:
        trained.to(torch_dtype(stored_dtype)).save_pretrained(folder)
    except SafetensorError as error:  # how safetensors tells of a full disk
        raise TrainingError(f"The tuned weights could not be written: {error}. Free space there.") from error
    for name in ("generation_config.json", "README.md"):  # PEFT's README is an empty form
        (folder / name).unlink(missing_ok=True)
    for file in sorted(file for kind in KINDS for file in lm.source.glob(kind)):
        if file.name not in (*NOT_ASKED, "config.json"):
            shutil.copyfile(file, folder / file.name)
