"""Earlier answers outlive a process as drafts for the next."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.records import RestoreSpec
from cache.work import Asking, Comparison, Workspace


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_new_process_starts_from_what_the_store_knows_of_the_pair(tiny_pair: Any, tmp_path: Path, dtype: str) -> None:
    pair, asking = Comparison(str(tiny_pair.base), str(tiny_pair.tuned)), Asking(str(tiny_pair.questions), dtype=dtype)
    first = Workspace(tmp_path).evaluation(pair, "tuned", asking)
    fresh = Workspace(tmp_path / "other").evaluation(pair, RestoreSpec(0.02), asking)
    drafted = Workspace(tmp_path).evaluation(pair, RestoreSpec(0.02), asking)
    assert drafted.rows == fresh.rows != first.rows
    assert fresh.engine["verified_rows"] < 20 < drafted.engine["verified_rows"]


def test_answers_to_another_prompt_are_no_drafts(tiny_pair: Any, tmp_path: Path) -> None:
    pair, asking = Comparison(str(tiny_pair.base), str(tiny_pair.tuned)), Asking(str(tiny_pair.questions))
    Workspace(tmp_path).evaluation(pair, "tuned", asking)
    other = Workspace(tmp_path).evaluation(pair, RestoreSpec(0.02), replace(asking, prompt="qa"))
    assert other.engine["verified_rows"] < 20


def test_margins_are_stored_and_come_back(tiny_pair: Any, tmp_path: Path) -> None:
    pair, asking = Comparison(str(tiny_pair.base), str(tiny_pair.tuned)), Asking(str(tiny_pair.questions))
    told = Workspace(tmp_path).evaluation(pair, "tuned", asking)
    found = Workspace(tmp_path).known_evaluation(pair, "tuned", asking)
    assert found is not None
    assert [row.margin for row in found.rows] == [row.margin for row in told.rows]
    assert all(row.margin is not None and row.margin >= 0 for row in found.rows)
