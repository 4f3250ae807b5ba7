"""What engines look at before anything runs: processors, accelerators, memory, and what a cluster's nodes are."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.errors import SpecError
from analysis.experiments.memory import PROCESS_BYTES, cell_memory
from analysis.experiments.plan import Plan
from analysis.experiments.survey import survey
from analysis.training.variants import Variant
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.identity import Forgetful
from cache.experiments.keys import libraries, processor
from cache.experiments.local import Accelerators, LocalEngine
from cache.experiments.nodes import missing_here, node_problems
from cache.experiments.ray_engine import RayEngine
from cache.work import Workspace

ROOT = Path(__file__).resolve().parents[2]


def running(plan: Plan, **changed: object) -> Plan:
    return replace(plan, run=replace(plan.run, **changed))  # type: ignore[arg-type]


def local(tmp_path: Path, *names: str, kind: str = "cuda", workers: int | None = None) -> LocalEngine:
    """The engine of a machine with these accelerators."""
    return LocalEngine(tmp_path, workers, accelerators=Accelerators(kind if names else "", names), memory_bytes=10**12)


def test_an_engine_that_cannot_run_cells_says_why(plan: Plan, tmp_path: Path) -> None:
    assert "processors" in LocalEngine(tmp_path).check(running(plan, threads=10_000))[0]
    pytest.importorskip("ray", reason="Ray is not installed")
    assert "nothing answers at 127.0.0.1:9" in RayEngine(tmp_path, "127.0.0.1:9").check(plan)[0]
    assert "write HOST:6379" in RayEngine(tmp_path, "nonsense").check(plan)[0]


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
