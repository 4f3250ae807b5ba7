"""The pairs and questions used lately: small JSON files, newest first, replaced whole."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from analysis.folders import whole_file

KEEP = 200  # a copied link finds its pair among these


class Recent:
    """Reads and adds entries of one file under the home folder; a damaged file counts as empty."""

    def __init__(self, home: Path, name: str = "recent.json") -> None:
        self._file = home / name
        self._lock = threading.Lock()

    def read(self) -> list[dict[str, Any]]:
        """The entries, newest first, at most 200."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[dict[str, Any]])
        except (OSError, msgspec.MsgspecError):
            return []

    def add(self, pair: dict[str, Any]) -> None:
        """Put an entry at the head."""
        with self._lock:
            pairs = [pair, *(other for other in self.read() if other != pair)][:KEEP]
            with suppress(OSError), whole_file(self._file) as partial:  # a full disk is told where results are stored
                partial.write_bytes(msgspec.json.encode(pairs))

    def remove(self, pair: dict[str, Any]) -> None:
        """Forget an entry."""
        with self._lock:
            pairs = [other for other in self.read() if other != pair]
            with suppress(OSError), whole_file(self._file) as partial:
                partial.write_bytes(msgspec.json.encode(pairs))
