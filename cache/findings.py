"""Pinned findings: the order, sections and notes a person gave them, and the way back for what was deleted.

A finding's content never changes (cache.pinned). What a person changes is one small file, replaced whole under a lock.
A deleted finding can come back; its content is removed a week later, with the texts that only its command named.
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
from analysis.report.records import Finding, Making, Placed
from cache.arrangement import Arrangement, Place
from cache.pinned import Pinned

KEPT_SECONDS = 7 * 24 * 3600.0  # a deleted finding can come back


class Findings:
    """The findings of one home folder."""

    def __init__(self, home: Path) -> None:
        self._content = Pinned(home / "findings")
        self._file = home / "findings" / "arrangement.json"
        self._dismissed = home / "findings" / "undo-dismissed.json"

    def all(self) -> tuple[Placed, ...]:
        """Every finding in the report's order, without its data; one that cannot be read says why."""
        return tuple(self._placed(place) for place in self._read().placed)

    def sections(self) -> tuple[str, ...]:
        """The sections' names in the report's order; "" where findings stand in none."""
        return self._read().sections()

    def tables(self, finding_id: str) -> dict[str, pd.DataFrame]:
        """A finding's data by name, empty where there is none; StoreError where they are damaged."""
        return self._content.tables(finding_id)

    def complete(self, placed: Sequence[Placed]) -> tuple[Placed, ...]:
        """These findings with their data: what an export needs. One whose data are damaged counts as unreadable."""
        return tuple(self._complete(each) for each in placed)

    def _complete(self, placed: Placed) -> Placed:
        if placed.unreadable:
            return placed
        try:
            return replace(placed, tables=self.tables(placed.finding.id))
        except StoreError as error:
            return replace(placed, unreadable=error.message)

    def title(self) -> str:
        """What the person called the report."""
        return self._read().title

    def rename(self, title: str) -> None:
        """Call the report something else; an empty title is the usual one."""
        self._change(lambda now: now.rename(title))

    def pin(
        self,
        finding: Finding,
        tables: dict[str, pd.DataFrame],
        *,
        note: str = "",
        section: str = "",
        replaces: str = "",
    ) -> None:
        """Keep a finding at the end of its section; what is pinned already gets new note, section, making.

        `replaces`: the id of an earlier one, whose place it takes; `undo` brings that back.
        """
        self._content.keep(finding, tables)
        self._change(lambda now: now.add(finding.id, section, note).supersede(replaces, finding.id, time.time()))

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
        self._change(lambda now: now.delete(finding_id, time.time()))

    def undo(self) -> None:
        """Put the finding deleted last back where it stood."""
        self._change(lambda now: now.undo())

    def last_deleted(self) -> Finding | None:
        """The finding that `undo` would bring back, or None; what was dismissed since is no longer offered."""
        since = self._dismissed_at()
        deleted = [place for place in self._read().deleted if not _long_ago(place) and place.deleted > since]
        return self._placed(deleted[-1]).finding if deleted else None

    def dismiss(self) -> None:
        """Offer nothing that was deleted until now; its content is removed in its time."""
        self._alone(self._write_dismissed)

    def _write_dismissed(self) -> None:
        with whole_file(self._dismissed) as partial:
            partial.write_bytes(msgspec.json.encode(time.time()))

    def _dismissed_at(self) -> float:
        try:
            return msgspec.json.decode(self._dismissed.read_bytes(), type=float)
        except (OSError, msgspec.MsgspecError):  # nothing was dismissed: at worst a deletion is offered once more
            return 0.0

    def deleted(self) -> tuple[Path, ...]:
        """Where the content of the deleted findings lies that can come back still."""
        return tuple(self._content.folder(place.id) for place in self._read().deleted)

    def forget_deleted(self) -> None:
        """Remove the content of every deleted finding now: none of them can come back."""
        self._change(lambda now: self._without(now, now.deleted))

    def _forgotten(self, now: Arrangement) -> Arrangement:
        """Without what was deleted long ago, whose content is removed."""
        return self._without(now, [place for place in now.deleted if _long_ago(place)])

    def _without(self, now: Arrangement, old: Sequence[Place]) -> Arrangement:
        for place in old:
            self._content.remove(place.id)
        return replace(now, deleted=tuple(place for place in now.deleted if place not in old))

    def _placed(self, place: Place) -> Placed:
        try:
            return Placed(self._content.read(place.id), place.section, place.note)
        except StoreError as error:
            return Placed(_stand_in(place.id), place.section, place.note, unreadable=error.message)

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
        """Read, change and write the arrangement, without what was deleted long ago."""

        def write() -> None:
            before = self._read()
            after = change(self._forgotten(before))
            if after != before:
                with whole_file(self._file) as partial:
                    partial.write_bytes(msgspec.json.encode(after))
            named = [place.id for place in (*after.placed, *after.deleted)]
            self._content.sweep_texts(named, KEPT_SECONDS)  # younger ones may be of a pin that is being made

        self._alone(write)

    def _alone(self, write: Callable[[], None]) -> None:
        """Write alone among processes and threads."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock")):
                write()
        except OSError as error:
            raise StoreError(
                f"The report could not be written under {self._file.parent}: {error.strerror or error}. Free space "
                "there, or set PALIMPSEST_HOME to another folder."
            ) from error


def _long_ago(place: Place) -> bool:
    return time.time() - place.deleted > KEPT_SECONDS


def _stand_in(finding_id: str) -> Finding:
    """What stands in the place of a finding that cannot be read."""
    title = "A pin that cannot be read"
    return Finding(finding_id, "table", title, title, Making(page="", figure="", identity=finding_id, created=0.0))
