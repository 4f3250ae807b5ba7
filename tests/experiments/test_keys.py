"""A cell's key and a tuned model's change with what their bits hang on, and with nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.experiments.plan import Plan
from analysis.experiments.survey import survey
from analysis.training import card
from analysis.weights.identity import Forgetful
from cache.experiments.keys import keyed_plan, processor
from tests.experiments.world import STATEMENTS, facts, mastery


def test_a_cells_key_changes_with_what_changes_its_result_and_with_nothing_else(plan: Plan, tmp_path: Path) -> None:
    found = survey(plan, tmp_path, Forgetful())

    def digests(changed: Plan, device: str = "cpu") -> list[str]:
        return [cell.digest for cell in keyed_plan(changed, found, device).cells]

    here = digests(plan)
    assert len(set(here)) == 5
    assert digests(replace(plan, name="another", run=replace(plan.run, keep="keep", retries=9, cpus=2))) == here
    assert not set(digests(replace(plan, run=replace(plan.run, threads=2)))) & set(here)
    more = digests(replace(plan, restore=replace(plan.restore, percents=(20, 40))))
    assert (more[0], len(set(more[1:]) & set(here))) == (here[0], 0)  # the base is asked nothing new
    other = replace(found, data_ids=("x", *found.data_ids[1:]))
    assert not {cell.digest for cell in keyed_plan(plan, other, "cpu").cells} & set(here)
    assert not set(digests(plan, "cuda")) & set(here)
    longer = digests(replace(plan, train=replace(plan.train, sizes=(8, 16, 24))))
    assert set(here) < set(longer)


def test_keys_of_cells_and_tuned_models_change_with_the_device_and_the_libraries(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = survey(plan, tmp_path, Forgetful())
    here, there = (keyed_plan(plan, found, device).cells for device in ("cpu", "cuda"))
    assert here[1].parts["device"] == "cpu" and here[1].parts["tuned"]["training"]["device"] == "cpu"
    assert {"torch", "transformers", "numpy"} <= set(here[1].parts["libraries"])
    assert not {cell.tuned for cell in here[1:]} & {cell.tuned for cell in there}
    monkeypatch.setattr(card, "version", lambda name: "0.0")
    later = keyed_plan(plan, found, "cpu").cells
    assert not {cell.digest for cell in here} & {cell.digest for cell in later}
    assert not {cell.tuned for cell in here[1:]} & {cell.tuned for cell in later}


def test_other_best_statements_of_the_same_levels_change_the_keys_of_cells_that_measure_kl(
    plan: Plan, tmp_path: Path
) -> None:
    known = [*facts("train", 100), *facts("test", 50)]
    here = keyed_plan(plan, survey(plan, tmp_path, Forgetful()), "cpu").cells

    def measured_anew(**best: tuple[str, ...]) -> list[str]:
        mastery(known, best).write(tmp_path / "anew.parquet")
        anew = replace(plan, mastery=str(tmp_path / "anew.parquet"))
        return [cell.digest for cell in keyed_plan(anew, survey(anew, tmp_path, Forgetful()), "cpu").cells]

    digests = [cell.digest for cell in here]
    assert measured_anew() == digests
    assert measured_anew(P26=STATEMENTS[::-1]) == digests  # out-of-domain: no fact of KL's
    other = measured_anew(P19=STATEMENTS[::-1])
    assert other[0] == digests[0] and not set(other[1:]) & set(digests)  # the base's cell measures none
    plain = replace(plan, measure=replace(plan.measure, kl=False))
    assert "statements" not in keyed_plan(plain, survey(plain, tmp_path, Forgetful()), "cpu").cells[1].parts


def test_the_processor_is_part_of_the_keys_of_what_runs_on_it(plan: Plan, tmp_path: Path) -> None:
    found = survey(plan, tmp_path, Forgetful())
    here, there = (keyed_plan(plan, found, device).cells[1].parts for device in ("cpu", "cuda"))
    assert here["processor"] == here["tuned"]["processor"] == processor()
    assert there["processor"] == there["tuned"]["processor"] == ""


def test_the_dtype_is_decided_once_for_the_plan_and_stands_in_the_keys(plan: Plan, tmp_path: Path) -> None:
    found = survey(plan, tmp_path, Forgetful())

    def cells(dtype: str) -> list[tuple[str, str]]:
        kept = keyed_plan(replace(plan, dtype=dtype), found, "cpu").cells
        return [(keyed.digest, keyed.cell.dtype) for keyed in kept]

    assert cells("auto") == cells("fp32") == cells("float32")
    assert {dtype for _, dtype in cells("auto")} == {"float32"}
    assert {dtype for _, dtype in cells("bf16")} == {"bfloat16"}
