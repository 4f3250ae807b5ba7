"""Finished cells' models are put away as their plan says now, and never what somebody else needs."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from analysis.errors import Cancelled
from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Keep
from analysis.experiments.plan_file import read_plan
from analysis.records import Progress, Silent, Stored
from cache.asked import Comparison
from cache.experiments.claims import packed_of
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.experiments.settling import Settled, settle, would_free
from cache.experiments.tuned import bring_back, lock_key, put_away
from cache.keys import make_key
from cache.large import BROUGHT_BACK, Piece
from cache.work import Workspace
from tests.experiments.world import make_world


@dataclass
class World:
    """A plan of two finished cells whose tuned models lie whole, as a run that was killed while packing left them."""

    workspace: Workspace
    kept: KeptPlan

    def folder(self, number: int) -> Path:
        return self.workspace.home / "tuned" / self.kept.cells[number].tuned

    def asked(self, keep: Keep, name: str = "tiny") -> KeptPlan:
        """The plan with this `keep` under this name, kept."""
        plan = replace(self.kept.plan, name=name, run=replace(self.kept.plan.run, keep=keep))
        asked = KeptPlan(plan, self.kept.cells)
        PlanFolder(self.workspace.home).keep(asked)
        return asked

    def settle(self, keep: Keep, progress: Progress | None = None) -> Settled:
        return settle(self.workspace, self.asked(keep), progress or Silent())

    def lie(self) -> list[str]:
        """What lies under `tuned/`, the model's names shortened to their place in the plan."""
        names = {keyed.tuned: f"model-{number}" for number, keyed in enumerate(self.kept.cells)}
        found = (path.name for path in (self.workspace.home / "tuned").iterdir())
        return sorted(name.replace(stem := name.removesuffix(".difference"), names.get(stem, stem)) for name in found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    plan, workspace = read_plan(make_world(tmp_path)), Workspace(tmp_path / "home")
    cells = [cell for cell in cells_of(plan) if cell.kind == "tuned"][:2]
    keyed = tuple(KeyedCell(cell, 1, {"cell": cell.name}, f"{cell.name}-0123456789ab") for cell in cells)
    made = World(workspace, KeptPlan(plan, keyed))
    for number, each in enumerate(keyed):
        shutil.copytree(plan.base, made.folder(number))
        weights = load_file(made.folder(number) / "model.safetensors")
        moved = {name: tensor + np.float32(1e-4) for name, tensor in weights.items()}
        save_file(moved, made.folder(number) / "model.safetensors", metadata={"format": "pt"})
        (made.folder(number) / "palimpsest.json").write_text('{"facts": []}')
        document = {"base_id": "b", "tuned_id": each.tuned, "facts": [], "seconds": {}, "units": {}}
        workspace.store.put(each.key, Stored(document))
    yield made
    workspace.close()


def test_what_a_kill_left_whole_is_packed_by_the_next_run_and_comes_back_bit_for_bit(world: World) -> None:
    weights = (world.folder(0) / "model.safetensors").read_bytes()
    size = sum(path.stat().st_size for number in (0, 1) for path in world.folder(number).iterdir())
    told = world.settle("difference")
    assert world.lie() == ["model-0.difference", "model-1.difference"]
    packed = sum(path.stat().st_size for number in (0, 1) for path in packed_of(world.folder(number)).iterdir())
    assert told == Settled(2, size - packed)
    bring_back(world.workspace, world.kept.cells[0], Silent())
    assert (world.folder(0) / "model.safetensors").read_bytes() == weights
    assert world.settle("difference").models == 1, "brought back, and nobody looks at it"
    assert world.settle("difference") == Settled(), "all is as the plan says"


def test_another_keep_is_applied_to_finished_cells_and_the_dry_run_tells_what_it_frees(world: World) -> None:
    assert world.settle("keep") == Settled() and world.lie() == ["model-0", "model-1"]
    about = would_free(world.workspace, world.asked("difference"))
    told = world.settle("difference")
    assert 0.5 * told.bytes < about < 2 * told.bytes
    exactly = would_free(world.workspace, world.asked("drop"))
    assert world.settle("drop") == Settled(2, exactly) and exactly > 0
    assert world.lie() == []


def test_what_a_pass_left_in_the_store_goes_with_its_model_and_counts_as_held_until_then(world: World) -> None:
    space, models = world.workspace, world.lie()
    world.asked("keep")
    held = space._held_bytes("tiny")
    of_pass = make_key("profile", base="b", tuned=world.kept.cells[0].tuned, arithmetic="exact")
    space.store.put(of_pass, Stored({"much": "x" * 10_000}))
    size = space._held_bytes("tiny") - held
    assert size > 10_000
    shutil.rmtree(world.folder(0))  # as a kill left it that came between the model and its pass
    told = world.settle("drop")
    assert told.models == len(models) == 2 and not space.store.holds(of_pass)
    assert told.bytes > size and space._held_bytes("tiny") == 0


def test_a_more_generous_plan_keeps_what_it_needs_and_is_named(world: World) -> None:
    world.asked("keep", "other")
    told = world.settle("drop")
    assert (told.models, world.lie()) == (0, ["model-0", "model-1"])
    assert [reason for _, reason in told.stayed] == ["the plan other needs it"] * 2
    world.asked("difference", "other")
    told = world.settle("drop")
    assert (told.models, world.lie()) == (2, ["model-0.difference", "model-1.difference"])


def test_a_cell_measured_just_now_leaves_another_plan_its_model(world: World) -> None:
    world.asked("keep", "other")
    world.asked("drop")
    put_away(world.workspace, world.kept.cells[0], "drop", ("b", "t"), Silent())
    assert world.folder(0).is_dir()


def test_a_named_comparison_and_the_pair_looked_at_last_stay_whole(world: World) -> None:
    base = world.kept.plan.base
    world.workspace.named.save("mine", Comparison(base, str(world.folder(0))), None)
    world.workspace.remember(Comparison(base, str(world.folder(1))))
    told = world.settle("difference")
    assert world.lie() == ["model-0", "model-1"]
    assert [reason for _, reason in told.stayed] == [
        "the comparison “mine” needs it",
        "the pair you look at needs it",
    ]


def test_a_cell_that_is_not_measured_keeps_its_model_and_one_in_use_waits(world: World) -> None:
    world.workspace.store.delete(world.kept.cells[0].key)
    other = Workspace(world.workspace.home)
    with other.store.lock(lock_key(world.kept.cells[1])):
        told = world.settle("drop")
    assert told.stayed == ((world.kept.cells[1].cell.name, "another process uses it"),)
    assert world.lie() == ["model-0", "model-1"]
    assert world.settle("drop").models == 1 and world.lie() == ["model-0"]
    other.close()


def test_a_model_that_cannot_be_packed_is_told_and_keeps_nobody_back(world: World) -> None:
    (world.folder(0) / "model.safetensors").write_bytes(b"no weights")
    told = world.settle("difference")
    assert world.lie() == ["model-0", "model-1.difference"]
    ((name, reason),) = told.stayed
    assert name == world.kept.cells[0].cell.name and "model.safetensors" in reason


def test_its_progress_tells_model_by_model_and_can_be_stopped_between_them(world: World) -> None:
    heard: list[tuple[float, float, str]] = []

    class Stopping(Silent):
        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            heard.append((done, total, note))

        def cancelled(self) -> bool:
            return not world.folder(0).is_dir()

    with pytest.raises(Cancelled):
        world.settle("difference", Stopping())
    assert world.lie() == ["model-0.difference", "model-1"]
    assert all(0 <= done <= 1 and total == 2 for done, total, _ in heard)
    assert {note for *_, note in heard} == {f"putting away {world.kept.cells[0].cell.name}"}


def test_the_disk_list_frees_a_model_brought_back_and_keeps_its_difference(world: World) -> None:
    def pieces(*looked_at: str) -> dict[str, Piece]:
        return {piece.path.name: piece for piece in world.workspace.large.pieces(looked_at)}

    world.settle("difference")
    bring_back(world.workspace, world.kept.cells[0], Silent())
    whole, packed = world.folder(0), packed_of(world.folder(0))
    found = pieces()[whole.name]
    assert (found.kind, found.needed_by, found.seconds) == (BROUGHT_BACK, "", None)
    assert pieces()[packed.name].needed_by == "the plan tiny"
    assert pieces(str(whole))[whole.name].needed_by == "the pair you look at"
    world.asked("keep", "other")
    assert pieces()[whole.name].needed_by == "the plan other"
    PlanFolder(world.workspace.home).forget("other")
    assert world.workspace.large.remove([*pieces().values()]).results == 1
    assert not whole.exists() and packed.is_dir()


def test_the_disk_list_frees_what_a_plan_drops_and_keeps_what_it_has_yet_to_measure(world: World) -> None:
    world.asked("drop")
    world.workspace.store.delete(world.kept.cells[1].key)
    needed = {piece.path: piece.needed_by for piece in world.workspace.large.pieces()}
    assert needed == {world.folder(0): "", world.folder(1): "the plan tiny"}


def test_an_adapter_is_packed_by_being_kept_and_is_dropped_where_the_plan_says_so(world: World) -> None:
    (world.folder(0) / "model.safetensors").rename(world.folder(0) / "adapter_model.safetensors")
    (world.folder(0) / "adapter_config.json").write_text("{}")
    world.settle("difference")
    assert world.lie() == ["model-0", "model-1.difference"]
    world.settle("drop")
    assert world.lie() == []
