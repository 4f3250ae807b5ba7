"""Makes the shipped demo again, from nothing but a seed: facts, texts, tokenizer, base, mastery, questions.

The same machine and thread count give the same files; equal across machines is not promised (demo/README.md says how
the shipped base came about). Does not fine-tune.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from analysis.demo.facts import Fact, WorldSize, make_facts
from analysis.demo.statements import corpus_pass
from analysis.demo.train import BaseConfig, BaseReport, save_base, train_base, train_tokenizer
from analysis.demo.world import DemoFiles
from analysis.demo.write import facts_table, write_questions
from analysis.errors import TrainingError
from analysis.records import Progress, Silent

WORLD_SEED = 0


def rebuild_base(
    out: Path,
    progress: Progress | None = None,
    *,
    size: WorldSize | None = None,
    config: BaseConfig | None = None,
    samples: int = 10,
) -> BaseReport:
    """Make the whole demo folder anew at `out`, which must not exist or be empty; it appears whole or not at all.

    `samples` are the completions a template in the mastery table, ten in the paper. Takes about an hour on two cores
    for the default size. Raises TrainingError when `out` holds anything.
    """
    progress, size, config = progress or Silent(), size or WorldSize(), config or BaseConfig()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(f"{out} is not empty: give a folder that does not exist yet, or empty it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.partial-"))
    try:
        files, facts = DemoFiles(partial), make_facts(size, WORLD_SEED)
        report = train_world(files, facts, size, config, progress)
        measure_mastery(files, facts, config.threads, progress, samples=samples)
        if out.exists():
            out.rmdir()
        partial.chmod(0o755)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return report


def train_world(
    files: DemoFiles, facts: Sequence[Fact], size: WorldSize, config: BaseConfig, progress: Progress
) -> BaseReport:
    """Train the base on the facts and write it with its questions, its facts' table and `world.json`."""

    def lines(number: int) -> list[str]:
        return corpus_pass(facts, WORLD_SEED + 1 + number)

    tokenizer = train_tokenizer(lines(0), config.vocabulary)
    model, report = train_base(tokenizer, lines, config, progress=progress)
    files.base.mkdir(parents=True)
    save_base(model, tokenizer, files.base)
    write_questions(facts, files.questions)
    facts_table(facts, config.passes).to_parquet(files.facts, index=False)
    card = {"world_seed": WORLD_SEED, "size": asdict(size), "training": asdict(report)}
    (files.shipped / "world.json").write_text(json.dumps(card, indent=1) + "\n")
    return report


def measure_mastery(
    files: DemoFiles, facts: Sequence[Fact], threads: int, progress: Progress, *, samples: int = 10
) -> None:
    """R and level of every fact by the paper's protocol, each completion ended with its sentence."""
    from analysis.knowledge.mastery import measure
    from analysis.language.load import load_model
    from analysis.training.sft import cpu_threads

    with cpu_threads(threads):
        lm = load_model(files.base, dtype="float32", device="cpu")
        asked = [fact.ask() for fact in facts]
        measure(lm, asked, samples=samples, until="sentence", progress=progress).write(files.mastery)
