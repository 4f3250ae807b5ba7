"""The store is freed by preview: whole results only, never what is needed, by two processes at once."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import StoreError
from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Plan
from analysis.records import ResultKey, Stored
from cache.asked import Asking, Comparison
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder, RunNote
from cache.housekeeping import NO_PAIR, Choice, Housekeeping
from cache.keys import VERSIONS, key_digest, make_key
from cache.named import NamedComparisons
from cache.store import Store
from cache.work import Workspace

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"tuned-1": "base → one", "tuned-2": "base → two", "base-1": "base"}
FREE = """
import sys
from pathlib import Path
from cache.housekeeping import Choice, Housekeeping
from cache.store import Store
keeper = Housekeeping(Store(Path(sys.argv[1])))
print(keeper.free(keeper.preview(Choice(), {}).goes).results)
"""


def evaluation(tuned: str, percent: float) -> ResultKey:
    weights = {"base": "base-1", "tuned": tuned, "spec": {"percent": percent}}
    return make_key("evaluation", weights=weights, questions="q")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three evaluations of two pairs, a profile, and an evaluation of an earlier version."""
    store = Store(tmp_path)
    rows = Stored({"n": 1}, tables={"rows": pd.DataFrame({"id": ["a"] * 50})})
    for key in (evaluation("tuned-1", 5), evaluation("tuned-1", 20), evaluation("tuned-2", 5)):
        store.put(key, rows)
    store.put(make_key("profile", base="base-1", tuned="tuned-1"), rows)
    store.put(replace(evaluation("gone", 5), version=VERSIONS["evaluation"] - 1), rows)
    return store


def test_a_preview_tells_what_goes_by_kind_pair_and_age_and_removes_nothing(store: Store) -> None:
    keeper = Housekeeping(store)
    every = keeper.preview(Choice(), NAMES)
    assert sorted((each.kind, each.pair) for each in every.goes) == [
        ("evaluation", "base with a model not listed"),
        ("evaluation", "base → one"),
        ("evaluation", "base → one"),
        ("evaluation", "base → two"),
        ("profile", "base → one"),
    ]
    assert every.bytes == sum(entry.bytes for kind in ("evaluation", "profile") for entry in store.entries(kind)) > 0
    assert len(keeper.preview(Choice(kinds=("evaluation",), pairs=("base → one",)), NAMES).goes) == 2
    assert [each.outdated for each in keeper.preview(Choice(only_outdated=True), NAMES).goes] == [True]
    assert keeper.preview(Choice(unread_days=1), NAMES).goes == ()
    assert {each.pair for each in keeper.preview(Choice(pairs=(NO_PAIR,)), {}).goes} == {NO_PAIR}
    assert len(keeper.holdings(NAMES)) == 5


def test_what_a_base_answered_by_itself_is_told_from_what_it_did_beside_a_model_not_listed(store: Store) -> None:
    store.put(make_key("evaluation", weights={"checkpoint": "base-1"}, questions="q"), Stored({"n": 1}))
    store.put(make_key("divergence", base={"checkpoint": "base-1"}, weights={"checkpoint": "gone"}), Stored({"n": 1}))
    store.put(make_key("divergence", base={"checkpoint": "base-1"}, weights={"checkpoint": "tuned-2"}), Stored({}))
    found = {(each.kind, each.pair) for each in Housekeeping(store).preview(Choice(), NAMES).goes}
    assert {("evaluation", "base alone"), ("divergence", "base with a model not listed")} < found
    assert ("divergence", "base → two") in found


@pytest.mark.parametrize("kind", ["paper_divergence", "generation", "task", "gradients", "skill", "planted"])
def test_every_kind_that_is_computed_again_can_be_freed(store: Store, kind: str) -> None:
    store.put(make_key(kind, checkpoint="base-1"), Stored({"n": 1}))
    keeper = Housekeeping(store)
    assert keeper.free(keeper.preview(Choice(kinds=(kind,)), NAMES).goes).results == 1


def test_freeing_removes_what_was_previewed_and_nothing_else(store: Store) -> None:
    keeper = Housekeeping(store)
    preview = keeper.preview(Choice(pairs=("base → one",)), NAMES)
    freed = keeper.free(preview.goes)
    assert (freed.results, freed.bytes, freed.in_use) == (3, preview.bytes, 0)
    assert store.get(evaluation("tuned-1", 5)) is None and store.get(evaluation("tuned-2", 5)) is not None
    assert keeper.free(preview.goes).results == 0  # a second press
    assert list((store.home / "partial").iterdir()) == []
    store.put(evaluation("tuned-1", 5), Stored({"n": 2}))  # and it can be computed again
    found = store.get(evaluation("tuned-1", 5))
    assert found is not None and found.document == {"n": 2}


def test_while_work_is_under_way_nothing_goes(store: Store) -> None:
    keeper = Housekeeping(store)
    preview = keeper.preview(Choice(), NAMES)
    with store.lock(evaluation("tuned-9", 1)), pytest.raises(StoreError, match="another process"):
        keeper.free(preview.goes)
    assert len(keeper.holdings(NAMES)) == 5
    assert keeper.busy() == ""


def test_what_a_kept_plan_was_measured_by_stays_until_the_plan_is_forgotten(store: Store, tmp_path: Path) -> None:
    plan = Plan("grid", "/base", "/questions")
    cell = KeyedCell(cells_of(plan)[0], VERSIONS["cell"], {"which": 1})
    needed = key_digest(evaluation("tuned-1", 5))
    store.put(cell.key, Stored({}, tables={"numbers": pd.DataFrame({"evaluation": [needed, ""]})}))
    plans = PlanFolder(tmp_path)
    plans.keep(KeptPlan(plan, (cell,)))
    keeper = Housekeeping(store)
    preview = keeper.preview(Choice(), NAMES)
    assert [(each.digest, each.needed_by) for each in preview.stays] == [(needed, "the plan grid")]
    keeper.free([*preview.goes, *preview.stays])
    assert store.get(evaluation("tuned-1", 5)) is not None and store.get(cell.key) is not None
    plans.note("grid", RunNote(beat=2e10))
    with pytest.raises(StoreError, match="the plan grid is running"):
        keeper.free(preview.goes)
    plans.forget("grid")
    assert keeper.free(preview.stays).results == 1


def test_two_processes_free_the_same_store_and_each_result_goes_once(store: Store) -> None:
    command = [sys.executable, "-c", FREE, str(store.home)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [each.communicate(timeout=60)[0].strip() for each in both]
    counts = [int(words) for words in told if words]  # one may find the other's lock, and say so
    assert max(counts) >= 1 and sum(counts) <= 5
    keeper = Housekeeping(store)
    keeper.free(keeper.preview(Choice(), {}).goes)
    assert keeper.holdings({}) == ()


def test_sizes_are_told_by_folder(store: Store) -> None:
    sizes = Housekeeping(store).folders()
    assert next(iter(sizes)) == "results/evaluation"
    assert sizes["results/evaluation"] > sizes["results/profile"] > 0


def test_a_named_comparison_outlives_the_list_of_recent_pairs(tmp_path: Path) -> None:
    workspace, pair = Workspace(tmp_path), Comparison("/base", "/tuned")
    workspace.remember(pair)
    saved = workspace.named.save("  my   pair ", pair, Asking("/questions"))
    workspace.forget(pair)
    assert workspace.recent() == () and saved.name == "my pair"
    assert NamedComparisons(tmp_path).all() == (saved,)
    with pytest.raises(StoreError):
        workspace.named.save(" ", pair, None)
    workspace.named.delete("my pair")
    assert workspace.named.all() == ()
    workspace.close()
