"""The cell function on a tiny world: what a cell stores of what it asked."""

from pathlib import Path

import pytest

from analysis.errors import SpecError
from analysis.experiments.grid import cells_of
from analysis.experiments.plan_file import read_plan
from cache.compared import compare_stored
from cache.experiments.cells import run_cell
from cache.experiments.folder import KeyedCell
from cache.work import Workspace
from tests.experiments.world import make_world


def test_the_bases_answers_are_named_so_that_a_run_can_be_compared_with_them(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    keyed = KeyedCell(cells_of(read_plan(make_world(tmp_path)))[0], 1, {"cell": "base"})
    run_cell(workspace, keyed, "drop")
    stored = workspace.store.get(keyed.key)
    assert stored is not None
    named = stored.tables["numbers"].groupby("domain")["evaluation"].unique()
    assert sorted(named.index) == ["in", "out"] and all(len(digests) == 1 for digests in named)
    same = compare_stored(workspace.store, named["in"][0], named["in"][0], {})
    assert (same.n, same.change.estimate) == (20, 0.0)


def test_a_cell_keyed_for_another_processor_is_refused_where_it_would_give_other_bits(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    keyed = KeyedCell(cells_of(read_plan(make_world(tmp_path)))[0], 1, {"processor": "m68k DEFAULT"})
    with pytest.raises(SpecError, match=r"another processor .* \(m68k DEFAULT\)"):
        run_cell(workspace, keyed, "drop")
    assert workspace.store.get(keyed.key) is None
