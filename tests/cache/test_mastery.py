"""Mastery over one store: a measured table is found again by its base, in a file that evaluation takes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import QuestionError
from analysis.knowledge.mastery import Protocol
from cache.work import Asking, Workspace

QUICK = Protocol(samples=2, max_new_tokens=4)
TEMPLATES = {"P19": ("{subject} was born in",), "P26": ("{subject} is married to", "The spouse of {subject} is")}


def test_a_measured_table_is_found_by_its_base_and_gives_an_evaluation_its_levels(
    tiny_pair: Any, tmp_path: Path
) -> None:
    workspace, asking = Workspace(tmp_path), Asking(str(tiny_pair.questions))
    base = str(tiny_pair.base)
    assert workspace.mastery_tables(base) == ()
    table = workspace.mastery(base, asking, QUICK, TEMPLATES)
    (path,) = Workspace(tmp_path).mastery_tables(base)
    assert path.name.startswith("questions-test-80-statements-")
    assert workspace.mastery_table(path).frame["R"].tolist() == table.frame["R"].tolist()
    assert workspace.mastery_tables(str(tiny_pair.tuned)) == ()
    levels = [question.level for question in workspace.question_set(replace(asking, mastery=str(path))).questions]
    assert levels == table.frame["level"].tolist()
    assert workspace.sightings(base) is None  # known for the demo's base alone


def test_a_file_that_is_no_mastery_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.parquet").write_text("no parquet")
    for name in ("notes.parquet", "nowhere.parquet"):
        with pytest.raises(QuestionError, match=name):
            Workspace(tmp_path).mastery_table(tmp_path / name)
