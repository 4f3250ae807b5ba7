"""What one figure hangs on, of all that its page looks at: whose models, which questions, stops and texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from analysis.records import RestoreSpec, Text
from analysis.report.records import Grows
from cache.asked import Asking, Comparison
from cache.models import State


@dataclass(frozen=True)
class Models:
    """Whose a figure is: of a base and what was tuned from it, of a base alone, or (as it stands) of no model.

    `base_content`: the base's content hash, where a stored result knows it whatever lies in the folder now.
    """

    base: str = ""
    tuned: str = ""
    base_content: str = ""

    @property
    def pair(self) -> Comparison | None:
        """Both, where there are two."""
        return Comparison(self.base, self.tuned) if self.base and self.tuned else None


NO_MODEL = Models()


@dataclass(frozen=True)
class Compared:
    """Texts that two states were compared over; `source` says where they came from, in words.

    `generate`: so many tokens were told by both instead.
    """

    texts: tuple[Text, ...]
    source: str
    state: State = "tuned"
    against: str = "base"
    generate: int | None = None


@dataclass(frozen=True)
class About:
    """What one figure hangs on, of all that its page looks at: what is not given does not bear on it.

    `models`: whose it is, where not of the pair that the session looks at. `n`: how many of the questions, where not
    all of them. `drawn`: its stops, where it shows more than `spec`; `grows`: which stops evaluated later belong in it
    too. `further` goes under the figure beside what the page says itself; `so_far` too, and tells how far the measuring
    was: a later pin that differs in nothing else is a newer one of the same figure.
    """

    spec: RestoreSpec | None = None
    asking: Asking | None = None
    n: int | None = None
    drawn: tuple[RestoreSpec, ...] = ()
    grows: Grows | None = None
    compared: Compared | None = None
    command: str | None = None
    further: dict[str, Any] = field(default_factory=dict)
    models: Models | Comparison | None = None
    so_far: dict[str, Any] = field(default_factory=dict)

    def whose(self, active: Comparison | None) -> Models:
        """The models it is of, where the session looks at this pair."""
        chosen = active if self.models is None else self.models
        return Models(chosen.base, chosen.tuned) if isinstance(chosen, Comparison) else chosen or NO_MODEL
