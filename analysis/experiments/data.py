"""The questions of a plan: what is trained on, and what is asked in-domain and out-of-domain. Knows no model.

In-domain are the relations trained on (the paper: the ten about places), out-of-domain all others. Questions without
any relation are all in-domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from analysis.errors import QuestionError
from analysis.experiments.plan import level_of, mix_of
from analysis.knowledge.questions import content_id, load_questions
from analysis.records import IN_DOMAIN, OUT_OF_DOMAIN, Question
from analysis.training.facts import Wanted

Side = Literal["in", "out"]


@dataclass(frozen=True)
class PlanData:
    """The facts that can be trained on, and the test questions by domain, with their levels; in the files' order."""

    train: tuple[Question, ...]
    inside: tuple[Question, ...]
    outside: tuple[Question, ...]

    def identity(self) -> list[str]:
        """Content hashes of the three."""
        return [content_id(part) for part in (self.train, self.inside, self.outside)]


def load_data(questions: str, mastery: str | None, relations: Sequence[str]) -> PlanData:
    """Read once, and again when a file changes. QuestionError for files that do not work, or without a train split."""
    return _load(questions, mastery, tuple(relations), _stamp(questions), _stamp(mastery))


def missing_files(questions: str, mastery: str | None) -> list[str]:
    """A line for each of a plan's files that is named and not there."""
    named = {"questions": questions, "mastery": mastery}
    return [
        f"{name}: there is no file or folder {path!r} (a relative path begins at the plan's own folder)"
        for name, path in named.items()
        if path and not Path(path).expanduser().exists()
    ]


def papers_domains(relations: Sequence[str]) -> bool:
    """Whether the relations trained on are the paper's in-domain ones, so that its split by domain is this plan's."""
    return set(relations) == set(IN_DOMAIN)


def wanted(level: str, size: int) -> Wanted:
    """What a cell of this level and size (0: all) trains on."""
    mix = tuple(sorted(mix_of(level).items()))
    return Wanted(size or None, level_of(level), mix)


@lru_cache(maxsize=2)
def _load(questions: str, mastery: str | None, relations: tuple[str, ...], *_stamps: object) -> PlanData:
    train = load_questions(questions, split="train", mastery=mastery)
    if not set(train.splits) >= {"train", "test"}:
        raise QuestionError(
            f"{questions} has no train and test split, so that a model would be tested on what it was trained on: give "
            "a folder or zip with files named by split, like questions.train.jsonl and questions.test.jsonl."
        )
    test = load_questions(questions, split="test", mastery=mastery)
    inside = _inside(test.questions, relations)
    held = {question.id for question in inside}
    outside = tuple(question for question in test.questions if question.id not in held)
    return PlanData(_inside(train.questions, relations), inside, outside)


def _inside(questions: tuple[Question, ...], relations: tuple[str, ...]) -> tuple[Question, ...]:
    if all(question.relation not in (*IN_DOMAIN, *OUT_OF_DOMAIN, *relations) for question in questions):
        return questions
    return tuple(question for question in questions if question.relation in relations)


def _stamp(source: str | None) -> tuple[object, ...]:
    path = Path(source).expanduser() if source else None
    if path is None or not path.exists():
        return ()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
