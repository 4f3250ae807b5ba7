"""Which tokens two models can be compared over: the rows of the vocabulary that both have.

Added tokens or padding make one side's embedding longer. Reads headers, no weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.weights.pair import CheckpointPair


@dataclass(frozen=True)
class Vocabulary:
    """The first `compared` rows, which both models have, and how many further rows either has ({} where none)."""

    compared: int
    left_out: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_pair(cls, pair: CheckpointPair) -> Vocabulary | None:
        """What base and tuned share; None where both have the same rows."""
        embeddings = [
            tensor for tensor in pair.tensors if tensor.place.layer is None and tensor.place.module == "embed"
        ]
        sides = (pair.base, pair.tuned)
        rows = [
            max((entry.shape[0] for entry in side.tensors.values() if entry.stored_name in names), default=0)
            for side, names in zip(sides, _names(embeddings), strict=True)
        ]
        compared = min(rows)
        if not compared or max(rows) == compared:
            return None
        return cls(compared, {"base": rows[0] - compared, "tuned": rows[1] - compared})


def _names(embeddings: list[Any]) -> tuple[set[str], set[str]]:
    return {one.base.stored_name for one in embeddings}, {one.tuned.stored_name for one in embeddings}
