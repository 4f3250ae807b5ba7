"""Whole plans over a tiny world: killed and resumed, or on a cluster, the tables are the same bits."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import Cancelled, SpecError
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from analysis.experiments.results import COLUMNS
from analysis.records import Silent
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.identity import content_id
from cache.experiments.engine import Event
from cache.experiments.local import LocalEngine
from cache.experiments.ray_engine import RayEngine
from cache.experiments.shared_progress import HeardFromFiles, TellingInFile
from cache.work import Workspace
from tests.experiments.world import make_world

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3


@dataclass(frozen=True)
class Measured:
    """A plan run once without a break, in one process after another: what every other way must give again."""

    file: Path
    plan: Plan
    workspace: Workspace
    table: pd.DataFrame
    seconds: float


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("world")
    file = make_world(folder)
    plan, workspace = read_plan(file), Workspace(folder / "home")
    report = workspace.run_plan(plan, workers=2)
    assert (report.cells, report.measured, report.failed, report.retried) == (5, 5, 0, 0)
    return Measured(file, plan, workspace, workspace.plan_results("tiny"), report.seconds)


def same(measured: Measured, workspace: Workspace) -> None:
    """Every number of the plan, to the last bit; only where the checkpoint lies may differ."""
    found = workspace.plan_results("tiny")
    pd.testing.assert_frame_equal(
        found.drop(columns="tuned"), measured.table.drop(columns="tuned"), check_exact=True, check_dtype=True
    )


def workers_on(home: Path) -> list[int]:
    """Worker processes of this home folder that live."""
    found = subprocess.run(["pgrep", "-f", f"cache.experiments.worker {home} "], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def test_the_table_holds_every_measure_of_every_cell(measured: Measured) -> None:
    table = measured.table
    assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS
    assert set(table[table.variant == "sft"].level) == {"0", "4"} and set(table[table.variant == "sft"]["size"]) == {
        8,
        16,
    }
    asked = table[(table.measure == "accuracy") & (table.group == "micro")]
    assert len(asked) == 2 + 4 * 3 * 2  # the base; each tuned model as it is and at two stops, in two domains
    assert (asked[asked.domain == "in"].n == 20).all() and (asked[asked.domain == "out"].n == 10).all()
    assert (asked.value == asked.correct / asked.n).all() and asked.value.nunique() > 2
    assert ((asked.low <= asked.value) & (asked.value <= asked.high)).all()
    places = table[table.measure == "restored_layer"].groupby(["cell", "percent"])["value"].sum()
    assert places.to_list() == pytest.approx([1.0] * 4)
    assert set(table[table.measure == "layer_group"].group) == {"0-1"}
    trained = table[table.measure == "train_accuracy"]
    assert (trained.n == trained["size"]).all() and sorted(trained.percent) == [0.0] * 4 + [20.0] * 4
    kl = table[table.measure == "kl_paper"]
    assert (kl.n == 20).all() and kl.value.nunique() == 4  # of the level-4 facts that the base says, a cell each
    assert measured.workspace.plan_state("tiny").complete


def test_nothing_is_measured_twice_and_an_extended_plan_measures_what_is_new(
    measured: Measured, tmp_path: Path
) -> None:
    report = measured.workspace.run_plan(measured.plan)
    assert (report.known, report.measured) == (5, 0)
    larger = replace(measured.plan, name="larger", train=replace(measured.plan.train, seeds=(0, 1)))
    told = measured.workspace.estimate_plan(larger)
    assert (told.cells, told.missing, told.source) == (9, 4, "5 cells measured before")
    assert 0 < told.seconds < 60
    told = Workspace(tmp_path).estimate_plan(measured.plan)
    assert told.missing == 5 and told.source.startswith("one small cell measured just now")


def test_another_keep_frees_what_finished_cells_hold_as_the_dry_run_told(measured: Measured, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(measured.workspace.home, home)
    workspace = Workspace(home)
    dropping = replace(measured.plan, run=replace(measured.plan.run, keep="drop"))
    told = workspace.estimate_plan(dropping)
    held = sum(path.stat().st_size for path in home.glob("tuned/*/*"))
    report = workspace.run_plan(dropping)
    assert (report.known, report.put_away, report.freed_bytes, report.stayed) == (5, 4, held, ())
    assert told.frees_bytes == held > 0 and list((home / "tuned").iterdir()) == []
    same(measured, workspace)


def test_another_plan_of_the_same_name_takes_no_place_unasked(measured: Measured, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(measured.workspace.home, home)
    workspace = Workspace(home)
    moved = tmp_path / "moved"
    shutil.copytree(measured.plan.base, moved / "base")
    shutil.copytree(measured.plan.questions, moved / "questions")
    here = replace(measured.plan, base=str(moved / "base"), questions=str(moved / "questions"))
    assert workspace.run_plan(here).known == 5  # the same files elsewhere are the same plan
    smaller = replace(here, train=replace(here.train, levels=("0",)))
    assert workspace.run_plan(smaller).known == 3  # a plan that shrinks or grows stays itself
    for file in (moved / "questions").iterdir():
        file.write_text(file.read_text().replace("Where", "In which place"))
    other = replace(measured.plan, questions=str(moved / "questions"))
    workspace.run_plan(measured.plan)
    with pytest.raises(SpecError, match="--replace") as told:
        workspace.run_plan(other)
    assert told.value.items == (f"questions was {measured.plan.questions}, is {other.questions}",)
    assert workspace.plan("tiny").plan == measured.plan
    small = replace(other, train=replace(other.train, levels=("0",), sizes=(8,)))
    assert workspace.run_plan(small, replace_other=True).measured == 2


def test_killed_at_three_random_moments_and_resumed_the_tables_are_the_same_bits(
    measured: Measured, tmp_path: Path
) -> None:
    moments, words = random.Random(7), ["experiments", str(measured.file), "--json", "--workers", "2"]
    settings = {**os.environ, "PALIMPSEST_HOME": str(tmp_path)}
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-m", "analysis.cli", *words], cwd=ROOT, env=settings)
        time.sleep(moments.uniform(0.3, 0.9) * measured.seconds)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while workers_on(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert workers_on(tmp_path) == []  # they end with whoever gave them work
    table = tmp_path / "table.parquet"
    done = subprocess.run(
        [sys.executable, "-m", "analysis.cli", *words, "--table", str(table)],
        **{"cwd": ROOT, "env": settings, "capture_output": True, "text": True, "check": True},
    )
    assert json.loads(done.stdout)["cells"] == 5
    same(measured, Workspace(tmp_path))
    assert len(pd.read_parquet(table)) == len(measured.table)
    assert not list(tmp_path.glob("tuned/.*partial*"))


def test_a_worker_killed_costs_its_cell_a_retry_and_one_process_a_cell_gives_the_same(
    measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []

    class Killing(Silent):
        """Kills the first worker that is seen, once a cell runs."""

        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            if "running" in note and not killed and (workers := workers_on(tmp_path)):
                killed.append(workers[0])
                os.kill(workers[0], signal.SIGKILL)

    fresh = LocalEngine(tmp_path, 2, cells_a_worker=1)
    workspace = Workspace(tmp_path)
    monkeypatch.setattr(workspace, "_engine", lambda *asked: fresh)
    report = workspace.run_plan(measured.plan, progress=Killing())
    assert killed and (report.retried, report.failed, report.measured) == (1, 0, 5)
    same(measured, workspace)
    assert list((tmp_path / "logs").iterdir()) == []


def test_a_cancelled_run_ends_its_workers_and_can_go_on(measured: Measured, tmp_path: Path) -> None:
    stop = threading.Event()

    class Stopping(Silent):
        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            if "running" in note and workers_on(tmp_path):
                stop.set()

        def cancelled(self) -> bool:
            return stop.is_set()

    workspace = Workspace(tmp_path)
    with pytest.raises(Cancelled):
        workspace.run_plan(measured.plan, workers=1, progress=Stopping())
    state = workspace.plan_state("tiny")
    assert (state.cells, state.running, state.failed, state.eta_seconds) == (5, 0, 0, None)
    assert not state.complete
    assert workers_on(tmp_path) == []


def test_a_tuned_model_comes_back_from_its_difference_and_from_its_recipe_as_the_same_bits(
    measured: Measured,
) -> None:
    cells = measured.workspace.plan_cells("tiny")
    row = cells[(cells.level == "4") & (cells["size"] == 16)].iloc[0]
    assert (row.state, row.tuned, row.command.split()[:2]) == ("done", "", ["palimpsest", "sft"])
    packed = next(measured.workspace.home.glob("tuned/level-4-16-*.difference"))
    folder = packed.with_name(packed.name.removesuffix(".difference"))
    for _ in ("from its difference", "from its recipe"):
        pair = measured.workspace.bring_tuned_back("tiny", row.cell)
        assert Path(pair.tuned) == folder
        assert content_id(open_checkpoint(folder)) == row.tuned_id
        shutil.rmtree(folder)
        shutil.rmtree(packed, ignore_errors=True)


def test_what_a_node_tells_in_its_file_is_heard_once_and_its_end_leaves_nothing(tmp_path: Path) -> None:
    heard = HeardFromFiles(tmp_path)
    assert list(heard.events(["a", "b"])) == []
    told = TellingInFile(heard.file("a"))
    told.report(1, 4, "trains")
    told.report(2, 4, "within the same second: not told")
    assert list(heard.events(["a", "b"])) == [Event("progress", "a", 0.25, "trains")]
    assert list(heard.events(["a", "b"])) == []
    TellingInFile(heard.file("a")).report(3, 4, "asks")
    assert list(heard.events(["a", "b"])) == [Event("progress", "a", 0.75, "asks")]
    heard.end()
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.fixture
def cluster() -> Iterator[tuple[str, object, object]]:
    """Two Ray nodes on the loopback of this machine, one processor each: address, cluster, second node."""
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: pip install -e '.[cluster]'")
    nodes = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = nodes.add_node(num_cpus=1)
    try:
        yield nodes.address, nodes, second
    finally:
        nodes.shutdown()


def test_a_plan_refused_or_looked_at_only_lets_go_of_the_cluster(
    measured: Measured, tmp_path: Path, cluster: tuple[str, object, object]
) -> None:
    import ray

    address, workspace = cluster[0], Workspace(tmp_path)
    few = replace(measured.plan, train=replace(measured.plan.train, sizes=(41,)))
    with pytest.raises(SpecError):  # by the questions alone: the cluster itself lacks nothing
        workspace.run_plan(few, engine="ray", address=address)
    assert not ray.is_initialized()
    running = RayEngine(tmp_path, address)
    assert running.check(measured.plan) == []
    told = measured.workspace.estimate_plan(measured.plan, engine="ray", address=address)
    assert (told.missing, told.at_once, ray.is_initialized()) == (0, 2, True)  # a plan under way keeps its own
    running.close()
    assert not ray.is_initialized()


def test_a_node_with_another_processor_keeps_a_plan_from_running(
    measured: Measured, tmp_path: Path, cluster: tuple[str, object, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, nodes, _ = cluster
    with monkeypatch.context() as narrow:
        narrow.setenv("ATEN_CPU_CAPABILITY", "default")  # torch's kernels as an old processor has them
        nodes.add_node(num_cpus=1)  # type: ignore[attr-defined]
    with pytest.raises(SpecError) as told:
        Workspace(tmp_path).run_plan(measured.plan, engine="ray", address=address)
    (line,) = told.value.items
    assert "its processor is" in line and "DEFAULT, here it is" in line


def test_a_cluster_that_loses_a_node_in_the_middle_gives_the_same_tables_as_this_machine(
    measured: Measured, tmp_path: Path, cluster: tuple[str, object, object]
) -> None:
    import ray

    address, nodes, second = cluster
    removed: list[float] = []

    class Removing(Silent):
        """Kills the second node while a cell runs on it: Ray names its worker processes by what they do."""

        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            raylet = second.all_processes["raylet"][0].process.pid if not removed else 0  # type: ignore[attr-defined]
            found = ["pgrep", "-P", str(raylet), "-f", "^ray::run_task"]
            if raylet and subprocess.run(found, capture_output=True).stdout:
                removed.append(time.monotonic())
                nodes.remove_node(second, allow_graceful=False)  # type: ignore[attr-defined]

    workspace = Workspace(tmp_path)
    lacking = replace(measured.plan, mastery=str(tmp_path / "mastery.parquet"))
    with pytest.raises(SpecError) as told:
        workspace.run_plan(lacking, engine="ray", address=address)
    blind = [line for line in told.value.items if "does not see the plan's mastery, " in line]
    assert len(blind) == 2 and all(line.startswith("the node ") for line in blind)  # one a node
    assert any(line.startswith("mastery:") for line in told.value.items)  # and this machine's own word
    assert not ray.is_initialized()  # a refused plan leaves no connection
    report = workspace.run_plan(measured.plan, engine="ray", address=address, progress=Removing())
    assert removed and report.retried >= 1
    assert list((tmp_path / "partial").iterdir()) == []
    assert (report.engine, report.measured, report.failed) == ("ray", 5, 0)
    same(measured, workspace)
