"""What a plan needs is looked at before anything runs, and everything missing is told at once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.errors import SpecError
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from analysis.experiments.survey import survey
from analysis.training.variants import Variant
from analysis.weights.identity import Forgetful
from cache.experiments.keys import keyed_plan
from cache.experiments.local import LocalEngine
from cache.experiments.ray_engine import RayEngine
from tests.experiments.world import make_world


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return read_plan(make_world(tmp_path_factory.mktemp("world")))


def problems(plan: Plan, home: Path) -> tuple[str, ...]:
    with pytest.raises(SpecError) as told:
        survey(plan, home, Forgetful())
    return told.value.items


def test_a_plan_that_can_run_is_told_in_numbers(plan: Plan, tmp_path: Path) -> None:
    found = survey(plan, tmp_path / "home", Forgetful())
    assert found.facts == dict.fromkeys(range(5), 40)  # two in-domain relations of 100 facts over five levels
    assert (found.asked_in, found.asked_out, found.layers) == (20, 10, 2)
    assert 0 < found.kept_bytes < found.free_bytes


def test_levels_with_too_few_facts_and_layers_that_are_not_there_are_told_together(plan: Plan, tmp_path: Path) -> None:
    train = replace(plan.train, sizes=(8, 41), variants=(Variant("freeze", layers=(5,)),))
    told = problems(replace(plan, train=train, measure=replace(plan.measure, kl=True)), tmp_path)
    assert [line[:27] for line in told[:2]] == ["train, level 0, size 41: si", "train, level 4, size 41: si"]
    assert "level 0 holds 40 facts" in told[0]
    assert "measure.kl" in told[2] and "mastery table" in told[2]
    assert "the base has no layer 5" in told[3]


def test_a_base_and_questions_that_are_not_there_are_told_together(plan: Plan, tmp_path: Path) -> None:
    told = problems(replace(plan, base=str(tmp_path / "b"), questions=str(tmp_path / "q")), tmp_path)
    assert [line.split(":")[0] for line in told] == ["base", "questions"]


def test_one_file_of_questions_is_refused_since_it_would_test_what_was_trained_on(plan: Plan, tmp_path: Path) -> None:
    file = shutil.copy(Path(plan.questions) / "questions.train.jsonl", tmp_path / "mine.jsonl")
    assert "no train and test split" in problems(replace(plan, questions=str(file)), tmp_path)[0]


def test_a_disk_too_small_is_told_with_the_ways_out(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    told = problems(plan, tmp_path)
    assert "has 0 MB free" in told[0] and "PALIMPSEST_HOME" in told[0] and 'run.keep = "drop"' in told[0]


def test_a_cells_key_changes_with_what_changes_its_result_and_with_nothing_else(plan: Plan, tmp_path: Path) -> None:
    found = survey(plan, tmp_path, Forgetful())

    def digests(changed: Plan) -> list[str]:
        return [cell.digest for cell in keyed_plan(changed, found).cells]

    here = digests(plan)
    assert len(set(here)) == 5
    assert digests(replace(plan, name="another", run=replace(plan.run, keep="keep", retries=9, cpus=2))) == here
    assert not set(digests(replace(plan, run=replace(plan.run, threads=2)))) & set(here)
    more = digests(replace(plan, restore=replace(plan.restore, percents=(20, 40))))
    assert (more[0], len(set(more[1:]) & set(here))) == (here[0], 0)  # the base is asked nothing new
    other = replace(found, data_ids=("x", *found.data_ids[1:]))
    assert not {cell.digest for cell in keyed_plan(plan, other).cells} & set(here)
    longer = digests(replace(plan, train=replace(plan.train, sizes=(8, 16, 24))))
    assert set(here) < set(longer)


def test_an_engine_that_cannot_run_cells_says_why(plan: Plan, tmp_path: Path) -> None:
    assert "processors" in LocalEngine(tmp_path).check(replace(plan.run, threads=10_000))[0]
    pytest.importorskip("ray", reason="Ray is not installed")
    assert "nothing answers at 127.0.0.1:9" in RayEngine(tmp_path, "127.0.0.1:9").check(plan.run)[0]
    assert "write HOST:6379" in RayEngine(tmp_path, "nonsense").check(plan.run)[0]
