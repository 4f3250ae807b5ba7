"""A training over processes that was killed or cancelled goes on to the same weights, bit for bit."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.training.models import make_base
from tests.training.test_processes import ROOT, SHARDED, facts_file, launched
from tests.training.test_resuming import killed_at, stored

pytestmark = pytest.mark.slow

SEVERAL = str(ROOT / "tests/training/several.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base that draws lots while it trains, so that every process's random generator counts."""
    config = make_base(tmp_path / "base") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"attention_dropout": 0.1}))
    facts_file(tmp_path)
    return tmp_path


def kill_all(launch: "subprocess.Popen[str]") -> None:
    """As when the machine goes down: the launcher and every process it started, at once."""
    started = Path(f"/proc/{launch.pid}/task/{launch.pid}/children").read_text().split()
    for process in (launch.pid, *map(int, started)):
        os.kill(process, signal.SIGKILL)
    launch.communicate()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the processes in /proc")
def test_three_processes_killed_in_the_middle_go_on_to_the_same_weights(folder: Path) -> None:
    launch = launched(3, SEVERAL, "until-killed", str(folder), "cut")
    deadline = time.monotonic() + 120
    while killed_at(folder / "cut") < 5:
        assert launch.poll() is None and time.monotonic() < deadline, launch.communicate()[1]
        time.sleep(0.005)
    kill_all(launch)
    assert not (folder / "cut").exists()
    again = launched(3, SEVERAL, "until-killed", str(folder), "cut", "whole")
    _, told = again.communicate()
    assert again.returncode == 0, told
    cards = {name: json.loads((folder / name / "palimpsest.json").read_text()) for name in ("cut", "whole")}
    assert (cards["cut"]["resumed"], cards["whole"]["resumed"], cards["cut"]["processes"]) == (True, False, 3)
    assert stored(folder / "cut") == stored(folder / "whole")
    assert cards["cut"]["loss"] == cards["whole"]["loss"]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_what_one_of_two_processes_wants_or_cannot_do_both_go_by_with_the_weights_split(folder: Path) -> None:
    launch = launched(2, SEVERAL, "cancelled", str(folder), **SHARDED)
    _, told = launch.communicate()
    assert launch.returncode == 0, told
    for process in (0, 1):
        saw = json.loads((folder / f"told-{process}.json").read_text())
        assert saw["sft"] == saw["lora"] == ["cancelled", "other-training", True, False]
        assert saw["whole without room"] is False
    for name in ("sft", "lora"):
        assert stored(folder / f"cut-{name}") == stored(folder / f"whole-{name}")
    assert stored(folder / "no-room") == stored(folder / "whole-sft")
