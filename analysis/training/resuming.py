"""Checkpoints of a training under way, so that one that was killed or cancelled goes on with the same weights.

They lie in a hidden folder beside the folder the tuned model will have: `run.json`, all that the weights depend on, and
Trainer's checkpoints (weights, optimizer, schedule, the random generators' states). One counts only once its
mark `WHOLE` is there, written last. A folder made by other settings is refused, never mixed in; it is removed when the
training is done. Knows no model.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from analysis.errors import TrainingError
from analysis.training.together import held_by_first, on_any

OTHER_TRAINING = "other-training"
RUN, PREFIX = "run.json", "checkpoint-"
WHOLE = "whole-2.json"  # numbered by the shape of what it keeps: a checkpoint of an older shape does not count


@dataclass(frozen=True)
class Resumable:
    """Where checkpoints of one training lie, and the newest whole one with what it kept (None at the start)."""

    folder: Path
    latest: Path | None = None
    kept: Mapping[str, Any] | None = None


def folder_beside(out: Path) -> Path:
    """Where the checkpoints of a training into `out` lie."""
    return out.parent / f".{out.name}.training"


@contextmanager
def resumable(out: Path, run: Mapping[str, Any], *, resume: bool) -> Iterator[Resumable]:
    """The checkpoints of the training into `out` that `run` describes; gone when the block ends well.

    `run` holds everything the weights depend on. With `resume` False earlier checkpoints are removed first. Raises
    TrainingError where another process trains into `out`, or checkpoints there are of another training.
    """
    folder = folder_beside(out)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        words = f"Another process is fine-tuning into {out}: wait for it, or give another folder."
        raise TrainingError(words) from None
    try:
        if not resume:
            _remove_checkpoints(folder)
        _claim(folder, out, run)
        yield _newest(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
        if folder.is_dir() and not any(folder.glob(f"{PREFIX}*")):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def resumable_by_all(out: Path, run: Mapping[str, Any], *, resume: bool) -> Iterator[Resumable]:
    """The same for every process of a training: the first one looks and decides, and the others go by that.

    TrainingError, on all, also where not all of them see the folder.
    """
    with held_by_first(resumable(out, run, resume=resume)) as place:
        if on_any(not (place.folder / RUN).is_file()):
            raise TrainingError(
                f"Not every process of this training sees {place.folder}, where it keeps what it needs to go on: give "
                "a folder on a disk that all of them share, or keep no checkpoints (--no-checkpoints)."
            )
        yield place


def whole_checkpoint(folder: Path, kept: Mapping[str, Any]) -> None:
    """Say that this checkpoint is whole, with what else is kept of it, and remove the older ones beside it."""
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)
    (folder / WHOLE).write_bytes(msgspec.json.encode(dict(kept)))
    _sync(folder / WHOLE)
    for other in folder.parent.glob(f"{PREFIX}*"):
        if other != folder:
            (other / WHOLE).unlink(missing_ok=True)  # first: what is half removed is not whole
            shutil.rmtree(other, ignore_errors=True)


def _claim(folder: Path, out: Path, run: Mapping[str, Any]) -> None:
    wanted = msgspec.json.decode(msgspec.json.encode(run))
    try:
        found = msgspec.json.decode((folder / RUN).read_bytes())
    except (OSError, msgspec.MsgspecError):
        found = None
    if found is None or not any(folder.glob(f"{PREFIX}*")):
        _remove_checkpoints(folder)
        (folder / RUN).write_bytes(msgspec.json.encode(wanted))
    elif found != wanted:
        names = sorted(name for name in found | wanted if found.get(name) != wanted.get(name))
        raise TrainingError(
            f"A training into {out} was begun with other settings and can be gone on with only as it began. Give "
            f"another folder, or begin anew (--fresh), which removes {folder}.",
            code=OTHER_TRAINING,
            items=[f"{name} was {_short(found.get(name))}, is {_short(wanted.get(name))}" for name in names],
        )


def _newest(folder: Path) -> Resumable:
    whole = [path.parent for path in folder.glob(f"{PREFIX}*/{WHOLE}")]
    latest = max(whole, key=lambda path: int(path.name.removeprefix(PREFIX)), default=None)
    for path in folder.glob(f"{PREFIX}*"):
        if path != latest:
            shutil.rmtree(path, ignore_errors=True)
    kept = msgspec.json.decode((latest / WHOLE).read_bytes()) if latest else None
    return Resumable(folder, latest, kept)


def _remove_checkpoints(folder: Path) -> None:
    for path in (*folder.glob(f"{PREFIX}*"), folder / RUN):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
