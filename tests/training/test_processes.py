"""A training spread over processes, as torchrun or accelerate starts them, is the training of one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.training.sft import fine_tune
from analysis.training.variants import Variant
from tests.training.models import QUESTIONS, make_base
from tests.training.test_sft import weights

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SHARDED = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}


def facts_file(folder: Path) -> Path:
    rows = [
        {"id": each.id, "question": each.question, "answers": each.answers, "relation": each.relation, "level": 0}
        for each in QUESTIONS
    ]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "q.jsonl"


def launched(processes: int, program: str, *words: str, **settings: str) -> "subprocess.Popen[str]":
    """This program in so many processes, on a port of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", port]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | settings
    command = [*launch, "--master-addr", "127.0.0.1", program, *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def in_two_processes(program: str, folder: Path, *words: str, **settings: str) -> dict[str, Any]:
    """`palimpsest sft` by this program in two processes; the card, which only one of them prints."""
    asked = ["sft", str(folder / "base"), str(folder / "two"), "--questions", str(folder / "q.jsonl"), "--size", "32"]
    asked += ["--learning-rate", "1e-3", "--threads", "1", "--device", "cpu", "--batch-size", "8", "--json"]
    done = launched(2, program, *asked, *words, PALIMPSEST_HOME=str(folder / "home"), **settings)
    out, err = done.communicate()
    assert done.returncode == 0, err
    (told,) = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return dict(told)


def same_as_one(folder: Path, told: dict[str, Any], variant: Variant) -> None:
    assert (told["processes"], told["steps"], told["batch_size"], told["micro_batch"]) == (2, 4, 8, 4)
    settings: dict[str, Any] = {"size": 32, "learning_rate": 1e-3, "threads": 1, "device": "cpu", "variant": variant}
    alone = fine_tune(folder / "base", folder / "one", folder / "q.jsonl", **settings)
    assert [step for step, _ in told["loss"]] == [1, 2, 3, 4]
    assert [loss for _, loss in told["loss"]] == pytest.approx([loss for _, loss in alone.loss], rel=1e-3)
    one, two = weights(folder / "one"), weights(folder / "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5)
    files = {path.name for path in (folder / "one").iterdir()}
    assert {path.name for path in (folder / "two").iterdir()} == files
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("variant", [Variant(), Variant("lora")], ids=str)
@pytest.mark.parametrize("sharded", [False, True], ids=["whole", "sharded"])
def test_two_processes_share_the_batch_and_train_as_one_does(tmp_path: Path, sharded: bool, variant: Variant) -> None:
    make_base(tmp_path / "base")
    facts_file(tmp_path)
    plain, split = Path(sys.executable).parent / "palimpsest", ROOT / "tests/training/sharded_on_cpus.py"
    settings = SHARDED if sharded else {}
    told = in_two_processes(str(split if sharded else plain), tmp_path, "--variant", variant.name, **settings)
    same_as_one(tmp_path, told, variant)
