"""The pairs looked at lately: a small JSON file, newest first, replaced whole."""

import threading
from pathlib import Path

import msgspec

KEEP = 20


class Recent:
    """Reads and adds pairs under the home folder; a damaged file counts as empty."""

    def __init__(self, home: Path) -> None:
        self._file = home / "recent.json"
        self._lock = threading.Lock()

    def read(self) -> list[dict[str, str]]:
        """The pairs, newest first, at most 20."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[dict[str, str]])
        except (OSError, msgspec.MsgspecError):
            return []

    def add(self, pair: dict[str, str]) -> None:
        """Put a pair at the head."""
        with self._lock:
            pairs = [pair, *(other for other in self.read() if other != pair)][:KEEP]
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(pairs))
            partial.replace(self._file)
