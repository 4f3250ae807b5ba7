"""Opens question files: the EntityQuestions release (zip or folder) and JSON lines of one's own.

The release is that of Sciavolino et al., EMNLP 2021: `{train,dev,test}/P*.{split}.json`, each a list of
`{"question", "answers"}`. Every reader yields (where, row) pairs, and one function makes Questions of them, so that a
further format is one more reader. Does not know models, prompts or scores.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from analysis.errors import QuestionError
from analysis.knowledge.mastery_join import join_mastery
from analysis.knowledge.relations import subject_of
from analysis.knowledge.sampling import sample_balanced
from analysis.records import IN_DOMAIN, OUT_OF_DOMAIN, Domain, Finding, Question, Split

Row = tuple[str, Any]  # where it stands ("line 3"), and what stands there
RELEASED = re.compile(r"(?:^|/)(P\d+)\.(train|dev|test)\.json$")
ZIP_START = b"PK\x03\x04"
ITEMS_SHOWN = 20
KNOWN_FIELDS = ("question", "answers", "relation", "subject", "id", "level")


@dataclass(frozen=True)
class QuestionSet:
    """Questions in the order of their file; `id` is a hash of everything in them, `notes` what was noticed."""

    questions: tuple[Question, ...]
    id: str
    notes: tuple[Finding, ...] = ()


def load_questions(
    source: str | Path,
    *,
    split: Split = "test",
    domain: Domain | Literal["both"] = "both",
    mastery: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> QuestionSet:
    """The questions in a zip, folder or JSON lines file.

    `split` picks the release's files (a file of one's own is one split); `domain` keeps the paper's in- or out-of-
    domain relations; `mastery` is a table that gives each fact its level; `limit` draws that many, balanced over
    relations and levels, by `seed`. Raises QuestionError with every bad line.
    """
    path = Path(source).expanduser()
    questions = _read(path, split)
    if domain != "both":
        questions = _keep_domain(questions, domain)
    notes = [*_note_duplicates(questions)]
    if mastery is not None:
        questions, found = join_mastery(questions, Path(mastery).expanduser())
        notes += found
    if limit is not None:
        questions = sample_balanced(questions, limit, seed)
    return QuestionSet(tuple(questions), content_id(questions), tuple(notes))


def content_id(questions: Iterable[Question]) -> str:
    """128-bit hash of the questions, all their fields and their order, as 32 hexadecimal digits."""
    state = hashlib.blake2b(digest_size=16)
    for question in questions:
        state.update(msgspec.json.encode(question))
        state.update(b"\n")
    return state.hexdigest()


def _read(path: Path, split: Split) -> list[Question]:
    if path.is_dir():
        return _released(_folder_files(path), path, split)
    if not path.is_file():
        raise QuestionError(f"There is no question file {str(path)!r}.")
    if zipfile.is_zipfile(path):
        return _read_zip(path, split)
    content = path.read_bytes()
    if content.startswith(ZIP_START):
        raise _damaged(path, "its end is missing")
    released = RELEASED.search(path.name)
    if released:
        return _released({path.name: lambda _: content}, path, released[2])
    return _make_questions(path, _parse(path, content))


def _read_zip(path: Path, split: Split) -> list[Question]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _released(dict.fromkeys(archive.namelist(), archive.read), path, split)
    except zipfile.BadZipFile as error:
        raise _damaged(path, str(error)) from error


def _folder_files(folder: Path) -> dict[str, Any]:
    """The release's files in the folder, or up to two folders below; no deeper, whatever folder was given."""
    files = [file for pattern in ("P*.json", "*/P*.json", "*/*/P*.json") for file in sorted(folder.glob(pattern))]
    return {file.relative_to(folder).as_posix(): lambda name: (folder / name).read_bytes() for file in files}


def _released(files: dict[str, Any], path: Path, split: str) -> list[Question]:
    """The release's questions of one split, relation by relation in the paper's order."""
    wanted = {match[1]: name for name in files if (match := RELEASED.search(name)) and match[2] == split}
    order = [relation for relation in (*IN_DOMAIN, *OUT_OF_DOMAIN) if relation in wanted]
    if not order:
        raise QuestionError(
            f"{path} holds no EntityQuestions files of the split {split!r}: expected {split}/P19.{split}.json ...."
        )
    rows: list[Row] = []
    for relation in order:
        name = wanted[relation]
        given = _parse(Path(name), files[name](name))
        rows += [
            (f"{name} {where}", _with_relation(row, relation, f"{relation}-{split}-{number}"))
            for number, (where, row) in enumerate(given)
        ]
    return _make_questions(path, rows)


def _with_relation(row: Any, relation: str, name: str) -> Any:
    return {"id": name, **row, "relation": relation} if isinstance(row, dict) else row


def _parse(path: Path, content: bytes) -> list[Row]:
    """Rows of a JSON array or of JSON lines, blank lines left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise QuestionError(f"{path} is not UTF-8: line {line} holds the byte 0x{content[error.start]:02x}.") from error
    if not text.strip():
        raise QuestionError(f"{path} is empty: expected one question a line, as JSON.")
    return list(_array(path, text) if text.lstrip().startswith("[") else _lines(path, text))


def _array(path: Path, text: str) -> Iterator[Row]:
    try:
        rows = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise QuestionError(f"{path} is not JSON: {error}.") from error
    return ((f"item {number}", row) for number, row in enumerate(rows, start=1))


def _lines(path: Path, text: str) -> Iterator[Row]:
    problems = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            problems.append(f"line {number} is not JSON: {error}")
    if problems:
        raise _refused(path, problems)


def _make_questions(path: Path, rows: Sequence[Row]) -> list[Question]:
    problems: list[str] = []
    questions = []
    for place, (where, row) in enumerate(rows):
        wrong = list(_problems(row))
        problems += [f"{where}: {problem}" for problem in wrong]
        if not wrong:
            questions.append(_question(row, f"q{place + 1}"))
    twice = [name for name, count in Counter(question.id for question in questions).items() if count > 1]
    problems += [f"the id {name!r} is given to more than one question" for name in twice]
    if problems:
        raise _refused(path, problems)
    if not questions:
        raise QuestionError(f"{path} holds no questions: expected at least one.")
    return questions


def _problems(row: Any) -> Iterator[str]:
    if not isinstance(row, dict):
        yield 'expected an object such as {"question": "...", "answers": ["..."]}'
        return
    if not isinstance(row.get("question"), str) or not row["question"].strip():
        yield 'no "question"' + _instead(row)
    answers = row.get("answers")
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        yield '"answers" must be a list of texts' + _instead(row)
    elif not any(answer.strip() for answer in answers):
        yield f"the question {str(row.get('question'))!r} has no answers"
    for name in ("id", "relation", "subject"):
        if not isinstance(row.get(name), str | None):
            yield f'"{name}" must be a text'
    if row.get("level") not in (None, 0, 1, 2, 3, 4) or isinstance(row.get("level"), bool):
        yield f'"level" must be 0 to 4, not {row["level"]!r}'


def _instead(row: dict[str, Any]) -> str:
    others = [name for name in row if name not in KNOWN_FIELDS]
    return f" (it has {', '.join(map(repr, others[:5]))})" if others else ""


def _question(row: dict[str, Any], name: str) -> Question:
    relation = row.get("relation")
    text = row["question"].strip()
    return Question(
        id=row.get("id") or name,
        question=text,
        answers=tuple(answer.strip() for answer in row["answers"] if answer.strip()),
        relation=relation,
        subject=row.get("subject") or (subject_of(relation, text) if relation else None),
        level=row.get("level"),
        domain=domain_of(relation),
    )


def domain_of(relation: str | None) -> Domain | None:
    """The paper's domain of a relation; None for a relation it does not have."""
    if relation in IN_DOMAIN:
        return "in"
    return "out" if relation in OUT_OF_DOMAIN else None


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
        yield Finding(
            "info", "duplicate-questions", f"{len(twice)} questions stand more than once; all are kept.", tuple(twice)
        )


def _damaged(path: Path, reason: str) -> QuestionError:
    return QuestionError(f"{path} is a damaged zip file ({reason}): fetch it again.")


def _refused(path: Path, problems: list[str]) -> QuestionError:
    shown = problems[:ITEMS_SHOWN]
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more")
    return QuestionError(f"{path} cannot be used as questions: {len(problems)} problems.", items=shown)
