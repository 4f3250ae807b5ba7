"""A fine-tuning that was killed or cancelled goes on to the same weights, bit for bit, or says why it does not."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import Cancelled, TrainingError
from analysis.records import Silent
from analysis.training.card import read_card
from analysis.training.resuming import WHOLE, folder_beside, resumable, whole_checkpoint
from analysis.training.sft import fine_tune
from analysis.training.variants import Variant
from tests.training.models import QUESTIONS, make_base

SETTINGS: dict[str, Any] = {"size": 20, "epochs": 4, "learning_rate": 1e-3, "threads": 1, "device": "cpu"}
QUICK = Variant("restoring", 30, every=3)
OTHERS = (Variant(), Variant("lora"), Variant("kl"), Variant("l2sp"), Variant("by-level"))
WAYS = (QUICK, *(pytest.param(variant, marks=pytest.mark.slow) for variant in OTHERS))


class CancelledAfter(Silent):
    """Nobody wants it any more after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.left -= partial is not None

    def cancelled(self) -> bool:
        return self.left <= 0


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "base")


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


@pytest.mark.parametrize("variant", WAYS, ids=str)
def test_a_cancelled_training_goes_on_to_the_same_weights_and_the_same_curve(
    base: Path, tmp_path: Path, variant: Variant
) -> None:
    settings = SETTINGS | {"variant": variant}
    whole = fine_tune(base, tmp_path / "whole", QUESTIONS, **settings)
    for steps in (5, 2):  # in the middle of an epoch, then in the next one
        with pytest.raises(Cancelled):
            fine_tune(base, tmp_path / "cut", QUESTIONS, **settings, progress=CancelledAfter(steps))
        assert [path.name for path in tmp_path.iterdir() if path.name != "whole"] == [".cut.training"]
    report = fine_tune(base, tmp_path / "cut", QUESTIONS, **settings)
    assert report.resumed and not whole.resumed
    assert stored(tmp_path / "cut") == stored(tmp_path / "whole")
    assert report.loss == whole.loss
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


LONGER = SETTINGS | {"epochs": 12}  # so that it is still under way when it is killed for the third time


def _train(base: Path, out: Path) -> None:
    fine_tune(base, out, QUESTIONS, **LONGER, checkpoint_seconds=0)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights(base: Path, tmp_path: Path) -> None:
    fine_tune(base, tmp_path / "whole", QUESTIONS, **LONGER)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["transformers", "peft", "analysis.training.losses", "analysis.training.sft"])
    lots = random.Random(0)
    killed = 0
    for _ in range(3):
        process = context.Process(target=_train, args=(base, tmp_path / "cut"))
        process.start()
        begun = wait_for_checkpoint(tmp_path / "cut", than=killed_at(tmp_path / "cut"))
        time.sleep(lots.uniform(0, 0.05))
        if begun and process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
    assert killed == 3
    report = fine_tune(base, tmp_path / "cut", QUESTIONS, **LONGER)
    assert report.resumed
    assert stored(tmp_path / "cut") == stored(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


def killed_at(out: Path) -> int:
    return max((int(path.parent.name.split("-")[1]) for path in folder_beside(out).glob(f"*/{WHOLE}")), default=0)


def wait_for_checkpoint(out: Path, than: int) -> bool:
    deadline = time.monotonic() + 60
    while killed_at(out) <= than:
        if time.monotonic() > deadline or out.exists():
            return False
        time.sleep(0.005)
    return True


@pytest.mark.slow
def test_checkpoints_of_other_settings_are_refused_and_told_apart(base: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fine_tune(base, tmp_path / "cut", QUESTIONS, **SETTINGS, progress=CancelledAfter(2))
    with pytest.raises(TrainingError) as caught:
        fine_tune(base, tmp_path / "cut", QUESTIONS, **SETTINGS | {"learning_rate": 1e-4}, variant=Variant("l2sp", 0.5))
    assert caught.value.code == "other-training"
    assert caught.value.items == (
        "learning_rate was 0.001, is 0.0001",
        'variant was {"name":"sft"}, is {"name":"l2sp","strength":0.5}',
    )
    report = fine_tune(base, tmp_path / "cut", QUESTIONS, **SETTINGS | {"learning_rate": 1e-4}, resume=False)
    assert not report.resumed and read_card(tmp_path / "cut") == report


def test_a_checkpoint_cut_off_in_the_writing_is_passed_over(tmp_path: Path) -> None:
    out, run = tmp_path / "out", {"seed": 1}
    with pytest.raises(RuntimeError), resumable(out, run, resume=True) as place:
        assert place.latest is None
        for step, whole in ((4, True), (8, False)):
            folder = place.folder / f"checkpoint-{step}"
            folder.mkdir()
            (folder / "model.safetensors").write_bytes(b"weights")
            if whole:
                whole_checkpoint(folder, {"step": step})
        raise RuntimeError("killed")
    with resumable(out, run, resume=True) as place:
        assert place.latest is not None and place.latest.name == "checkpoint-4"
        assert place.kept == {"step": 4}
        assert not (place.folder / "checkpoint-8").exists()
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_into_one_folder_at_once_are_refused(tmp_path: Path) -> None:
    with resumable(tmp_path / "out", {"seed": 1}, resume=True):
        other = resumable(tmp_path / "out", {"seed": 2}, resume=False)
        with pytest.raises(TrainingError, match="Another process"), other:
            raise AssertionError("both run")
        assert json.loads((folder_beside(tmp_path / "out") / "run.json").read_bytes()) == {"seed": 1}
