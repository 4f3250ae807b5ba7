"""How far cells on other machines are, told through the home folder that all of them see: a small file a cell.

What is told is for a person's eyes only: a node whose disk takes nothing more, or shows files late, still measures.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from analysis.folders import partial_folder, whole_file
from cache.experiments.engine import Event

TOLD_SECONDS = 1.0


class TellingInFile:
    """The Progress of a cell on a node: at most once a second into its file."""

    def __init__(self, file: Path) -> None:
        self._file, self._last = file, 0.0

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Tell how far the cell is."""
        del partial
        if time.monotonic() - self._last < TOLD_SECONDS:
            return
        self._last = time.monotonic()
        told = {"fraction": done / total if total else 0.0, "note": note}
        with suppress(OSError), whole_file(self._file) as part:
            part.write_bytes(msgspec.json.encode(told))

    def cancelled(self) -> bool:
        """Never: whoever no longer wants the cell ends the task."""
        return False


class HeardFromFiles:
    """The files of one run's cells, in a folder of the store's `partial`: what is new in them, and their end."""

    def __init__(self, home: Path) -> None:
        (home / "partial").mkdir(parents=True, exist_ok=True)
        self._folder = partial_folder(home / "partial", "progress")
        self._heard: dict[str, bytes] = {}

    def file(self, digest: str) -> Path:
        """Where the cell of this digest tells."""
        return self._folder / f"{digest}.json"

    def events(self, digests: Iterable[str]) -> Iterator[Event]:
        """What these cells told since they were last asked for."""
        for digest in digests:
            with suppress(OSError, msgspec.MsgspecError, KeyError):
                text = self.file(digest).read_bytes()
                if text != self._heard.get(digest):
                    self._heard[digest] = text
                    told = msgspec.json.decode(text)
                    yield Event("progress", digest, float(told["fraction"]), str(told["note"]))

    def end(self) -> None:
        """Remove what was told."""
        shutil.rmtree(self._folder, ignore_errors=True)
