"""Supervised fine-tuning on closed-book questions, through transformers' Trainer with the paper's settings.

The paper (arXiv 2509.16596): its prompt format, loss on the answer only, batches of 8, one epoch, AdamW, cosine
schedule without warm-up, learning rate 1e-5. What it does not name is Trainer's default and stands in the card: weight
decay 0, gradients clipped at norm 1. Weights are trained in float32 and saved in the dtype the base is stored in.
Knows no pages and no store; a folder appears under its name only when it is whole.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.errors import TrainingError
from analysis.knowledge.prompts import Example, encode_example, resolve_prompt
from analysis.knowledge.questions import QuestionSet, load_questions
from analysis.records import Progress, Question, Silent
from analysis.training.facts import draw_facts

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

CARD = "palimpsest.json"
WEIGHT_DECAY = 0.0
CLIP_NORM = 1.0
LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear"}
LOGGED_POINTS = 50  # of the loss curve, at most
VERSIONS = ("torch", "transformers", "accelerate", "peft")


@dataclass(frozen=True)
class SftReport:
    """What a fine-tuning did, as its card in the tuned folder says it.

    `loss` holds (step, mean training loss per answer token in nats over the steps since the last point). `facts` are
    the ids of the questions trained on, in the order drawn; `size` is what was asked for (None: all), `n` what was got.
    `seconds` is the training alone, without loading and saving.
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


@dataclass(frozen=True)
class Settings:
    """How to train, once what to train on is drawn."""

    learning_rate: float
    batch_size: int
    epochs: int
    seed: int
    lora: bool


def fine_tune(
    base: str | Path,
    out: str | Path,
    questions: str | Path | QuestionSet | Iterable[Question],
    *,
    size: int | None,
    seed: int = 0,
    level: int | None = None,
    mastery: str | Path | None = None,
    learning_rate: float = 1e-5,
    batch_size: int = 8,
    epochs: int = 1,
    lora: bool = False,
    prompt: str = "paper",
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> SftReport:
    """Fine-tune `base` on `size` facts (None: all) of `level` (None: of any) and write a complete checkpoint to `out`.

    `questions`: the training questions with their levels, or a file of them (its train split, in-domain) with the
    `mastery` table that gives the levels.
    `out`, a folder that does not exist yet, gets the weights as safetensors (with `lora`, a PEFT adapter in float32),
    the base's tokenizer files byte for byte, and palimpsest.json, the report as JSON. `threads` is torch's number of
    CPU threads while training (None: as it is); the same arguments and threads give the same weights. Raises
    TrainingError for settings, sizes and an `out` that cannot be, LanguageError and CheckpointError for a base that
    cannot be read; nothing is left behind on cancelling.
    """
    from analysis.language.load import load_model
    from analysis.weights.checkpoint import open_checkpoint
    from analysis.weights.identity import content_id

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
        trained, history = _train(lm, examples, settings, progress)
        seconds = time.perf_counter() - started
        _save(trained, lm, folder, stored_dtype)
        report = SftReport(
            base=str(base),
            base_id=content_id(checkpoint),
            level=level,
            size=size,
            n=len(facts),
            **{name: value for name, value in asdict(settings).items() if name != "lora"},
            prompt=how.template,
            schedule="cosine",
            weight_decay=WEIGHT_DECAY,
            clip_norm=CLIP_NORM,
            lora=dict(LORA) if lora else None,
            trained_dtype="float32",
            stored_dtype=stored_dtype,
            threads=used,
            device=lm.device,
            steps=epochs * -(-len(facts) // batch_size),
            loss=history,
            seconds=seconds,
            versions={name: version(name) for name in VERSIONS},
            facts=tuple(fact.id for fact in facts),
        )
        (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode({"kind": "sft", **asdict(report)})))
    progress.report(1, 1, "done")
    return report


def _questions(source: str | Path | QuestionSet | Iterable[Question], mastery: str | Path | None) -> Iterable[Question]:
    if isinstance(source, str | Path):
        return load_questions(source, split="train", domain="in", mastery=mastery).questions
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


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its name when the block ends well, and is removed when it does not."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.partial-"))
    except OSError as error:
        raise TrainingError(f"{out} cannot be written: {error.strerror or error}. Give another folder.") from error
    try:
        yield partial
        partial.chmod(0o755)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def pad_right(rows: Sequence[Example]) -> dict[str, Any]:
    """A batch as the model takes it: int64 [rows, longest], labels -100 and attention 0 over the padding."""
    import torch

    longest = max(len(row.ids) for row in rows)
    gaps = [longest - len(row.ids) for row in rows]
    return {
        "input_ids": torch.tensor([[*row.ids, *[0] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "labels": torch.tensor([[*row.labels, *[-100] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - gap) + [0] * gap for gap in gaps]),
    }


def _train(
    lm: LanguageModel, examples: list[Example], settings: Settings, progress: Progress
) -> tuple[Any, tuple[tuple[int, float], ...]]:
    """The trained model (with LoRA, its PEFT wrapper) and the loss curve."""
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
    return trainer.accelerator.unwrap_model(trainer.model), tuple(curve)


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
        lr_scheduler_type="cosine",
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


def _save(trained: Any, lm: LanguageModel, folder: Path, stored_dtype: str) -> None:
    from transformers import GenerationConfig

    from analysis.language.companions import KINDS, NOT_ASKED
    from analysis.language.load import torch_dtype

    lm.model.generation_config = (
        GenerationConfig()
    )  # the base's own follows as a file: saving would refuse some of them
    trained.to(torch_dtype(stored_dtype)).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in sorted(file for kind in KINDS for file in lm.source.glob(kind)):
        if file.name not in (*NOT_ASKED, "config.json"):
            shutil.copyfile(file, folder / file.name)
