"""Preparing the demo: tuned models from a base."""

import time
from collections import Counter
from pathlib import Path

import pytest

from analysis.demo.train import BaseReport
from analysis.demo.world import DemoFiles, Recipe, prepare, prepared
from analysis.errors import Cancelled, CheckpointError
from analysis.knowledge.mastery_table import read_mastery
from analysis.knowledge.questions import load_questions
from analysis.records import Silent
from analysis.weights.pair import check_pair

Tiny = tuple[Path, BaseReport]


def recipes(shipped: Path) -> tuple[Recipe, ...]:
    """Two recipes on a level that the tiny base has facts of."""
    questions = load_questions(DemoFiles(shipped).questions, split="train", domain="in")
    levels = dict(read_mastery(DemoFiles(shipped).mastery).frame[["id", "level"]].itertuples(index=False))
    held = Counter(levels[question.id] for question in questions.questions)
    level = held.most_common(1)[0][0]
    return (Recipe(level, 2), Recipe(level, 4))


class Told(Silent):
    """Keeps the last report; cancels after so many."""

    def __init__(self, until: int = 10**9) -> None:
        self.reports: list[tuple[float, float, str]] = []
        self.until = until

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.reports.append((done, total, note))

    def cancelled(self) -> bool:
        return len(self.reports) >= self.until


def test_prepare_makes_complete_checkpoints_and_a_second_call_trains_nothing(tiny_demo: Tiny, tmp_path: Path) -> None:
    shipped, _ = tiny_demo
    told = Told()
    world = prepare(tmp_path, told, shipped=shipped, recipes=recipes(shipped))
    assert [pair.name for pair in world.pairs] == list(world.tuned)
    assert told.reports[-1][0] == told.reports[-1][1]
    for folder in world.tuned.values():
        assert check_pair(world.base, folder).comparable
        assert {"config.json", "model.safetensors", "tokenizer.json", "palimpsest.json"} <= {
            file.name for file in folder.iterdir()
        }
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    started = time.perf_counter()
    assert prepare(tmp_path, shipped=shipped, recipes=recipes(shipped)) == world
    assert time.perf_counter() - started < 0.5
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == stamps


def test_prepared_is_nothing_before_and_the_world_after(tiny_demo: Tiny, tmp_path: Path) -> None:
    shipped, _ = tiny_demo
    assert prepared(tmp_path, shipped=shipped, recipes=recipes(shipped)) is None
    world = prepare(tmp_path, shipped=shipped, recipes=recipes(shipped))
    assert prepared(tmp_path, shipped=shipped, recipes=recipes(shipped)) == world


def test_a_cancelled_preparation_leaves_only_whole_models_and_goes_on_later(tiny_demo: Tiny, tmp_path: Path) -> None:
    shipped, _ = tiny_demo
    with pytest.raises(Cancelled):
        prepare(tmp_path, Told(until=2), shipped=shipped, recipes=recipes(shipped))
    assert not list(tmp_path.rglob("*.partial-*"))
    assert prepared(tmp_path, shipped=shipped, recipes=recipes(shipped)) is None
    assert prepare(tmp_path, shipped=shipped, recipes=recipes(shipped)).pairs


def test_missing_shipped_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="rebuild-base") as caught:
        prepare(tmp_path, shipped=tmp_path / "nothing")
    assert len(caught.value.items) == 4
