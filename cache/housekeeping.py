"""What the store holds, by kind and by pair, and how to free it: a preview of what would go, then each result at once.

A result goes whole or not at all: its folder is renamed out of sight before it is removed, under its own lock, so that
two processes can free at the same time and a killed one leaves nothing half. Nothing goes while work is under way here
or elsewhere on the same store, nor ever what a plan that is kept was measured by. Pinned findings have their data to
themselves and lie outside. Knows no page.

"Last read" is the file system's access time, which most keep to the day (relatime); where it keeps none, the time of
making stands for it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from analysis.errors import StoreError
from analysis.folders import remove_aside
from analysis.records import ResultKey
from cache.asked import ARROW
from cache.experiments.folder import PlanFolder
from cache.keys import VERSIONS
from cache.store import Entry, Store

DAY_SECONDS = 86_400.0
NO_PAIR = "no pair on the list"
MODEL_PARTS = ("base", "tuned", "checkpoint")  # under which names a key tells the models it is of
ALONE, UNLISTED = " alone", " with a model not listed"  # what follows a base's name where a result is of no listed pair
# Every kind a person may free, in the order shown; what else lies in the store stays. The last take trainings, or many
# passes, to get back.
QUICK = (
    "evaluation-part",
    "evaluation",
    "divergence",
    "paper_divergence",
    "generation",
    "task",
    "blend",
    "spectrum",
    "profile",
)
SLOW = ("gradients", "skill", "planted")
FREEABLE = (*QUICK, *SLOW)


@dataclass(frozen=True)
class Holding:
    """One stored result: how large it is, whose it is, and what speaks against removing it ("" for nothing)."""

    kind: str
    digest: str
    pair: str  # its name, or NO_PAIR
    bytes: int
    created: float  # seconds since the epoch, as `used`
    used: float
    outdated: bool  # of an earlier version of its algorithm: never found again
    needed_by: str = ""


@dataclass(frozen=True)
class Choice:
    """What a person wants gone: of these kinds and pairs (None: of all), not read for so many days."""

    kinds: tuple[str, ...] = FREEABLE
    pairs: tuple[str, ...] | None = None
    unread_days: float = 0.0
    only_outdated: bool = False

    def covers(self, holding: Holding, now: float) -> bool:
        """Whether the choice asks for this result."""
        return (
            holding.kind in self.kinds
            and (self.pairs is None or holding.pair in self.pairs)
            and (now - holding.used >= self.unread_days * DAY_SECONDS)
            and (holding.outdated or not self.only_outdated)
        )


@dataclass(frozen=True)
class Preview:
    """What would go, and what of the chosen stays because something needs it."""

    goes: tuple[Holding, ...]
    stays: tuple[Holding, ...]

    @property
    def bytes(self) -> int:
        """Freed by removing what goes."""
        return sum(holding.bytes for holding in self.goes)


@dataclass(frozen=True)
class Freed:
    """What really went."""

    results: int
    bytes: int
    in_use: int  # left, because another process held them


class Housekeeping:
    """The results of one home folder; `names` maps a model's content id to the pair it is listed under."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def holdings(self, names: Mapping[str, str]) -> tuple[Holding, ...]:
        """Every freeable result, the least recently read first."""
        needed = self._needed()
        found = [
            self._holding(entry, names, needed.get(entry.digest, ""))
            for kind in FREEABLE
            for entry in self._store.entries(kind)
        ]
        return tuple(sorted(found, key=lambda holding: holding.used))

    def folders(self) -> dict[str, int]:
        """Bytes under each folder of the home, results by kind, largest first."""
        home = self._store.home
        places = [*home.glob("results/*"), *(path for path in home.glob("*") if path.name != "results")]
        sizes = {str(path.relative_to(home)): bytes_under(path) for path in places}
        return dict(sorted(sizes.items(), key=lambda item: -item[1]))

    def preview(self, choice: Choice, names: Mapping[str, str]) -> Preview:
        """What this choice would remove, and what of it stays."""
        now = time.time()
        chosen = [holding for holding in self.holdings(names) if choice.covers(holding, now)]
        return Preview(
            tuple(holding for holding in chosen if not holding.needed_by),
            tuple(holding for holding in chosen if holding.needed_by),
        )

    def free(self, goes: Collection[Holding]) -> Freed:
        """Remove these results; those another process holds at this moment stay.

        Raises StoreError where work is under way on this store, in this process or another.
        """
        busy = self.busy()
        if busy:
            raise StoreError(f"Nothing was removed: {busy}. What it needs must stay; free the store when it has ended.")
        needed, results, freed, in_use = self._needed(), 0, 0, 0
        for holding in goes:
            folder = self._store.home / "results" / holding.kind / holding.digest
            if holding.digest in needed or not folder.is_dir():
                continue
            if self._remove(folder):
                results, freed = results + 1, freed + holding.bytes
            else:
                in_use += 1
        return Freed(results, freed, in_use)

    def busy(self) -> str:
        """What is under way on this store, as far as locks and plans tell; "" for nothing."""
        plans = PlanFolder(self._store.home)
        running = [name for name in plans.names() if plans.last_note(name).alive]
        if running:
            return f"the plan {running[0]} is running"
        held = next((path for path in (self._store.home / "locks").glob("*.lock") if _is_held(path)), None)
        return "another process is working on this store" if held else ""

    def _remove(self, folder: Path) -> bool:
        """Under the result's own lock: renamed first, so that nobody ever sees a part of it."""
        lock = FileLock(self._store.home / "locks" / f"{folder.name}.lock")
        (self._store.home / "locks").mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        try:
            remove_aside(folder, self._store.home / "partial")
        except OSError as error:
            raise StoreError(f"{folder} could not be removed: {error.strerror or error}.") from error
        finally:
            lock.release()
        return True

    def _needed(self) -> dict[str, str]:
        """Results that kept plans were measured by, each with the words that say so."""
        plans, needed = PlanFolder(self._store.home), dict[str, str]()
        for name in plans.names():
            with suppress(StoreError):  # a damaged plan is told on its own page
                for cell in plans.read(name).cells:
                    needed |= dict.fromkeys(self._measured_by(cell.key), f"the plan {name}")
        return needed

    def _measured_by(self, key: ResultKey) -> Iterator[str]:
        with suppress(StoreError):
            stored = self._store.get(key)
            for table in stored.tables.values() if stored else ():
                if "evaluation" in table:
                    yield from (str(digest) for digest in table["evaluation"].dropna().unique() if digest)

    def _holding(self, entry: Entry, names: Mapping[str, str], needed_by: str) -> Holding:
        folder = self._store.home / "results" / entry.kind / entry.digest
        return Holding(
            kind=entry.kind,
            digest=entry.digest,
            pair=_owner(entry.parts, names),
            bytes=entry.bytes,
            created=entry.created,
            used=max(entry.created, _accessed(folder / "document.json")),
            outdated=entry.version != VERSIONS.get(entry.kind, entry.version),
            needed_by=needed_by,
        )


def _owner(parts: Any, names: Mapping[str, str]) -> str:
    """The pair a result is listed under; else its base, by itself or with a model that is on no list."""
    models = list(dict.fromkeys(_models(parts)))
    owners = [names[model] for model in models if model in names]
    if not owners:
        return NO_PAIR
    pair = next((name for name in owners if ARROW in name), "")
    return pair or owners[0] + (ALONE if len(models) == 1 else UNLISTED)


def _models(parts: Any) -> Iterator[str]:
    """Every model anywhere in a key's parts, by its content id."""
    if not isinstance(parts, Mapping):
        return
    for name, value in parts.items():
        if name in MODEL_PARTS and isinstance(value, str):
            yield value
        else:
            yield from _models(value)


def _accessed(path: Path) -> float:
    try:
        return path.stat().st_atime
    except OSError:
        return 0.0


def bytes_under(path: Path) -> int:
    """How large a file, or everything under a folder, is."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    total = 0
    for file in files:
        with suppress(OSError):  # gone since
            total += file.stat().st_size
    return total


def _is_held(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False
