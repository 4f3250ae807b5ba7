"""Texts of a person's own, kept so that a link can name them: small JSON files under the home folder, replaced whole.

A file's name is a hash of what was typed, pasted or uploaded, so the same texts are kept once and a link can neither
reach outside the folder nor show other texts than those it was copied from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from analysis.errors import StoreError
from analysis.folders import whole_file
from cache.keys import digest

Kind = Literal["own", "paste", "file"]


@dataclass(frozen=True)
class KeptTexts:
    """What was given: a prompt and its answer ("own"), pasted lines, or an uploaded file's content under its name."""

    kind: Kind
    content: str
    answer: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """32 hexadecimal digits that stand for all of it."""
        return digest(self)


class TextShelf:
    """The kept texts of one home folder; a damaged file counts as none."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "texts"

    def get(self, text_id: str) -> KeptTexts | None:
        """The texts of this id, or None."""
        if not text_id.isalnum():
            return None
        try:
            found = msgspec.json.decode(self._file(text_id).read_bytes(), type=KeptTexts)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if found.id == text_id else None

    def keep(self, texts: KeptTexts) -> str:
        """Keep these texts and return their id; StoreError where the disk refuses."""
        if self.get(texts.id) != texts:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with whole_file(self._file(texts.id)) as partial:
                    partial.write_bytes(msgspec.json.encode(texts))
            except OSError as error:
                raise StoreError(
                    f"The texts could not be written under {self._folder}: {error.strerror or error}. Free space "
                    "there, or set PALIMPSEST_HOME to another folder."
                ) from error
        return texts.id

    def _file(self, text_id: str) -> Path:
        return self._folder / f"{text_id}.json"
