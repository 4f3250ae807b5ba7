"""Which cells of a plan one figure is of: of one level, one size or one way of fine-tuning, in words a pin can hold.

A pin stores the words alone; which cells they mean is found by asking every cell for all the words that it falls under.
Knows no store and no figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from analysis.experiments.grid import Cell, variant_label
from analysis.experiments.spread import level_name, size_name


@dataclass(frozen=True)
class Narrowed:
    """The tuned models of one level, size or variant (as its label says it); None: of every one."""

    level: str | None = None
    size: int | None = None
    variant: str | None = None

    @property
    def words(self) -> str:
        """'level 0, 1,920 samples, variant sft'; empty where nothing is narrowed."""
        told = [level_name(self.level)] if self.level is not None else []
        told += [f"{size_name(self.size)} samples"] if self.size is not None else []
        return ", ".join([*told, *([f"variant {self.variant}"] if self.variant is not None else [])])


def under(words: str, cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells that these words are of; without any, all of them. The base is under no words."""
    return tuple(cell for cell in cells if not words or words in _words_of(cell))


def _words_of(cell: Cell) -> set[str]:
    if cell.kind == "base":
        return set()
    sides = ((None, cell.level), (None, cell.size), (None, variant_label(cell.variant)))
    return {Narrowed(*each).words for each in product(*sides)} - {""}
