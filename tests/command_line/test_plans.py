"""`palimpsest experiments` refuses before anything runs, and says of a cell that fails what it failed of."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from analysis.experiments.plan import Plan, Running
from analysis.experiments.plan_file import read_plan
from analysis.experiments.survey import survey
from analysis.records import Silent
from analysis.training.resuming import folder_beside
from analysis.weights.identity import Forgetful
from cache.experiments.engine import Event
from cache.experiments.folder import KeyedCell
from cache.experiments.keys import keyed_plan
from cache.experiments.worker import outcome
from cache.work import Workspace
from tests.conftest import Palimpsest
from tests.experiments.world import make_world


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def palimpsest(tmp_path: Path, palimpsest_at: Palimpsest) -> Any:
    """Runs `palimpsest experiments ... --json` on a store of the test's own: exit code and error object."""

    def run(*words: object) -> tuple[int, dict[str, Any]]:
        code, told, _ = palimpsest_at(tmp_path / "home", "experiments", *words, "--json")
        assert not (tmp_path / "home/plans").exists()
        return code, told["error"]

    return run


def test_a_bad_plan_is_refused_with_every_problem_before_anything_runs(
    palimpsest: Any, plan_file: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(plan_file.read_text().replace("sizes = [8, 16]", "sizes = [8, 41]\nlerning_rate = 1"))
    code, error = palimpsest(bad)
    assert (code, error["code"]) == (2, "setting")
    assert any("did you mean learning_rate?" in item for item in error["items"])
    few = plan_file.with_name("few.toml")
    few.write_text(plan_file.read_text().replace("sizes = [8, 16]", "sizes = [8, 41]"))
    code, error = palimpsest(few)
    assert code == 2 and len(error["items"]) == 2 and "level 0 holds 40 facts" in error["items"][0]


def test_a_cluster_that_does_not_answer_is_told_before_anything_runs(palimpsest: Any, plan_file: Path) -> None:
    code, error = palimpsest(plan_file, "--engine", "ray", "--address", "127.0.0.1:9")
    assert code == 2
    assert "nothing answers at 127.0.0.1:9" in error["items"][0] or "Ray is not installed" in error["items"][0]


def test_a_table_of_an_unknown_kind_is_refused_before_anything_runs(palimpsest: Any, plan_file: Path) -> None:
    code, error = palimpsest(plan_file, "--table", "results.xlsx")
    assert (code, error["code"]) == (2, "output") and ".parquet" in error["message"]


@dataclass
class Here:
    """An engine that runs cells in this process, one after the other."""

    workspace: Workspace
    name: str = "here"

    def check(self, plan: Plan) -> list[str]:
        return []

    def device(self, running: Running) -> str:
        return "cpu"

    def places(self, running: Running) -> int:
        return 1

    def run(
        self, cells: Sequence[KeyedCell], running: Running, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, None]:
        import msgspec

        for cell in cells:
            yield Event("started", cell.digest)
            told = outcome(self.workspace, {"cell": msgspec.to_builtins(cell), "keep": running.keep}, Silent())
            yield Event(told["event"], cell.digest, note=told.get("note", ""))

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.slow
def test_a_cell_that_fails_ends_itself_only_and_says_why(
    plan_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, workspace = read_plan(plan_file), Workspace(tmp_path / "home")
    train = replace(plan.train, levels=("0",), sizes=(8,))
    monkeypatch.setattr(workspace, "_engine", lambda *asked: Here(workspace))
    asked = replace(plan, train=train)
    workspace.home.mkdir()
    (workspace.home / "tuned").write_text("in the way")
    report = workspace.run_plan(asked)
    assert (report.cells, report.failed, report.measured) == (2, 1, 1)
    ((name, reason),) = report.failures
    assert name == "level-0-8-seed-0" and "could not be written" in reason and "defect" not in reason
    state = workspace.plan_state("tiny")
    assert (state.failed, state.done, state.failures) == (1, 1, report.failures)
    assert set(workspace.plan_cells("tiny")["state"]) == {"done", "failed"}
    (workspace.home / "tuned").unlink()
    report = workspace.run_plan(asked)
    assert (report.known, report.measured, report.failed) == (1, 1, 0) and workspace.plan_state("tiny").complete


@pytest.mark.slow
def test_leftovers_of_a_training_by_other_versions_are_begun_anew(
    plan_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, workspace = read_plan(plan_file), Workspace(tmp_path)
    monkeypatch.setattr(workspace, "_engine", lambda *asked: Here(workspace))
    asked = replace(plan, train=replace(plan.train, levels=("0",), sizes=(8,)))
    found = survey(asked, tmp_path, Forgetful())
    leftovers = folder_beside(tmp_path / "tuned" / keyed_plan(asked, found, "cpu").cells[1].tuned)
    (leftovers / "checkpoint-1").mkdir(parents=True)
    (leftovers / "run.json").write_text('{"versions": {"torch": "1.0"}, "device": "cuda"}')
    report = workspace.run_plan(asked)
    assert (report.failures, report.measured) == ((), 2)
    assert not leftovers.exists()
