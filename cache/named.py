"""Comparisons a person gave a name: a pair, and the questions put to it. One small JSON file each, replaced whole.

A file's name is a hash of the comparison's name, so that no name reaches outside the folder.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from analysis.errors import StoreError
from analysis.folders import whole_file
from cache.asked import Asking, Comparison
from cache.keys import digest

LONGEST_NAME = 80


@dataclass(frozen=True)
class NamedComparison:
    """A pair and its questions (None: none chosen) under a name; `created` in seconds since the epoch."""

    name: str
    pair: Comparison
    asking: Asking | None
    created: float


class NamedComparisons:
    """The named comparisons of one home folder; a damaged file counts as none."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "comparisons"

    def all(self) -> tuple[NamedComparison, ...]:
        """Every named comparison, by name."""
        found = [named for path in self._folder.glob("*.json") if (named := _read(path)) is not None]
        return tuple(sorted(found, key=lambda each: each.name.casefold()))

    def save(self, name: str, pair: Comparison, asking: Asking | None) -> NamedComparison:
        """Keep this comparison under this name, in place of what it held; StoreError for a name without letters."""
        name = " ".join(name.split())[:LONGEST_NAME]
        if not name:
            raise StoreError("A comparison needs a name.")
        made = NamedComparison(name, pair, asking, time.time())
        try:
            with whole_file(self._file(name)) as partial:
                partial.write_bytes(msgspec.json.encode(made))
        except OSError as error:
            raise StoreError(
                f"The comparison could not be written under {self._folder}: {error.strerror or error}. Free space "
                "there, or set PALIMPSEST_HOME to another folder."
            ) from error
        return made

    def delete(self, name: str) -> None:
        """Forget the name; what was computed for the pair stays."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{digest(name)}.json"


def _read(path: Path) -> NamedComparison | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=NamedComparison)
    except (OSError, msgspec.MsgspecError):
        return None
