"""What a person asks for: a pair, and the questions put to it. Hashable, so that they can be part of keys and memos."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.records import Domain, Split

ARROW = " → "  # from a base to what was tuned from it, in names


@dataclass(frozen=True)
class Comparison:
    """The pair a person looks at: two local folders or hub ids, as given."""

    base: str
    tuned: str

    @property
    def name(self) -> str:
        """Short, for titles: the last parts of both names."""
        return f"{Path(self.base).name}{ARROW}{Path(self.tuned).name}"


@dataclass(frozen=True)
class Asking:
    """What is asked and how: the questions and the prompt, part of every evaluation's key."""

    questions: str
    prompt: str = "paper"
    split: Split | Literal["all"] = "test"
    domain: Domain | Literal["both"] = "both"
    mastery: str | None = None
    limit: int | None = None
    seed: int = 0
    dtype: str = "auto"
    shots: int = 0  # worked examples before every question, drawn by the seed
