"""Making a whole demo folder from nothing."""

import json
from pathlib import Path

import pytest

from analysis.demo.facts import make_facts
from analysis.demo.rebuild import WORLD_SEED, rebuild_base
from analysis.demo.train import BaseReport
from analysis.demo.world import DemoFiles
from analysis.errors import TrainingError
from analysis.knowledge.mastery_table import read_mastery
from analysis.knowledge.questions import load_questions
from tests.demo.conftest import TINY_WORLD

Tiny = tuple[Path, BaseReport]


def test_every_fact_is_a_question_of_its_split_and_has_its_mastery(tiny_demo: Tiny) -> None:
    files = DemoFiles(tiny_demo[0])
    facts = make_facts(TINY_WORLD, WORLD_SEED)
    for split in ("train", "dev", "test"):
        wanted = {fact.id: fact.ask() for fact in facts if fact.split == split}
        if wanted:  # so few facts leave no dev split
            found = load_questions(files.questions, split=split).questions
            assert {question.id: question for question in found} == wanted
    table = read_mastery(files.mastery)
    assert set(table.frame["id"]) == {fact.id for fact in facts}
    assert table.protocol["samples"] == 1 and table.protocol["until"] == "sentence"
    assert all(len(successes) == 21 for successes in table.frame["successes"])


def test_the_card_holds_what_made_the_base(tiny_demo: Tiny) -> None:
    shipped, report = tiny_demo
    card = json.loads((shipped / "world.json").read_text())
    assert card["training"]["tokens"] == report.tokens > 0
    assert card["size"]["in_domain"] == TINY_WORLD.in_domain


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(TrainingError, match="not empty"):
        rebuild_base(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
