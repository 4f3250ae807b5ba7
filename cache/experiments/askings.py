"""What a cell asks, as askings that any page can open again: the test questions of each domain, the facts trained on.

Where the relations trained on are the paper's, in- and out-of-domain are the question file's own; else each side is
written once as a file of questions, named by its contents, under `questions/` of the home folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from analysis.experiments.data import PlanData, Side, load_data, papers_domains
from analysis.experiments.grid import Cell
from analysis.folders import whole_file
from analysis.knowledge.questions import content_id
from analysis.records import Question
from cache.asked import Asking


def asking_of(home: Path, cell: Cell, side: Side) -> Asking | None:
    """The test questions of one domain, as the plan limits them; None where none are asked."""
    limit = cell.measure.in_domain if side == "in" else cell.measure.out_of_domain
    data = _data(cell)
    if limit == 0 or not (data.inside if side == "in" else data.outside):
        return None
    seed = cell.measure.draw_seed
    if papers_domains(cell.relations) and _told_apart(data):
        return Asking(cell.questions, cell.prompt, "test", side, cell.mastery, limit, seed, cell.dtype)
    file = _write(home, data.inside if side == "in" else data.outside)
    return Asking(str(file), cell.prompt, mastery=cell.mastery, limit=limit, seed=seed, dtype=cell.dtype)


def kl_asking(home: Path, cell: Cell) -> Asking:
    """Where the paper's KL finds its level-4 facts: all in-domain test questions, or as many as the plan says."""
    asked = asking_of(home, replace(cell, measure=replace(cell.measure, in_domain=cell.measure.kl_limit)), "in")
    assert asked is not None  # a plan without in-domain test questions measures no KL
    return asked


def trained_asking(home: Path, cell: Cell, facts: Sequence[str]) -> Asking:
    """The facts a model was trained on, in the question file's order."""
    ids = set(facts)
    file = _write(home, [question for question in _data(cell).train if question.id in ids])
    return Asking(str(file), cell.prompt, limit=cell.measure.train_limit, seed=cell.measure.draw_seed, dtype=cell.dtype)


def _told_apart(data: PlanData) -> bool:
    """Whether every in-domain question says so itself; questions without relations say nothing."""
    return all(question.domain == "in" for question in data.inside) and all(
        question.domain == "out" for question in data.outside
    )


def _data(cell: Cell) -> PlanData:
    return load_data(cell.questions, cell.mastery, cell.relations)


def _write(home: Path, questions: Sequence[Question]) -> Path:
    file = home / "questions" / f"{content_id(questions)}.jsonl"
    if not file.is_file():
        with whole_file(file) as partial:
            partial.write_bytes(b"".join(msgspec.json.encode(question) + b"\n" for question in questions))
    return file
