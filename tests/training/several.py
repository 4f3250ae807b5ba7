"""Trainings over processes that are cut short and go on, as torchrun starts them, for tests.

`several.py until-killed FOLDER NAME...` trains one new folder after another, `cut` with a checkpoint every step;
`several.py cancelled FOLDER` has one process end the others' trainings too, and writes what each process saw to
`told-<process>.json`.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState

from analysis.errors import PalimpsestError
from analysis.records import Silent
from analysis.training.resuming import WHOLE, folder_beside
from analysis.training.sft import fine_tune
from analysis.training.variants import Variant
from tests.training.sharded_on_cpus import begin_sharded

SMALL: dict[str, Any] = {"size": 20, "batch_size": 6, "learning_rate": 1e-3, "threads": 1, "device": "cpu"}
LONG, SHORT = SMALL | {"epochs": 5, "accumulate": 2}, SMALL | {"epochs": 3}
SECOND = os.environ.get("RANK") == "1"


class Watched(Silent):
    """Remembers whether a whole checkpoint was ever there; cancels after so many steps."""

    def __init__(self, out: Path, steps: int | None = None) -> None:
        self.out, self.left, self.whole_seen = out, steps, False

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.whole_seen |= any(folder_beside(self.out).glob(f"*/{WHOLE}"))
        if self.left is not None:
            self.left -= partial is not None

    def cancelled(self) -> bool:
        return self.left is not None and self.left <= 0


@contextmanager
def no_room() -> Iterator[None]:
    """As on a full disk: no file of this process may hold a byte more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def train(folder: Path, name: str, *, every_step: bool = False, **settings: Any) -> Any:
    seconds = 0 if every_step else 1000
    return fine_tune(folder / "base", folder / name, folder / "q.jsonl", checkpoint_seconds=seconds, **settings)


def refused(folder: Path, name: str, **settings: Any) -> str:
    try:
        train(folder, name, **settings)
    except PalimpsestError as error:
        return error.code
    raise AssertionError("it ran")


def cancelled_and_gone_on(folder: Path, variant: Variant) -> list[Any]:
    """Only the second process cancels; then all are refused other settings, and go on with their own."""
    name, settings = f"cut-{variant.name}", SHORT | {"variant": variant}
    enough = Watched(folder / name, 5 if SECOND else None)
    codes = [refused(folder, name, progress=enough, **settings), refused(folder, name, **settings | {"seed": 1})]
    gone_on = train(folder, name, **settings)
    whole = train(folder, f"whole-{variant.name}", **settings)
    return [*codes, gone_on.resumed, whole.resumed]


def without_room(folder: Path) -> bool:
    """Whether a checkpoint ever counted that the second process could not write its part of."""
    watched = Watched(folder / "no-room")
    with no_room() if SECOND else nullcontext():
        train(folder, "no-room", every_step=True, progress=watched, **SHORT)
    return watched.whole_seen


if __name__ == "__main__":
    do, place, *names = sys.argv[1:]
    if os.environ.get("ACCELERATE_USE_FSDP"):
        AcceleratorState.__init__ = begin_sharded
    for each in names:
        train(Path(place), each, every_step=each == "cut", **LONG)
    if do == "cancelled":
        told = {each: cancelled_and_gone_on(Path(place), Variant(each)) for each in ("sft", "lora")}  # type: ignore[arg-type]
        answer = told | {"whole without room": without_room(Path(place))}
        (Path(place) / f"told-{os.environ['RANK']}.json").write_text(json.dumps(answer))
