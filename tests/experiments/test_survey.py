"""What a plan needs is looked at before anything runs, and everything missing is told at once."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.errors import SpecError
from analysis.experiments.memory import PROCESS_BYTES, cell_memory
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from analysis.experiments.survey import survey
from analysis.training import card
from analysis.training.variants import Variant
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.identity import Forgetful
from cache.experiments.keys import keyed_plan, libraries, processor
from cache.experiments.local import Accelerators, LocalEngine
from cache.experiments.nodes import missing_here, node_problems
from cache.experiments.ray_engine import RayEngine
from cache.work import Workspace
from tests.experiments.world import STATEMENTS, facts, make_world, mastery

ROOT = Path(__file__).resolve().parents[2]


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


def test_kl_needs_a_mastery_table_with_statements(plan: Plan, tmp_path: Path) -> None:
    table = mastery([*facts("train", 100), *facts("test", 50)])
    asked = replace(table, frame=table.frame.assign(method="question form"))
    asked.write(tmp_path / "asked.parquet")
    (told,) = problems(replace(plan, mastery=str(tmp_path / "asked.parquet")), tmp_path)
    assert told.startswith("measure.kl") and "measure it by statements, or write kl = false" in told
    table.frame[["id", "relation", "subject", "level"]].to_parquet(tmp_path / "levels.parquet")
    (told,) = problems(replace(plan, mastery=str(tmp_path / "levels.parquet")), tmp_path)
    assert told.startswith("measure.kl") and "Measure it here, or write kl = false" in told


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


def test_an_engine_that_cannot_run_cells_says_why(plan: Plan, tmp_path: Path) -> None:
    assert "processors" in LocalEngine(tmp_path).check(running(plan, threads=10_000))[0]
    pytest.importorskip("ray", reason="Ray is not installed")
    assert "nothing answers at 127.0.0.1:9" in RayEngine(tmp_path, "127.0.0.1:9").check(plan)[0]
    assert "write HOST:6379" in RayEngine(tmp_path, "nonsense").check(plan)[0]


def running(plan: Plan, **changed: object) -> Plan:
    return replace(plan, run=replace(plan.run, **changed))  # type: ignore[arg-type]


def local(tmp_path: Path, *names: str, kind: str = "cuda", workers: int | None = None) -> LocalEngine:
    """The engine of a machine with these accelerators."""
    return LocalEngine(tmp_path, workers, accelerators=Accelerators(kind if names else "", names), memory_bytes=10**12)


def test_a_cell_that_asks_for_accelerators_has_its_own_and_as_many_run_as_there_are(plan: Plan, tmp_path: Path) -> None:
    engine, one, half = local(tmp_path, *"01234567"), running(plan, gpus=1), running(plan, gpus=0.5)
    assert engine.check(one) == engine.check(half) == []
    assert (engine.device(one.run), engine.places(one.run), engine.places(half.run)) == ("cuda", 8, 16)
    assert [engine.environment(one.run, place)["CUDA_VISIBLE_DEVICES"] for place in (0, 3)] == ["0", "3"]
    assert [engine.environment(half.run, place)["CUDA_VISIBLE_DEVICES"] for place in (0, 1, 15)] == ["0", "0", "7"]
    assert local(tmp_path, *"01234567", workers=3).places(one.run) == 3
    named = running(plan, device="cuda")  # an accelerator asked for by its kind alone is one
    assert (engine.places(named.run), engine.device(named.run)) == (8, "cuda")


def test_no_more_cells_run_at_once_than_main_memory_holds_nor_fewer_than_one(plan: Plan, tmp_path: Path) -> None:
    cell = cell_memory(plan)
    assert cell is not None and cell.trains == 16 * open_checkpoint(plan.base).parameters

    def places(memory: int, workers: int | None = 8) -> int:
        engine = LocalEngine(tmp_path, workers, memory_bytes=memory)
        assert engine.check(plan) == []
        return engine.places(plan.run)

    each = cell.trains + PROCESS_BYTES
    assert (places(3 * each), places(3 * each - 1), places(100 * each), places(cell.trains)) == (3, 2, 8, 1)
    assert places(100 * each, None) == os.cpu_count()
    assert LocalEngine(tmp_path).check(plan) == []  # what is free here holds a world so small


def test_a_cell_that_no_memory_holds_is_refused_with_what_it_needs_and_what_is_there(
    plan: Plan, tmp_path: Path
) -> None:
    train = replace(plan.train, variants=(Variant("lora"), Variant("kl", 0.1)))
    larger, cell = replace(plan, train=train), cell_memory(plan)
    assert cell is not None
    (told,) = LocalEngine(tmp_path, memory_bytes=cell.trains - 1).check(plan)
    assert re.match(
        r"memory: a cell of the variant sft needs about \d+ MB of main memory .* and \d+ MB are there", told
    )
    (told,) = LocalEngine(tmp_path, memory_bytes=cell.trains).check(larger)  # the variant keeps a copy of the base
    assert "of the variant kl" in told
    adapters = replace(plan, train=replace(train, variants=(Variant("lora"),)))
    assert LocalEngine(tmp_path, memory_bytes=cell.trains - 1).check(adapters) == []
    with pytest.raises(SpecError, match="cannot be run") as refused:
        survey(plan, tmp_path, Forgetful(), None, [told])
    assert refused.value.items == (told,)


def test_an_accelerators_memory_bounds_how_many_cells_share_it_and_which_plans_run(plan: Plan, tmp_path: Path) -> None:
    cell, quarter = cell_memory(plan), running(plan, gpus=0.25)
    assert cell is not None

    def engine(memory: int) -> LocalEngine:
        return LocalEngine(tmp_path, accelerators=Accelerators("cuda", ("3", "5"), memory), memory_bytes=10**12)

    two = engine(2 * cell.trains)
    assert two.check(quarter) == [] and two.places(quarter.run) == 4  # not eight: each holds two
    assert [two.environment(quarter.run, place)["CUDA_VISIBLE_DEVICES"] for place in range(4)] == ["3", "3", "5", "5"]
    (told,) = engine(cell.trains - 1).check(quarter)
    assert "on its accelerator" in told and "lora" in told


def test_a_cell_that_asks_for_none_runs_on_the_processor_and_sees_none(plan: Plan, tmp_path: Path) -> None:
    engine = local(tmp_path, "0", "1")
    assert engine.device(plan.run) == "cpu"
    settings = engine.environment(plan.run, 0)
    assert (settings["CUDA_VISIBLE_DEVICES"], settings["PALIMPSEST_DEVICE"]) == ("", "cpu")
    assert RayEngine(tmp_path).device(plan.run) == "cpu"
    assert RayEngine(tmp_path).device(running(plan, gpus=1).run) == "cuda"


def test_a_node_says_which_paths_it_lacks_and_which_libraries_are_others(plan: Plan, tmp_path: Path) -> None:
    paths = {"base": plan.base, "questions": str(tmp_path / "elsewhere")}
    told = missing_here(str(tmp_path / "mark"), paths, libraries() | {"torch": "1.0"}, "")
    assert told["blind"] and told["paths"] == [("questions", str(tmp_path / "elsewhere"))]
    assert told["versions"] == [("torch", libraries()["torch"], "1.0")]
    (tmp_path / "mark").touch()
    told = missing_here(str(tmp_path / "mark"), {"base": plan.base}, libraries(), processor())
    assert not any(told.values()) and node_problems(told, tmp_path) == []


LOOK = """
import json, sys
from cache.experiments.nodes import missing_here
print(json.dumps(missing_here(sys.argv[1], {}, {}, sys.argv[2])))
"""


def test_a_node_with_another_processor_is_refused_with_both_named_and_the_way_out(tmp_path: Path) -> None:
    narrow = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}  # torch's kernels as an old processor has them
    look = [sys.executable, "-c", LOOK, str(tmp_path), processor()]
    ran = subprocess.run(look, env=narrow, capture_output=True, text=True, check=True, cwd=ROOT)
    line = next(line for line in node_problems(json.loads(ran.stdout), tmp_path) if "processor" in line)
    assert f"here it is {processor()}" in line and " DEFAULT, " in line and "like processors" in line


def test_accelerators_that_are_not_there_are_told(plan: Plan, tmp_path: Path) -> None:
    assert "no accelerator that torch sees" in local(tmp_path).check(running(plan, gpus=1))[0]
    assert "accelerator is mps" in local(tmp_path, "0", kind="mps").check(running(plan, device="cuda"))[0]


def test_what_plan_and_engine_lack_is_told_together(plan: Plan, tmp_path: Path) -> None:
    lacking = running(replace(plan, dtype="float12", prompt="chat"), threads=10_000)
    for work in (Workspace(tmp_path).run_plan, Workspace(tmp_path).estimate_plan):
        with pytest.raises(SpecError) as told:
            work(lacking)
        assert [line.split(":")[0][:11] for line in told.value.items] == ["run.threads", "dtype", "prompt"]
    assert "float12" in told.value.items[1] and "no chat template" in told.value.items[2]
    with pytest.raises(SpecError, match=r"127\.0\.0\.1:9|not installed"):
        Workspace(tmp_path).estimate_plan(plan, engine="ray", address="127.0.0.1:9")


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
