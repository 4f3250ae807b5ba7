"""What is known of files already read: tensor hashes under a file's fingerprint, so that bytes are hashed once."""

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from cache.keys import digest


class IdentityMemory:
    """A memory of one small JSON file a fingerprint under `home/identity`; damaged files count as unknown."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "identity"

    def get(self, fingerprint: str) -> dict[str, Any] | None:
        """What was remembered of this file, or None."""
        try:
            found = msgspec.json.decode(self._file(fingerprint).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return None
        return found if isinstance(found, dict) else None

    def put(self, fingerprint: str, known: dict[str, Any]) -> None:
        """Remember, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=self._folder, suffix=".partial")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(known))
        Path(partial).replace(self._file(fingerprint))

    def _file(self, fingerprint: str) -> Path:
        return self._folder / f"{digest(fingerprint)}.json"
