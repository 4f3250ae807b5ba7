"""Slices: questions a person set aside under a name. One small JSON file each under the home folder, replaced whole.

A slice is a set of question ids, so that it means the same on every page, for every pair and at every stop; `words`
tell how it was picked. A file's name is a hash of the slice's name, so that no name reaches outside the folder.
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from analysis.errors import StoreError
from cache.keys import digest

LONGEST_NAME = 80


@dataclass(frozen=True)
class Slice:
    """Question ids under a name; `created` is in seconds since the epoch."""

    name: str
    words: str
    ids: frozenset[str]
    created: float


class Slices:
    """The slices of one home folder; a damaged file counts as none."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "slices"

    def all(self) -> tuple[Slice, ...]:
        """Every slice, by name."""
        found = [slice_ for path in self._folder.glob("*.json") if (slice_ := _read(path)) is not None]
        return tuple(sorted(found, key=lambda each: each.name.casefold()))

    def get(self, name: str) -> Slice | None:
        """The slice of this name, or None."""
        return _read(self._file(name))

    def save(self, name: str, ids: frozenset[str], words: str = "") -> Slice:
        """Keep these ids under this name, in place of what it held; StoreError for a name without letters or no ids."""
        name = " ".join(name.split())[:LONGEST_NAME]
        if not name or not ids:
            raise StoreError("A slice needs a name and at least one question.")
        made = Slice(name, words, ids, time.time())
        try:
            self._write(made)
        except OSError as error:
            raise StoreError(
                f"The slice could not be written under {self._folder}: {error.strerror or error}. Free space there, or "
                "set PALIMPSEST_HOME to another folder."
            ) from error
        return made

    def delete(self, name: str) -> None:
        """Forget a slice; one that is not there is no error."""
        self._file(name).unlink(missing_ok=True)

    def _write(self, made: Slice) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=self._folder, suffix=".partial")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(msgspec.json.encode(made))
                stream.flush()
                os.fsync(stream.fileno())
            Path(partial).replace(self._file(made.name))
        finally:
            Path(partial).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{digest(name)}.json"


def _read(path: Path) -> Slice | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Slice)
    except (OSError, msgspec.MsgspecError):
        return None
