"""One forward pass: the likeliest next token wherever it is asked for, how clear it was, and the grown cache.

The vocabulary projection is computed at those places only, where the architecture lets it. Does not know what the
tokens are for.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from analysis.language.load import LanguageModel


@dataclass(frozen=True)
class Predicted:
    """What a pass told at each kept place, row by row: token id, and margin (best logit minus the second, >= 0)."""

    tokens: list[int]
    margins: list[float]
    cache: Any


def predict(lm: LanguageModel, kept: torch.Tensor, *, cached: bool = True, **inputs: Any) -> Predicted:
    """Run the model; `kept` (bool [rows, places]) says where a next token is wanted, the first of equals being taken.

    `inputs` are the model's own; without `cached` nothing is kept for a next pass.
    """
    if takes(lm, "logits_to_keep"):
        out = lm.model(**inputs, use_cache=cached, logits_to_keep=kept)
        logits = out.logits.flatten(0, -2)
    else:
        out = lm.model(**inputs, use_cache=cached)
        logits = out.logits[kept]
    best, tokens = logits.max(-1, keepdim=True)
    second = logits.scatter_(-1, tokens, float("-inf")).amax(-1, keepdim=True)
    return Predicted(tokens.flatten().tolist(), (best - second).flatten().tolist(), out.past_key_values)


def takes(lm: LanguageModel, argument: str) -> bool:
    """Whether this architecture's pass has an argument of this name."""
    kind: Any = type(lm.model)
    return argument in _parameters(kind)


@lru_cache(maxsize=16)
def _parameters(model: Hashable) -> frozenset[str]:
    """Names of what a model class takes in one pass."""
    return frozenset(inspect.signature(model.forward).parameters)  # type: ignore[attr-defined]
