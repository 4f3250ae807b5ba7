"""Pinned findings: each stored whole or not at all, and the order, sections and notes a person gave them.

A finding's content never changes: it lies in a results store of its own under `findings/`, so that freeing the other
results leaves it alone. What is pinned again, with the same content, is told by a file beside it: when, and what made
it then. What a person changes is one small file, replaced whole under a lock. A deleted finding can come back; its
content is removed a week later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pandas as pd
from filelock import FileLock

from analysis.errors import StoreError
from analysis.folders import whole_file
from analysis.records import ResultKey, Stored
from analysis.report.records import Finding, Placed
from cache.arrangement import Arrangement, Place
from cache.store import Store

KIND, VERSION = "finding", 1
KEPT_SECONDS = 7 * 24 * 3600.0  # a deleted finding can come back


class Findings:
    """The findings of one home folder."""

    def __init__(self, home: Path) -> None:
        self._store = Store(home / "findings")
        self._file = home / "findings" / "arrangement.json"
        self._again = home / "findings" / "again"
        self._held: dict[str, Finding] = {}

    def all(self) -> tuple[Placed, ...]:
        """Every finding in the report's order, without its data; one whose files are damaged is left out."""
        found = ((place, self._finding(place.id)) for place in self._read().placed)
        return tuple(Placed(finding, place.section, place.note) for place, finding in found if finding is not None)

    def sections(self) -> tuple[str, ...]:
        """The sections' names in the report's order; "" where findings stand in none."""
        return self._read().sections()

    def pinned(self, identity: str) -> Finding | None:
        """The newest finding of this making in the report, or None."""
        found = [each.finding for each in self.all() if each.finding.making.identity == identity]
        return max(found, key=lambda finding: finding.making.created, default=None)

    def tables(self, finding_id: str) -> dict[str, pd.DataFrame]:
        """A finding's data by name; empty where there is none."""
        stored = self._store.get(_key(finding_id))
        return dict(stored.tables) if stored else {}

    def complete(self, placed: Sequence[Placed]) -> tuple[Placed, ...]:
        """These findings with their data: what an export needs."""
        return tuple(replace(each, tables=self.tables(each.finding.id)) for each in placed)

    def title(self) -> str:
        """What the person called the report."""
        return self._read().title

    def rename(self, title: str) -> None:
        """Call the report something else; an empty title is the usual one."""
        self._change(lambda now: now.rename(title))

    def pin(self, finding: Finding, tables: dict[str, pd.DataFrame], *, note: str = "", section: str = "") -> None:
        """Keep a finding at the end of its section; what is pinned already gets new note, section, making."""
        if self._store.document(_key(finding.id)) is not None:
            self._renew(finding)
        self._store.put(_key(finding.id), Stored(msgspec.to_builtins(finding), tables))
        self._held.pop(finding.id, None)
        self._change(lambda now: now.add(finding.id, section, note))

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

    def edit(self, finding_id: str, *, note: str | None = None, section: str | None = None) -> None:
        """Give a finding another note or section; None leaves it as it is."""
        self._change(lambda now: now.edit(finding_id, section, note))

    def move(self, finding_id: str, by: int) -> None:
        """Move a finding one up (-1) or down (1)."""
        self._change(lambda now: now.move(finding_id, by))

    def move_section(self, section: str, by: int) -> None:
        """Move a whole section one up (-1) or down (1)."""
        self._change(lambda now: now.move_section(section, by))

    def rename_section(self, section: str, name: str) -> None:
        """Give a section another name; the name of another one joins the two."""
        self._change(lambda now: now.rename_section(section, name))

    def delete(self, finding_id: str) -> None:
        """Take a finding out of the report; `undo` brings it back."""
        self._change(lambda now: self._forgotten(now).delete(finding_id, time.time()))

    def undo(self) -> None:
        """Put the finding deleted last back where it stood."""
        self._change(lambda now: now.undo())

    def last_deleted(self) -> Finding | None:
        """The finding that `undo` would bring back, or None."""
        deleted = self._read().deleted
        return self._finding(deleted[-1].id) if deleted else None

    def deleted(self) -> tuple[Path, ...]:
        """Where the content of the deleted findings lies that can come back still."""
        return tuple(self._store.folder(_key(place.id)) for place in self._read().deleted)

    def forget_deleted(self) -> None:
        """Remove the content of every deleted finding now: none of them can come back."""
        self._change(lambda now: self._without(now, now.deleted))

    def _forgotten(self, now: Arrangement) -> Arrangement:
        """Without what was deleted long ago, whose content is removed."""
        return self._without(now, [place for place in now.deleted if time.time() - place.deleted > KEPT_SECONDS])

    def _without(self, now: Arrangement, old: Sequence[Place]) -> Arrangement:
        for place in old:
            self._store.delete(_key(place.id))
            (self._again / f"{place.id}.json").unlink(missing_ok=True)
        return replace(now, deleted=tuple(place for place in now.deleted if place not in old))

    def _finding(self, finding_id: str) -> Finding | None:
        if finding_id not in self._held:
            document = self._store.document(_key(finding_id))
            if document is None:
                return None
            self._held[finding_id] = self._pinned_again(finding_id) or msgspec.convert(document, Finding)
        return self._held[finding_id]

    def _pinned_again(self, finding_id: str) -> Finding | None:
        try:
            return msgspec.json.decode((self._again / f"{finding_id}.json").read_bytes(), type=Finding)
        except (OSError, msgspec.MsgspecError):  # never pinned again, or damaged: what was pinned first stands
            return None

    def _read(self) -> Arrangement:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Arrangement)
        except FileNotFoundError:
            return Arrangement()
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"The order of the pinned findings, {self._file}, cannot be read: {error}. Delete that file to start "
                "an empty report."
            ) from error

    def _change(self, change: Callable[[Arrangement], Arrangement]) -> None:
        """Read, change and write the arrangement, alone among processes and threads."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock")):
                before = self._read()
                after = change(before)
                if after != before:
                    with whole_file(self._file) as partial:
                        partial.write_bytes(msgspec.json.encode(after))
        except OSError as error:
            raise StoreError(
                f"The report could not be written under {self._file.parent}: {error.strerror or error}. Free space "
                "there, or set PALIMPSEST_HOME to another folder."
            ) from error


def _key(finding_id: str) -> ResultKey:
    return ResultKey(KIND, VERSION, {"id": finding_id})
