"""Question files: is every released EntityQuestions question read and understood, and what does a million rows cost?

    python -m benchmarks.questions [--rows 1000000]

The release is PALIMPSEST_ENTITYQUESTIONS, else ../shared/data/entityquestions/dataset.zip beside the checkout. Parsed:
read with its answers. Subject: recovered from the question form, so that asking about it gives the question again to
the letter. Relation: known by its file; "by form" is what the question's text alone would tell.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.knowledge.questions import load_questions
from analysis.knowledge.relations import RELATIONS, relation_of, relations_of
from analysis.records import Question

RELEASED = Path(
    os.environ.get("PALIMPSEST_ENTITYQUESTIONS")
    or Path(__file__).parents[2] / "shared" / "data" / "entityquestions" / "dataset.zip"
)
SHOWN = 20
MEGABYTE_KIB = 1024  # what ru_maxrss counts on Linux is KiB


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the made-up tables; 0 leaves them out")
    rows = parser.parse_args().rows
    if RELEASED.exists():
        _print_release()
    else:
        print(f"EntityQuestions is not at {RELEASED}: set PALIMPSEST_ENTITYQUESTIONS.")
    if rows:
        _print_reading(rows)


def _print_release() -> None:
    began = time.process_time()
    questions = load_questions(RELEASED).questions
    seconds = time.process_time() - began
    print("| relation | in the files | parsed | subject recovered | relation by form alone |\n|---|---|---|---|---|")
    counts = count_released(RELEASED)
    for relation in RELATIONS:
        print(_cells(relation, counts[relation], [one for one in questions if one.relation == relation]))
    print(_cells("all", sum(counts.values()), questions))
    lost = [question.question for question in questions if not recovered(question)]
    unclear = sorted({question.relation for question in questions if relation_of(question.question) is None})
    print(f"\nRead in {seconds:.2f} s of CPU. Subject not recovered: {len(lost)}.")
    for text in lost[:SHOWN]:
        print(f"- {text}")
    shared = f"{', '.join(map(str, unclear))}: {RELATIONS['P131'].question}"
    print(f"Relation known by the file alone, since they share one form: {shared}")


def _cells(name: str, there: int, questions: Sequence[Question]) -> str:
    parsed = sum(bool(question.question and question.answers) for question in questions)
    subjects = sum(map(recovered, questions))
    formed = sum(relations_of(question.question) == (question.relation,) for question in questions)
    return f"| {name} | {there:,} | {parsed:,} | {subjects:,} | {formed:,} |"


def recovered(question: Question) -> bool:
    """Whether relation and subject, asked about again, give the question to the letter."""
    known = question.relation is not None and question.subject is not None
    return known and RELATIONS[str(question.relation)].ask(str(question.subject)) == question.question


def count_released(path: Path) -> dict[str, int]:
    """Questions a relation in the test files of the zip, counted without our reader."""
    with zipfile.ZipFile(path) as archive:
        names = {name.rsplit("/", 1)[-1]: name for name in archive.namelist() if name.endswith(".test.json")}
        return {relation: len(json.loads(archive.read(names[f"{relation}.test.json"]))) for relation in RELATIONS}


def _print_reading(rows: int) -> None:
    print(f"\n{rows:,} rows of one's own, the whole set read and hashed:\n\n| format | s of CPU |\n|---|---|")
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        for file in _tables(Path(folder), rows):
            began = time.process_time()
            assert len(load_questions(file).questions) == rows
            print(f"| {file.suffix[1:]} | {time.process_time() - began:.1f} |", flush=True)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / MEGABYTE_KIB
    print(f"\nPeak memory beyond the start: {peak:.0f} MB.")


def _tables(folder: Path, rows: int) -> Iterator[Path]:
    """The same made-up questions as CSV and as JSON lines."""
    with (folder / "own.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answers"])
        writer.writerows((f"Where was person {n} born?", json.dumps([f"Town {n}"])) for n in range(rows))
    yield folder / "own.csv"
    with (folder / "own.jsonl").open("w") as lines:
        for n in range(rows):
            lines.write(json.dumps({"question": f"Where was person {n} born?", "answers": [f"Town {n}"]}) + "\n")
    yield folder / "own.jsonl"


if __name__ == "__main__":
    main()
