"""Opens question files: one door for the EntityQuestions release, PopQA, TriviaQA, Natural Questions and one's own.

analysis/knowledge/readers/ knows the formats; here the rows of a source become one set of questions, with their levels,
their examples and an id. Does not know models, prompts or scores.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from analysis.errors import QuestionError
from analysis.knowledge.mastery_join import join_mastery
from analysis.knowledge.readers.collect import Collector
from analysis.knowledge.readers.fields import domain_of
from analysis.knowledge.readers.sources import DataFile, choose_files, find_files, splits_of
from analysis.knowledge.sampling import sample_balanced
from analysis.knowledge.shots import draw_shots, hold_out
from analysis.records import Domain, Finding, Question, Split

__all__ = ["QuestionSet", "content_id", "domain_of", "load_questions"]

SHOWN = 20


@dataclass(frozen=True)
class QuestionSet:
    """Questions in the order of their file; `id` is a hash of everything in them, `notes` what was noticed.

    `shots` stand before every one of them as worked examples, and are part of `id`. `splits` are those the source has,
    in the order train, dev, test; empty where it is one file that does not say.
    """

    questions: tuple[Question, ...]
    id: str
    notes: tuple[Finding, ...] = ()
    shots: tuple[Question, ...] = ()
    splits: tuple[Split, ...] = ()


def load_questions(
    source: str | Path,
    *,
    split: Split | Literal["all"] = "test",
    domain: Domain | Literal["both"] = "both",
    mastery: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    shots: int = 0,
) -> QuestionSet:
    """The questions in a zip, folder or file.

    `split` picks among the files of a folder or zip, or takes all (one file of one's own is one split); `domain` keeps
    the paper's in- or out-of-domain relations; `mastery` is a table that gives each fact its level; `limit` draws that
    many, balanced over relations and levels, by `seed`; `shots` examples are drawn by it too, the same for every limit:
    from the train split, else from another, else from the questions themselves, which are then not asked. Raises
    QuestionError with every bad line.
    """
    path = Path(source).expanduser()
    files = find_files(path)
    questions, notes = _read(path, files, split, domain)
    if mastery is not None:
        questions, found = join_mastery(questions, Path(mastery).expanduser())
        notes += found
    shown: tuple[Question, ...] = ()
    if shots:
        shown, questions, found = _draw_shots(path, files, split, domain, questions, shots, seed)
        notes += found
    if limit is not None:
        questions = sample_balanced(questions, limit, seed)
    return QuestionSet(tuple(questions), _set_id(questions, shown), tuple(notes), shown, splits_of(files))


def content_id(questions: Iterable[Question]) -> str:
    """128-bit hash of the questions, all their fields and their order, as 32 hexadecimal digits."""
    state = hashlib.blake2b(digest_size=16)
    for question in questions:
        state.update(msgspec.json.encode(question))
        state.update(b"\n")
    return state.hexdigest()


def _set_id(questions: Sequence[Question], shots: Sequence[Question]) -> str:
    asked = content_id(questions)
    if not shots:
        return asked
    return hashlib.blake2b(f"{asked} after {content_id(shots)}".encode(), digest_size=16).hexdigest()


def _read(
    path: Path, files: Sequence[DataFile], split: Split | Literal["all"], domain: Domain | Literal["both"]
) -> tuple[list[Question], list[Finding]]:
    """The questions of one split, or all, and domain, and what was noticed about them."""
    collector = Collector(path)
    for file in choose_files(files, path, split):
        collector.add(file, file.split or split if split == "all" else split)  # names what has no id
    questions = collector.finish()
    if domain != "both":
        questions = _keep_domain(questions, domain)
    return questions, [*collector.notes(), *_note_duplicates(questions)]


def _draw_shots(
    path: Path,
    files: Sequence[DataFile],
    split: Split | Literal["all"],
    domain: Domain | Literal["both"],
    questions: list[Question],
    count: int,
    seed: int,
) -> tuple[tuple[Question, ...], list[Question], list[Finding]]:
    """The examples, the questions left to ask, and a note where some are not asked on their account."""
    if count < 0:
        raise QuestionError(f"The number of shots is {count}: give 0 or more.")
    splits = splits_of(files)
    spare = None if split == "all" else next((other for other in splits if other != split), None)
    if spare is not None:
        pool, _ = _read(path, files, spare, domain)
        others = [_read(path, files, other, domain)[0] for other in splits if other not in (spare, split)]
        asked = [*questions, *(question for other in others for question in other)]  # dev and test have the same shots
        return draw_shots(pool, asked, count, seed), questions, []
    held = hold_out(questions, count, seed)
    gone = len(questions) - len(held.asked)
    message = f"{gone} questions serve as the {count} examples, or share a subject with one, and are not asked."
    return held.shots, list(held.asked), [Finding("info", "shots-held-out", message)]


def _keep_domain(questions: list[Question], domain: Domain) -> list[Question]:
    kept = [question for question in questions if question.domain == domain]
    if not kept:
        unknown = sum(question.domain is None for question in questions)
        raise QuestionError(
            f"None of {len(questions)} questions is {domain}-domain; {unknown} have no relation of EntityQuestions."
        )
    return kept


def _note_duplicates(questions: Sequence[Question]) -> Iterator[Finding]:
    counts = Counter((question.relation, question.question) for question in questions)
    twice = [f"{text} ({count} times)" for (_, text), count in counts.items() if count > 1]
    if twice:
        message = f"{len(twice)} questions stand more than once, with other answers or as released; all are kept."
        yield Finding("info", "duplicate-questions", message, tuple(twice[:SHOWN]))
