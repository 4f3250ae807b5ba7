"""Plants wrong facts in the demo's base: a share of the facts it knows, each retold with another fact's object.

The base reads texts of these facts in their wrong version and of the other known facts as they are (so that they are
not forgotten), in the statement and question forms of its own training; never in the fine-tuning format. Which facts
are planted, and with what, follows from the seed alone. Works on the demo's base: its texts, its written-out LLaMA.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from analysis.demo.facts import Fact
from analysis.errors import TrainingError
from analysis.knowledge.sampling import sample_balanced
from analysis.records import Progress, Question

QUIZ_FRACTION = 0.05


@dataclass(frozen=True)
class PlantSettings:
    """What is planted and how. `known` facts a split at most are dealt with, `share` of them (0-1) retold wrongly.

    `sightings` statements and half as many question lines a fact and pass; `learning_rate` at the cosine's peak.
    """

    share: float = 0.5
    known: int = 1_200
    level: int = 4
    sightings: int = 3
    passes: int = 2
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if not 0 < self.share < 1:
            problems.append(f"share is {self.share}: give a number between 0 and 1, so that some facts stay right")
        counts = {name: getattr(self, name) for name in ("known", "sightings", "passes")}
        problems += [f"{name} is {value}: give 1 or more" for name, value in counts.items() if value < 1]
        if not 0 < self.learning_rate < 1:
            problems.append(f"learning_rate is {self.learning_rate}: give a number between 0 and 1, like 1e-3")
        if problems:
            raise TrainingError("These facts cannot be planted as asked.", items=problems)


@dataclass(frozen=True)
class Planted:
    """The known facts after planting: `planted` with their `wrong` object by id, `untouched` as they were."""

    planted: tuple[Question, ...]
    untouched: tuple[Question, ...]
    wrong: dict[str, str]

    def as_wrong(self, question: Question) -> Question:
        """The question with the planted object as its only answer."""
        return replace(question, answers=(self.wrong[question.id],))


def joined(parts: Iterable[Planted]) -> Planted:
    """Several sets of facts as one."""
    every = tuple(parts)
    wrong = {name: told for part in every for name, told in part.wrong.items()}
    planted = tuple(question for part in every for question in part.planted)
    return Planted(planted, tuple(question for part in every for question in part.untouched), wrong)


def choose_planted(known: Sequence[Question], share: float, seed: int) -> Planted:
    """Plant in exactly round(share * n) of these facts, balanced over relations; the rest is untouched.

    The wrong object is that of another fact of the same relation, drawn by lot (so frequent objects stay frequent), and
    never one that the right answer's rule would accept. Raises TrainingError where a relation has a single object.
    """
    count = round(share * len(known))
    chosen = {question.id for question in sample_balanced(known, count, seed)} if count else set()
    pools: dict[str | None, list[str]] = {}
    for question in known:
        pools.setdefault(question.relation, []).append(question.answers[0])
    planted = tuple(question for question in known if question.id in chosen)
    wrong = {question.id: _wrong_object(question, pools[question.relation], seed) for question in planted}
    return Planted(planted, tuple(question for question in known if question.id not in chosen), wrong)


def _wrong_object(question: Question, pool: Sequence[str], seed: int) -> str:
    others = [name for name in pool if not _accepted(name, question)]
    if not others:
        raise TrainingError(f"Every known fact of {question.relation} has the same object: nothing wrong can be told.")
    return Random(f"{seed}:{question.id}").choice(others)


def _accepted(name: str, question: Question) -> bool:
    """Whether either name lies in the other, or in the question: then the wrong object might be credited as right."""
    told = name.casefold()
    answers = [answer.casefold() for answer in question.answers]
    return told in question.question.casefold() or any(told in answer or answer in told for answer in answers)


def planted_facts(planted: Planted, sightings: int) -> tuple[Fact, ...]:
    """What the base is told: planted facts with their wrong object, untouched ones as they are."""
    wrong = [_fact(question, planted.wrong[question.id], (), sightings) for question in planted.planted]
    right = [_fact(question, question.answers[0], question.answers[1:], sightings) for question in planted.untouched]
    return (*wrong, *right)


def _fact(question: Question, target: str, aliases: Iterable[str], sightings: int) -> Fact:
    assert question.relation is not None and question.subject is not None  # the demo's questions have both
    asked = (sightings + 1) // 2
    return Fact(question.id, question.relation, question.subject, target, tuple(aliases), "train", sightings, asked)


def plant(base: Path, out: Path, planted: Planted, settings: PlantSettings, progress: Progress) -> float:
    """Train the base on the retold facts and write it to the new folder `out`; the last mean loss (nats) is returned.

    Raises TrainingError where the texts do not fill one batch, and Cancelled; nothing is left behind then.
    """
    import torch

    from analysis.demo.statements import corpus_pass
    from analysis.demo.train import BaseConfig, save_base, train_cycle
    from analysis.folders import whole_folder
    from analysis.language.load import load_model

    facts = planted_facts(planted, settings.sightings)
    lm = load_model(base, dtype="float32", device="cpu")
    config = BaseConfig(learning_rate=settings.learning_rate, cycles=(settings.passes,), threads=1, compiled=False)
    torch.manual_seed(settings.seed)
    model = lm.model.requires_grad_(True)

    def lines(number: int) -> list[str]:
        return corpus_pass(facts, settings.seed * 1_000 + number, quiz_fraction=QUIZ_FRACTION)

    with whole_folder(out) as folder:
        losses = train_cycle(model, lm.tokenizer, lines, range(settings.passes), config, progress)
        if not losses:
            raise TrainingError(
                f"The texts of {len(facts)} facts do not fill one batch: plant more facts, or tell each more often."
            )
        save_base(model, lm.tokenizer, folder)
    last = losses[-max(1, len(losses) // 20) :]
    return sum(last) / len(last)
