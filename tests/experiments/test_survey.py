"""What a plan needs is looked at before anything runs, and everything missing is told at once."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.errors import SpecError
from analysis.experiments.plan import Plan
from analysis.experiments.survey import survey
from analysis.training.variants import Variant
from analysis.weights.identity import Forgetful
from tests.experiments.world import facts, mastery


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
    told = problems(replace(plan, train=train, mastery=None), tmp_path)
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


def test_relations_that_no_question_is_of_are_told_with_those_there_are(plan: Plan, tmp_path: Path) -> None:
    train = replace(plan.train, relations=(*plan.train.relations[1:], "P9999"))
    (line,) = [line for line in problems(replace(plan, train=train), tmp_path) if line.startswith("train_relations:")]
    assert re.search(r"no question is of .*\bP9999; there are P\d+, P\d+", line)


def test_what_a_plans_finished_cells_hold_already_is_not_asked_of_the_disk_again(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = survey(plan, tmp_path, Forgetful()).kept_bytes
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=kept // 2))
    assert "the disk: the plan keeps" in problems(plan, tmp_path)[0]
    assert survey(plan, tmp_path, Forgetful(), held_bytes=kept - kept // 2).kept_bytes == kept


def test_a_disk_too_small_is_told_with_the_ways_out(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    told = problems(plan, tmp_path)
    assert "has 0 MB free" in told[0] and "PALIMPSEST_HOME" in told[0] and 'run.keep = "drop"' in told[0]


def test_kl_needs_a_mastery_table_with_statements(plan: Plan, tmp_path: Path) -> None:
    table = mastery([*facts("train", 100), *facts("test", 50)])
    asked = replace(table, frame=table.frame.assign(method="question form"))
    asked.write(tmp_path / "asked.parquet")
    (told,) = problems(replace(plan, mastery=str(tmp_path / "asked.parquet")), tmp_path)
    assert told.startswith("measure.kl") and "measure it by statements, or write kl = false" in told
    table.frame[["id", "relation", "subject", "level"]].to_parquet(tmp_path / "levels.parquet")
    (told,) = problems(replace(plan, mastery=str(tmp_path / "levels.parquet")), tmp_path)
    assert told.startswith("measure.kl") and "Measure it here, or write kl = false" in told


def test_rates_by_level_need_levels_of_all_facts(plan: Plan, tmp_path: Path) -> None:
    shutil.copytree(plan.questions, tmp_path / "q")
    for file in (tmp_path / "q").iterdir():
        file.write_text(re.sub(r', "level": \d', "", file.read_text()))
    train = replace(plan.train, levels=("all",), variants=(Variant("by-level"),))
    measure = replace(plan.measure, kl=False)
    told = problems(replace(plan, questions=str(tmp_path / "q"), mastery=None, train=train, measure=measure), tmp_path)
    assert len(told) == 1 and "by-level" in told[0] and "mastery table" in told[0]


def test_the_disk_counts_every_state_that_is_asked_and_what_cells_under_way_take(plan: Plan, tmp_path: Path) -> None:
    def kept(changed: Plan, at_once: int = 1) -> int:
        return survey(changed, tmp_path, Forgetful(), at_once=at_once).kept_bytes

    here = kept(plan)
    assert kept(plan, at_once=3) > here + 4 * survey(plan, tmp_path, Forgetful()).base_bytes
    for changed in (
        replace(plan, restore=replace(plan.restore, seeds=(0, 1))),  # of the strategy that draws lots
        replace(plan, measure=replace(plan.measure, layer_groups=1)),
        replace(plan, measure=replace(plan.measure, train_percents=(0, 5, 20))),
    ):
        assert kept(changed) > here
