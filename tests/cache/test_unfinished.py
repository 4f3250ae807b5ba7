"""An evaluation cut short or killed goes on where it was, to the same result."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import Cancelled
from analysis.knowledge import asking as asking_room
from analysis.records import Silent
from cache.work import Asking, Comparison, Workspace


class Patient(Silent):
    """Cancels after so many blocks."""

    def __init__(self, blocks: int) -> None:
        self.left = blocks

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.left -= note == "asking"

    def cancelled(self) -> bool:
        return self.left <= 0


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_cancelled_evaluation_asks_only_what_is_left(
    tiny_pair: Any, tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(asking_room.MOST_ROWS, "cpu", 10)  # blocks of twenty
    monkeypatch.setattr("analysis.language.frozen.LAYOUT_ROWS", 4)  # and of thirty-two
    pair, asking = Comparison(str(tiny_pair.base), str(tiny_pair.tuned)), Asking(str(tiny_pair.questions), dtype=dtype)
    whole = Workspace(tmp_path / "other").evaluation(pair, "tuned", asking)
    workspace = Workspace(tmp_path)
    with pytest.raises(Cancelled):
        workspace.evaluation(pair, "tuned", asking, Patient(2))
    kept = workspace.store.entries("evaluation-part")
    assert len(kept) == 2
    resumed = Workspace(tmp_path).evaluation(pair, "tuned", asking)
    assert resumed.rows == whole.rows
    assert Workspace(tmp_path).store.entries("evaluation-part") == ()
    assert resumed.accuracy == whole.accuracy


SCRIPT = """
import os, signal, sys
from pathlib import Path
from analysis.knowledge import asking as room
from analysis.records import Silent
from cache.work import Asking, Comparison, Workspace
room.MOST_ROWS["cpu"] = 10
class Deadly(Silent):
    blocks = 0
    def report(self, done, total, note="", partial=None):
        self.blocks += note == "asking"
        if self.blocks == 2:
            os.kill(os.getpid(), signal.SIGKILL)
base, tuned, questions, home = sys.argv[1:]
Workspace(Path(home)).evaluation(Comparison(base, tuned), "tuned", Asking(questions), Deadly())
"""


@pytest.mark.slow
def test_a_killed_evaluation_loses_at_most_the_block_under_way(tiny_pair: Any, tmp_path: Path) -> None:
    words = [str(path) for path in (tiny_pair.base, tiny_pair.tuned, tiny_pair.questions, tmp_path)]
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", SCRIPT, *words], cwd=root, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    workspace = Workspace(tmp_path)
    assert len(workspace.store.entries("evaluation-part")) == 2
    pair, asking = Comparison(*words[:2]), Asking(words[2])
    resumed = workspace.evaluation(pair, "tuned", asking)
    assert resumed.rows == Workspace(tmp_path / "other").evaluation(pair, "tuned", asking).rows
