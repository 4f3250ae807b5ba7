"""What was typed into a form, found again by its digest: an address holds that, and never a path."""

from collections.abc import Sequence
from pathlib import Path

from cache.keys import digest
from cache.recent import Recent

NAME_LETTERS = 16  # of a digest that stands in an address


class Typed:
    """The texts typed lately into one home's forms, each set of them under a name that its digest gives."""

    def __init__(self, home: Path) -> None:
        self._kept = Recent(home, "typed.json")

    def keep(self, texts: Sequence[str]) -> str:
        """Keep these texts, in their order; returns the name they are found by."""
        if self.find(name := _name(texts)) is None:
            self._kept.add({"texts": list(texts)})
        return name

    def find(self, name: str) -> tuple[str, ...] | None:
        """The texts of this name, or None where none were kept here."""
        every = (tuple(entry.get("texts", ())) for entry in self._kept.read())
        return next((texts for texts in every if _name(texts) == name), None)


def _name(texts: Sequence[str]) -> str:
    return digest(list(texts))[:NAME_LETTERS]
