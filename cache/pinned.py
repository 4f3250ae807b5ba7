"""The content of pinned findings under `findings/`: each stored whole or not at all, and never changed.

It lies in a results store of its own, so that freeing the other results leaves it alone. What is pinned again, with the
same content, is told by a file beside it: when, and what made it then. The texts that a finding's command names lie
here too, as long as a pin names them. Knows neither order nor sections.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import msgspec
import pandas as pd

from analysis.errors import StoreError
from analysis.folders import whole_file
from analysis.records import ResultKey, Stored
from analysis.report.records import Finding
from cache.store import Store

KIND, VERSION = "finding", 1
TEXTS = "texts"  # the folder of the texts that commands name
# Why a pin cannot be read: what a report, a page and the command say of it.
GONE = "its files are gone from {folder}, or not all of them are there"
DAMAGED = "its files under {folder} are damaged ({error})"
UNKNOWN = (
    "its files under {folder} hold what this version does not know ({error}): was it pinned by a newer Palimpsest? "
    "Update this one"
)


class Pinned:
    """The findings of one folder by id."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._again = folder / "again"
        self._texts = folder / TEXTS
        self._held: dict[str, Finding] = {}

    def folder(self, finding_id: str) -> Path:
        """Where a finding's content lies."""
        return self._store.folder(_key(finding_id))

    def read(self, finding_id: str) -> Finding:
        """The finding of this id; StoreError, whose message is the reason alone, where it cannot be read."""
        if finding_id not in self._held:
            self._held[finding_id] = self._pinned_again(finding_id) or self._pinned_first(finding_id)
        return self._held[finding_id]

    def tables(self, finding_id: str) -> dict[str, pd.DataFrame]:
        """A finding's data by name, empty where there is none; StoreError where they are damaged."""
        try:
            stored = self._store.get(_key(finding_id))
        except StoreError as error:
            raise StoreError(DAMAGED.format(folder=self.folder(finding_id), error=error.__cause__)) from error
        return dict(stored.tables) if stored else {}

    def keep(self, finding: Finding, tables: dict[str, pd.DataFrame]) -> None:
        """Keep a finding; what is there already gets the new making, what is there damaged is written anew."""
        try:
            self._pinned_first(finding.id)
        except StoreError:
            self._store.delete(_key(finding.id))
        else:
            self._renew(finding)
        self._store.put(_key(finding.id), Stored(msgspec.to_builtins(finding), tables))
        self._held.pop(finding.id, None)

    def remove(self, finding_id: str) -> None:
        """Remove a finding's content: it cannot come back."""
        self._store.delete(_key(finding_id))
        (self._again / f"{finding_id}.json").unlink(missing_ok=True)
        self._held.pop(finding_id, None)

    def sweep_texts(self, kept: Collection[str], older_seconds: float) -> None:
        """Remove the texts that none of these findings names, and that were written so long ago.

        None goes while one of the findings cannot be read: it may name any.
        """
        texts = [path for path in self._texts.glob("*.jsonl") if time.time() - path.stat().st_mtime > older_seconds]
        if not texts:
            return
        try:
            commands = [self.read(name).making.command for name in kept]
        except StoreError:
            return
        for path in texts:
            if not any(path.name in command for command in commands):
                path.unlink(missing_ok=True)

    def _renew(self, finding: Finding) -> None:
        """The same content, made anew: nothing that came before is news about it any more."""
        try:
            self._again.mkdir(parents=True, exist_ok=True)
            with whole_file(self._again / f"{finding.id}.json") as partial:
                partial.write_bytes(msgspec.json.encode(finding))
        except OSError as error:
            raise StoreError(
                f"The pin could not be written under {self._again}: {error.strerror or error}. Free space there, or "
                "set PALIMPSEST_HOME to another folder."
            ) from error

    def _pinned_first(self, finding_id: str) -> Finding:
        folder = self.folder(finding_id)
        try:
            document = self._store.document(_key(finding_id))
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(DAMAGED.format(folder=folder, error=error)) from error
        if document is None:
            raise StoreError(GONE.format(folder=folder))
        try:
            return msgspec.convert(document, Finding)
        except msgspec.ValidationError as error:
            raise StoreError(UNKNOWN.format(folder=folder, error=error)) from error

    def _pinned_again(self, finding_id: str) -> Finding | None:
        """What was pinned last, where it was pinned again and its data are there."""
        try:
            return msgspec.json.decode((self._again / f"{finding_id}.json").read_bytes(), type=Finding)
        except (OSError, msgspec.MsgspecError):  # never pinned again, or damaged: what was pinned first stands
            return None


def _key(finding_id: str) -> ResultKey:
    return ResultKey(KIND, VERSION, {"id": finding_id})
