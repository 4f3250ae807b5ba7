"""Killed at any moment, interrupted, run twice at once, without room: no half-written thing, and the next run succeeds.

Real processes of the command line on a pair large enough to be caught in the middle.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cache.store import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("profile", "evaluation")
MATRICES, SIDE = 16, 1024  # 16.8 million values a side


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of float16 weights in four shards; tuned differs from base in a third of the values."""
    home, generator = tmp_path_factory.mktemp("pair"), np.random.default_rng(0)
    for side in ("base", "tuned"):
        (home / side).mkdir()
    for shard in range(4):
        base = {
            f"model.layers.{layer}.mlp.up_proj.weight": generator.standard_normal((SIDE, SIDE)).astype(np.float16)
            for layer in range(shard * MATRICES // 4, (shard + 1) * MATRICES // 4)
        }
        touched = {name: generator.random(values.shape) < 0.33 for name, values in base.items()}
        tuned = {name: np.where(touched[name], values * np.float16(1.01), values) for name, values in base.items()}
        for side, tensors in (("base", base), ("tuned", tuned)):
            save_file(tensors, home / side / f"model-{shard + 1:05d}-of-00004.safetensors")
    return home / "base", home / "tuned"


def start(home: Path, *words: object, limit_bytes: int | None = None) -> subprocess.Popen[str]:
    """A palimpsest process on this store; `limit_bytes` is the largest file it may write."""

    def limited() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.Popen(
        [sys.executable, "-m", "analysis.cli", *map(str, words), "--json"],
        cwd=ROOT,
        env={**os.environ, "PALIMPSEST_HOME": str(home), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limited,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, told = process.communicate(timeout=180)
    assert process.returncode == 0, told
    answer: dict[str, Any] = json.loads(out)
    return answer


def contents(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()}


def weights(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


def check_store(home: Path) -> int:
    """Every result that can be seen is whole and readable; returns how many there are."""
    store, seen = Store(home), 0
    for kind in KINDS:
        folders = list((home / "results" / kind).glob("*"))
        entries = store.entries(kind)
        assert {folder.name for folder in folders} == {entry.digest for entry in entries}
        for folder in folders:
            sizes = json.loads((folder / "manifest.json").read_text())["files"]
            assert all((folder / name).stat().st_size == size for name, size in sizes.items())
            seen += 1
    for file in (home / "identity").glob("*.json"):
        json.loads(file.read_text())
    return seen


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not ready() and process.poll() is None:
        time.sleep(0.002)


def end(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str]:
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    return process.returncode, told


def test_restore_killed_at_any_moment_leaves_no_checkpoint_and_the_next_run_writes_it(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    before, moments, outs = contents(*pair), random.Random(1), tmp_path / "outs"
    out, partial = outs / "out", lambda: any(outs.glob(".out.partial-*"))
    started = time.monotonic()
    whole = finish(start(tmp_path / "home", "restore", *pair, tmp_path / "whole", "--percent", 20))
    seconds = time.monotonic() - started
    caught = 0
    for attempt in range(8):
        process = start(tmp_path / f"home{attempt // 4}", "restore", *pair, out, "--percent", 20)
        if attempt % 2:
            wait_until(partial, process)  # in the middle of writing
            time.sleep(moments.uniform(0, 0.1))
        else:
            time.sleep(moments.uniform(0, seconds))
        end(process, signal.SIGKILL)
        caught += partial()
        if out.exists():  # it had finished before
            assert weights(out) == weights(tmp_path / "whole")
            shutil.rmtree(out)
        check_store(tmp_path / f"home{attempt // 4}")
    assert caught
    assert finish(start(tmp_path / "home1", "restore", *pair, out, "--percent", 20))["count"] == whole["count"]
    assert [path.name for path in outs.iterdir()] == ["out"]
    assert weights(out) == weights(tmp_path / "whole")
    assert contents(*pair) == before


def test_profile_killed_at_any_moment_leaves_whole_results_only(pair: tuple[Path, Path], tmp_path: Path) -> None:
    home, moments = tmp_path / "home", random.Random(2)
    started = time.monotonic()
    whole = finish(start(tmp_path / "other", "profile", *pair))
    seconds = time.monotonic() - started
    for attempt in range(6):
        process = start(home, "profile", *pair)
        if attempt % 2:
            wait_until(lambda: any(home.glob("partial/*/*")) or any(home.glob("results/*/*")), process)
        else:
            time.sleep(moments.uniform(seconds / 3, seconds))
        end(process, signal.SIGKILL)
        assert check_store(home) <= 1
    again = finish(start(home, "profile", *pair))
    for field in ("region_parameters", "changed_fraction", "percents", "layers", "modules", "tensors"):
        assert again[field] == whole[field]
    assert check_store(home) == 1
    assert all(not any(folder.iterdir()) for folder in home.glob("partial"))


@pytest.fixture(scope="module")
def many_questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    lines = ({"question": f"Where was person {number} born?", "answers": ["Paris"]} for number in range(1500))
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_evaluate_killed_at_any_moment_leaves_whole_results_only(
    tiny_pair: Any, many_questions: Path, tmp_path: Path
) -> None:
    home, moments, outputs = tmp_path / "home", random.Random(3), tmp_path / "answers.jsonl"
    ask = ("evaluate", tiny_pair.tuned, "--questions", many_questions, "--outputs", outputs)
    for attempt in range(3):
        process = start(home, *ask)
        assert process.stderr is not None
        while attempt and "asking" not in (line := process.stderr.readline()) and line:
            pass
        time.sleep(moments.uniform(0, 0.8))
        end(process, signal.SIGKILL)
        assert check_store(home) <= 1
        assert not outputs.exists() or len(outputs.read_text().splitlines()) == 1500
    assert finish(start(home, *ask))["n"] == 1500
    assert check_store(home) == 1
    assert len(outputs.read_text().splitlines()) == 1500


@pytest.mark.parametrize("command", ["restore", "profile", "evaluate"])
def test_an_interrupt_ends_with_130_and_leaves_nothing(
    pair: tuple[Path, Path], tiny_pair: Any, many_questions: Path, tmp_path: Path, command: str
) -> None:
    moments, outs = random.Random(command), tmp_path / "outs"
    outs.mkdir()
    words: dict[str, tuple[object, ...]] = {
        "restore": (*pair, outs / "out", "--percent", 20),
        "profile": pair,
        "evaluate": (tiny_pair.tuned, "--questions", many_questions, "--outputs", outs / "answers.jsonl"),
    }
    interrupted = 0
    for attempt in range(6):
        home = tmp_path / f"home{attempt}"
        process = start(home, command, *words[command])
        assert process.stderr is not None
        process.stderr.readline()  # the first word of progress: the command itself has begun
        if attempt == 1 and command == "restore":
            wait_until(lambda: any(outs.iterdir()), process)
        time.sleep(moments.uniform(0, 0.3 * 0.6**attempt))
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
        check_store(home)
        if out.strip() and "error" not in json.loads(out):  # it was quicker than the signal
            shutil.rmtree(outs)
            outs.mkdir()
            continue
        assert process.returncode == 130, told
        assert "Interrupted; what was finished is stored." in told
        assert "Traceback" not in told
        assert list(outs.iterdir()) == []
        interrupted += 1
    assert interrupted


def test_two_processes_doing_the_same_at_once_both_succeed_with_one_result(
    pair: tuple[Path, Path], tiny_pair: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    profiles = [finish(process) for process in [start(home, "profile", *pair) for _ in range(2)]]
    assert profiles[0]["percents"] == profiles[1]["percents"]
    assert check_store(home) == 1
    ask = ("evaluate", tiny_pair.tuned, "--questions", tiny_pair.questions)
    answers = [finish(process) for process in [start(home, *ask) for _ in range(2)]]
    assert answers[0]["accuracy"] == answers[1]["accuracy"]
    assert check_store(home) == 2
    outs = [start(home, "restore", *pair, tmp_path / "out", "--percent", 20) for _ in range(2)]
    ends = [(process.communicate(timeout=120), process.returncode) for process in outs]
    assert sorted(code for _, code in ends) in ([0, 0], [0, 2])
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["out"]
    assert len(load_file(tmp_path / "out" / "model-00001-of-00004.safetensors")) == 4


def test_without_room_every_command_says_so_and_leaves_nothing(
    pair: tuple[Path, Path], tiny_pair: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    finish(start(home, "profile", *pair))
    stored = contents(home)
    for words, limit in (
        (("restore", *pair, tmp_path / "out", "--percent", 20), 5_000_000),
        (("evaluate", tiny_pair.tuned, "--questions", tiny_pair.questions), 4_000),
        (("profile", tiny_pair.base, tiny_pair.tuned), 4_000),
    ):
        process = start(home, *words, limit_bytes=limit)
        out, told = process.communicate(timeout=120)
        assert process.returncode == 2, told
        error = json.loads(out)["error"]
        assert "File too large" in error["message"], error
        assert "Traceback" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert {file: data for file, data in contents(home).items() if file in stored} == stored
    check_store(home)
