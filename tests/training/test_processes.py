"""A training spread over processes, as torchrun or accelerate starts them, is the training of one with their batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from analysis.training.sft import fine_tune
from tests.training.models import QUESTIONS, make_base
from tests.training.test_sft import weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_two_processes_share_the_batch_and_train_as_one_does(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    (tmp_path / "q.jsonl").write_text(
        "\n".join(
            json.dumps({"id": q.id, "question": q.question, "answers": q.answers, "relation": q.relation, "level": 0})
            for q in QUESTIONS
        )
    )
    settings = ["--size", "32", "--learning-rate", "1e-3", "--threads", "1", "--device", "cpu", "--batch-size", "8"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    program = [str(Path(sys.executable).parent / "palimpsest"), "sft", str(base), str(tmp_path / "two")]
    done = subprocess.run(
        [
            *launch,
            "--master-addr",
            "127.0.0.1",
            *program,
            "--questions",
            str(tmp_path / "q.jsonl"),
            *settings,
            "--json",
        ],
        cwd=ROOT,
        env={**os.environ, "PALIMPSEST_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    (told,) = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert (told["processes"], told["steps"]) == (2, 4)
    assert (told["batch_size"], told["micro_batch"]) == (8, 4)
    fine_tune(
        base, tmp_path / "one", tmp_path / "q.jsonl", size=32, learning_rate=1e-3, threads=1, device="cpu", batch_size=8
    )
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5)
    hidden = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert hidden == []
