"""What a cell asks: in-domain is what it was trained on, whichever relations those are."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.experiments.data import load_data
from analysis.experiments.grid import Cell, cells_of
from analysis.experiments.plan_file import read_plan
from analysis.knowledge.questions import load_questions
from analysis.records import Question
from cache.asked import Asking
from cache.experiments.askings import asking_of, kl_asking, trained_asking
from tests.experiments.world import make_world


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    return cells_of(read_plan(make_world(tmp_path_factory.mktemp("world"))))[1]


def asked(asking: Asking | None) -> tuple[Question, ...]:
    assert asking is not None
    return load_questions(
        asking.questions, split=asking.split, domain=asking.domain, limit=asking.limit, seed=asking.seed
    ).questions


def test_the_papers_domains_are_asked_from_the_question_file_itself(cell: Cell, tmp_path: Path) -> None:
    inside, outside = asking_of(tmp_path, cell, "in"), asking_of(tmp_path, cell, "out")
    assert inside == Asking(cell.questions, "paper", "test", "in", cell.mastery, 20, 0, "float32")
    assert {question.relation for question in asked(inside)} == {"P19", "P20"}
    assert ({question.relation for question in asked(outside)}, len(asked(outside))) == ({"P26"}, 10)
    assert not list(tmp_path.iterdir())


def test_trained_on_other_relations_the_domains_change_places_and_levels_stay(cell: Cell, tmp_path: Path) -> None:
    other = replace(cell, relations=("P26",))
    data = load_data(other.questions, None, other.relations)
    assert {question.relation for question in data.train} == {"P26"}
    inside, outside = asked(asking_of(tmp_path, other, "in")), asked(asking_of(tmp_path, other, "out"))
    assert ({question.relation for question in inside}, len(inside)) == ({"P26"}, 20)
    assert ({question.relation for question in outside}, len(outside)) == ({"P19", "P20"}, 10)
    assert {question.level for question in inside} == set(range(5))


def test_the_facts_trained_on_are_asked_as_they_stand_in_the_file(cell: Cell, tmp_path: Path) -> None:
    ids = ("train-P20-9", "train-P19-4")
    found = asked(trained_asking(tmp_path, cell, ids))
    assert [question.id for question in found] == ["train-P19-4", "train-P20-9"]
    assert [question.answers for question in found] == [("Ada",), ("Ada",)]


def test_the_kl_has_a_limit_of_its_own_and_what_is_not_asked_is_none(cell: Cell, tmp_path: Path) -> None:
    measure = replace(cell.measure, in_domain=0, kl_limit=7)
    assert asking_of(tmp_path, replace(cell, measure=measure), "in") is None
    assert kl_asking(tmp_path, replace(cell, measure=measure)).limit == 7
