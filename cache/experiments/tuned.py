"""A plan's tuned models on disk: trained where they are not there, unpacked where only their difference is, put away
as the plan asks once they are measured. Each lies under `tuned/` of the home folder, whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.errors import StoreError, TrainingError
from analysis.experiments.command import command_of
from analysis.experiments.data import load_data, wanted
from analysis.experiments.grid import Cell
from analysis.experiments.plan import Keep
from analysis.experiments.survey import DIFFERENCE_FACTOR
from analysis.folders import remove_aside
from analysis.records import Progress, Question, ResultKey
from analysis.training.resuming import OTHER_TRAINING
from cache.asked import Comparison
from cache.experiments.claims import Claims, packed_of
from cache.experiments.folder import KeyedCell
from cache.housekeeping import bytes_under
from cache.identity import IdentityMemory

if TYPE_CHECKING:
    from analysis.training.origin import Origin
    from cache.work import Workspace

CARD = "palimpsest.json"


@dataclass(frozen=True)
class Tuned:
    """A tuned model as it lies on disk: its folder, the facts it was trained on in order, the last training loss.

    `trained_seconds` is what its training took just now, 0 where it was there or unpacked.
    """

    folder: Path
    facts: tuple[str, ...]
    loss: float | None
    trained_seconds: float


@contextmanager
def tuned_model(workspace: Workspace, keyed: KeyedCell, progress: Progress) -> Iterator[Tuned]:
    """The cell's tuned model, held against other processes as long as the block runs."""
    with workspace.store.lock(lock_key(keyed), progress):
        folder = _folder(workspace, keyed)
        seconds = _make(workspace, keyed.cell, folder, progress) if not folder.is_dir() else 0.0
        card = msgspec.json.decode((folder / CARD).read_bytes())
        loss = card["loss"][-1][1] if card.get("loss") else None
        yield Tuned(folder, tuple(card["facts"]), loss, seconds)


def put_away(workspace: Workspace, keyed: KeyedCell, keep: Keep, ids: tuple[str, str], progress: Progress) -> None:
    """Keep, pack or drop a checkpoint measured just now, as the most generous of all that need it says."""
    asked = Claims(workspace).keep(_folder(workspace, keyed), keep)
    put_away_as(workspace, keyed, asked, ids, progress)


def put_away_as(workspace: Workspace, keyed: KeyedCell, keep: Keep, ids: tuple[str, str], progress: Progress) -> int:
    """Leave no more of a measured checkpoint on disk than `keep` says; returns the bytes freed.

    An adapter is small and is packed by being kept. What its pass left in the store goes with a checkpoint: it is
    counted again in a moment when the checkpoint is back.
    """
    folder, grown = _folder(workspace, keyed), 0
    if _to_pack(folder, keep):
        from analysis.weights.difference import pack

        pack(keyed.cell.base, folder, packed_of(folder), ids=ids, progress=progress)
        grown = bytes_under(packed_of(folder))
    surplus = _surplus(folder, keep)
    freed = sum(map(bytes_under, surplus)) - grown
    for path in surplus:
        _remove(path)
    return freed + (workspace.forget_profile(*ids) if _goes(folder, keep) else 0)


def freeable_bytes(workspace: Workspace, keyed: KeyedCell, keep: Keep, ids: tuple[str, str]) -> int:
    """What `put_away_as` would free: exactly, but for the size of a difference that is not packed yet."""
    folder = _folder(workspace, keyed)
    if not _goes(folder, keep):
        return 0
    grown = DIFFERENCE_FACTOR * bytes_under(folder) if _to_pack(folder, keep) else 0.0
    return int(sum(map(bytes_under, _surplus(folder, keep))) - grown) + workspace.profile_bytes(*ids)


def bring_back(workspace: Workspace, keyed: KeyedCell, progress: Progress) -> Comparison:
    """The pair of a cell with its tuned checkpoint on disk: unpacked, or trained again as the cell's key says."""
    with tuned_model(workspace, keyed, progress) as tuned:
        return Comparison(keyed.cell.base, str(tuned.folder))


def trained_facts(cell: Cell, ids: Sequence[str]) -> tuple[Question, ...]:
    """The facts of these ids, in the question file's order."""
    wanted_ids = set(ids)
    return tuple(question for question in _pool(cell) if question.id in wanted_ids)


def _make(workspace: Workspace, cell: Cell, folder: Path, progress: Progress) -> float:
    if packed_of(folder).is_dir():
        from analysis.weights.difference import unpack

        unpack(cell.base, packed_of(folder), folder, progress)
        return 0.0
    began = time.perf_counter()
    _train(workspace, cell, folder, progress)
    return time.perf_counter() - began


def _train(workspace: Workspace, cell: Cell, folder: Path, progress: Progress) -> None:
    """Fine-tune into the folder; leftovers of another version or device are of no use here, and are begun anew."""
    try:
        _fine_tune(workspace, cell, folder, progress, resume=True)
    except TrainingError as error:
        if error.code != OTHER_TRAINING:
            raise
        _fine_tune(workspace, cell, folder, progress, resume=False)


def _fine_tune(workspace: Workspace, cell: Cell, folder: Path, progress: Progress, *, resume: bool) -> None:
    from analysis.training.sft import fine_tune

    asked = wanted(cell.level, cell.size)
    mix: dict[str, Any] = {"mix": dict(asked.mix)} if asked.mix else {}
    fine_tune(
        cell.base,
        folder,
        _pool(cell),
        size=asked.size,
        level=asked.level,
        **mix,
        seed=cell.seed,
        learning_rate=cell.learning_rate,
        batch_size=cell.batch_size,
        epochs=cell.epochs,
        variant=cell.variant,
        precision=cell.precision,
        gradient_checkpointing=cell.gradient_checkpointing,
        accumulate=cell.accumulate,
        prompt=cell.prompt,
        device=cell.device,
        threads=cell.threads,
        resume=resume,
        memory=IdentityMemory(workspace.home),
        origin=_origin(cell),
        progress=progress,
    )


def _origin(cell: Cell) -> Origin:
    """Where a cell's facts are from, and its command, for a folder that holds base and files."""
    from analysis.training.origin import name_of, origin_of

    mastery = name_of(cell.mastery) if cell.mastery else None
    told = replace(cell, base=name_of(cell.base), questions=name_of(cell.questions), mastery=mastery)
    return origin_of(cell.questions, cell.mastery, command_of(told))


def _pool(cell: Cell) -> tuple[Question, ...]:
    return load_data(cell.questions, cell.mastery, cell.relations).train


def lock_key(keyed: KeyedCell) -> ResultKey:
    """What holds a cell's tuned model against other processes."""
    return ResultKey("tuned", 1, {"folder": keyed.tuned})


def _folder(workspace: Workspace, keyed: KeyedCell) -> Path:
    return workspace.home / "tuned" / keyed.tuned


def _goes(folder: Path, keep: Keep) -> bool:
    """Whether nothing whole of a model is kept."""
    return keep == "drop" or (keep == "difference" and not _is_adapter(folder))


def _to_pack(folder: Path, keep: Keep) -> bool:
    return keep == "difference" and _goes(folder, keep) and folder.is_dir() and not packed_of(folder).is_dir()


def _surplus(folder: Path, keep: Keep) -> list[Path]:
    """What lies on disk of a model beyond `keep`."""
    told = [folder, *([packed_of(folder)] if keep == "drop" else [])] if _goes(folder, keep) else []
    return [path for path in told if path.is_dir()]


def _is_adapter(folder: Path) -> bool:
    return not (folder / "model.safetensors").is_file() and (folder / "adapter_config.json").is_file()


def _remove(folder: Path) -> None:
    """Beside its name first, which is on the same disk: a kill leaves no half of a model under it."""
    try:
        remove_aside(folder, folder.parent)
    except OSError as error:
        raise StoreError(f"{folder} could not be removed: {error.strerror or error}.") from error
