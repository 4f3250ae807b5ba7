"""What is known of files already read: tensor hashes under a file's fingerprint, so that bytes are hashed once."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from analysis.folders import remove_leftovers, whole_file
from cache.keys import digest


class IdentityMemory:
    """A memory of one small JSON file a fingerprint under `home/identity`; damaged files count as unknown.

    Where the disk takes nothing more, it remembers as long as the process lives.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "identity"
        self._unwritten: dict[str, dict[str, Any]] = {}
        self._swept = False

    def get(self, fingerprint: str) -> dict[str, Any] | None:
        """What was remembered of this file, or None."""
        try:
            found = msgspec.json.decode(self._file(fingerprint).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return self._unwritten.get(fingerprint)
        return found if isinstance(found, dict) else None

    def put(self, fingerprint: str, known: dict[str, Any]) -> None:
        """Remember, whole or not at all."""
        if not self._swept:
            remove_leftovers(self._folder)
            self._swept = True
        self._unwritten[fingerprint] = known
        with suppress(OSError):
            with whole_file(self._file(fingerprint)) as partial:
                partial.write_bytes(msgspec.json.encode(known))
            del self._unwritten[fingerprint]

    def _file(self, fingerprint: str) -> Path:
        return self._folder / f"{digest(fingerprint)}.json"
