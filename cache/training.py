"""Work on fine-tuning: models made here, found again by what made them, and what a fine-tuning will take.

A tuned model lies under `tuned/<name>-<digest>` of the home folder, with its card; the digest holds everything its
weights depend on, so asking for the same again gives what is there. One that was cut short goes on where it was.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from analysis.records import Progress, Question, Silent
from analysis.training.asked import Outlook
from analysis.training.settings import PAPER_LEARNING_RATE, Precision
from analysis.training.variants import PLAIN, Variant
from cache.asked import Comparison
from cache.keys import digest, key_digest, make_key
from cache.mastery import Stamp, stamp
from cache.pairs import PairWork

if TYPE_CHECKING:
    from analysis.training.asked import Asked
    from analysis.training.card import SftReport
    from analysis.training.origin import Origin

MARK = 8  # hexadecimal digits of a folder's digest
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Training:
    """What to fine-tune on and how, as a person asks for it (analysis.training.sft.fine_tune says what each means)."""

    base: str
    questions: str
    size: int | None = None
    level: int | None = None
    mix: tuple[tuple[int, float], ...] = ()
    relations: tuple[str, ...] | None = None
    seed: int = 0
    mastery: str | None = None
    learning_rate: float = PAPER_LEARNING_RATE
    batch_size: int = 8
    epochs: int = 1
    variant: Variant = PLAIN
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    accumulate: int = 1
    prompt: str = "paper"
    device: str = "auto"
    threads: int | None = None

    @property
    def level_name(self) -> str:
        """'0', 'all', or 'mix:0=0.5,4=0.5'."""
        if self.mix:
            return "mix:" + ",".join(f"{level}={share:g}" for level, share in self.mix if share)
        return "all" if self.level is None else str(self.level)

    @property
    def name(self) -> str:
        """Short, for folders and titles: 'level-0-240-seed-1-l2sp'."""
        what = {"all": "all", "mix": "mix"}.get(self.level_name.partition(":")[0], f"level-{self.level_name}")
        size = "all" if self.size is None else str(self.size)
        parts = [what, size, f"seed-{self.seed}", *([] if self.variant == PLAIN else [self.variant.name])]
        return "-".join(parts)


@dataclass(frozen=True)
class FineTuned:
    """A model fine-tuned here: its folder and its card."""

    folder: Path
    card: SftReport

    @property
    def pair(self) -> Comparison:
        """It beside the base it was made from, as a page of any process finds them."""
        base = Path(self.card.base).expanduser()
        return Comparison(str(base.resolve()) if base.exists() else self.card.base, str(self.folder.resolve()))


class TrainingWork(PairWork):
    """Fine-tuning over one home folder."""

    def fine_tune(
        self,
        training: Training,
        out: Path | None = None,
        progress: Progress | None = None,
        *,
        resume: bool = True,
        checkpoint_seconds: float | None = CHECKPOINT_SECONDS,
    ) -> FineTuned:
        """The model that this asks for, fine-tuned into `out` (a new folder), or among the tuned ones of this home.

        There, what was made before is found again. Raises what analysis.training.sft.fine_tune raises.
        """
        progress = progress or Silent()
        keeping = {"resume": resume, "checkpoint_seconds": checkpoint_seconds}
        if out is not None:
            return self._train_into(training, out, progress, keeping)
        progress.report(0, 1, "loading torch and the libraries")
        asked = self._training_asked(training)
        folder = self._tuned_folder(training, asked, progress)
        with self.store.lock(make_key("sft", folder=folder.name), progress):
            return _read(folder) or self._train_into(training, folder, progress, keeping)

    def known_fine_tuned(self, training: Training) -> FineTuned | None:
        """The model that this asks for where it was fine-tuned here; imports torch, reads no weights twice."""
        return _read(self._tuned_folder(training, self._training_asked(training), Silent()))

    def fine_tuned(self, base: str | None = None) -> tuple[FineTuned, ...]:
        """The models fine-tuned here (from this base), newest first."""
        folders = self._tuned_home.glob("[!.]*")
        found = [tuned for folder in folders if (tuned := _read(folder)) is not None]
        wanted = [tuned for tuned in found if base is None or _same_place(tuned.card.base, base)]
        return tuple(sorted(wanted, key=lambda tuned: tuned.folder.stat().st_mtime, reverse=True))

    def outlook(self, training: Training) -> Outlook:
        """What this will take; raises what keeps it from being done, all at once, before anything runs."""
        asked = self._training_asked(training)
        steps = math.ceil(len(asked.facts) / training.batch_size) * training.epochs
        step_seconds = self._step_seconds(training)
        return Outlook(
            n=len(asked.facts),
            steps=steps,
            by_level=_counts("" if fact.level is None else str(fact.level) for fact in asked.facts),
            by_relation=_counts(fact.relation or "" for fact in asked.facts),
            seconds=steps * median(step_seconds) if step_seconds else None,
            timed=len(step_seconds),
        )

    def training_levels(self, questions: str, mastery: str | None) -> dict[int | None, int]:
        """How many facts there are to train on, by level (None: unknown)."""
        return dict(Counter(fact.level for fact in _facts(questions, mastery)))

    def training_relations(self, questions: str) -> tuple[str, ...]:
        """The relations of the facts there are to train on, in- and out-of-domain."""
        facts = _facts(questions, None, inside=False)
        return tuple(sorted({fact.relation for fact in facts if fact.relation}))

    def usual_learning_rate(self, base: str) -> float:
        """The paper's, or for the demo's small base, prepared or not, the one that moves it."""
        from analysis.demo.world import LEARNING_RATE, SHIPPED, DemoFiles

        return LEARNING_RATE if _same_place(base, str(DemoFiles(SHIPPED).base)) else PAPER_LEARNING_RATE

    @property
    def _tuned_home(self) -> Path:
        return self.home / "tuned"

    def _training_asked(self, training: Training) -> Asked:
        from analysis.training.asked import ask, wanted_facts
        from analysis.training.settings import Settings

        return ask(
            training.base,
            self._tuned_home / ".new",
            _facts_of(training),
            wanted_facts(training.size, training.level, dict(training.mix), training.relations),
            Settings(
                training.learning_rate,
                training.batch_size,
                training.epochs,
                training.seed,
                training.variant,
                training.precision,
                training.gradient_checkpointing,
                training.accumulate,
            ),
            threads=training.threads,
        )

    def _tuned_folder(self, training: Training, asked: Asked, progress: Progress) -> Path:
        from analysis.knowledge.prompts import resolve_prompt
        from analysis.language.load import choose_device
        from analysis.training.sft import cpu_threads, identity
        from analysis.weights.identity import content_id

        base_id = content_id(asked.base, self._identity, progress)
        device, prompt = choose_device(training.device), resolve_prompt(training.prompt)
        with cpu_threads(training.threads) as threads:
            parts = identity(asked, prompt, base_id=base_id, device=device, threads=threads)
        mark = key_digest(make_key("sft", **parts | {"facts": digest(parts["facts"])}))[:MARK]
        return self._tuned_home / f"{training.name}-{mark}"

    def _train_into(
        self, training: Training, out: Path, progress: Progress, keeping: dict[str, float | bool | None]
    ) -> FineTuned:
        from analysis.training.sft import fine_tune

        report = fine_tune(
            training.base,
            out,
            _facts_of(training),
            size=training.size,
            seed=training.seed,
            level=training.level,
            mix=dict(training.mix),
            relations=training.relations,
            learning_rate=training.learning_rate,
            batch_size=training.batch_size,
            epochs=training.epochs,
            variant=training.variant,
            precision=training.precision,
            gradient_checkpointing=training.gradient_checkpointing,
            accumulate=training.accumulate,
            prompt=training.prompt,
            device=training.device,
            threads=training.threads,
            memory=self._identity,
            origin=_origin(training, out),
            progress=progress,
            **keeping,  # type: ignore[arg-type]
        )
        return FineTuned(out, report)

    def _step_seconds(self, training: Training) -> list[float]:
        """Seconds a step of the trainings of this base timed here, the same variant's where there are any."""
        from analysis.demo.world import prepared
        from analysis.training.card import read_card

        demo = prepared(self.home)
        shown = [read_card(folder) for folder in demo.tuned.values()] if demo is not None else []
        cards = [*(tuned.card for tuned in self.fine_tuned()), *(card for card in shown if card is not None)]
        of_base = [
            card
            for card in cards
            if _same_place(card.base, training.base) and card.steps and card.batch_size == training.batch_size
        ]
        alike = [card for card in of_base if card.variant.get("name") == training.variant.name]
        return [card.seconds / card.steps for card in alike or of_base]


def _read(folder: Path) -> FineTuned | None:
    from analysis.training.card import read_card
    from analysis.weights.difference import INDEX

    card = None if (folder / INDEX).is_file() else read_card(folder)  # a plan's difference is no checkpoint yet
    return FineTuned(folder, card) if card is not None else None


def _same_place(one: str, other: str) -> bool:
    """Whether two names mean one checkpoint: equal, or the same folder."""
    return one == other or Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _origin(training: Training, out: Path) -> Origin:
    """Where the facts are from, and the command for a folder that holds base and files."""
    from analysis.figures.training import command
    from analysis.training.origin import name_of, origin_of

    mastery = name_of(training.mastery) if training.mastery else None
    told = replace(training, base=name_of(training.base), questions=name_of(training.questions), mastery=mastery)
    made = command(told, out.name)  # type: ignore[arg-type]  # a frozen record: command only reads it
    return origin_of(training.questions, training.mastery, made)


def _facts_of(training: Training) -> tuple[Question, ...]:
    return _facts(training.questions, training.mastery, inside=training.relations is None)


def _facts(questions: str, mastery: str | None, *, inside: bool = True) -> tuple[Question, ...]:
    """The facts to draw from; `inside` keeps the in-domain ones where there are any."""
    return _read_facts(stamp(Path(questions)), stamp(Path(mastery)) if mastery else None, inside)


@lru_cache(maxsize=4)
def _read_facts(questions: Stamp, mastery: Stamp | None, inside: bool) -> tuple[Question, ...]:
    """Read again only when a file has changed."""
    from analysis.training.asked import training_questions

    return tuple(training_questions(questions[0], mastery[0] if mastery else None, None if inside else ()))
