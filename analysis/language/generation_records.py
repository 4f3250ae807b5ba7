"""Two states of a model continuing the same prompt: what each told, token by token, and where they part.

Knows no model. The comparison is made in continuations.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ToldToken:
    """A token of a continuation: the probability (0-1) its own model gave it, and the other model's view of it.

    The other's probability and rank (1 = its first choice) are None behind the place where the two part: from there on
    they answer different texts. `special` is true of the end-of-text token that ends a continuation.
    """

    id: int
    text: str
    probability: float
    special: bool = False
    other_probability: float | None = None
    other_rank: int | None = None


@dataclass(frozen=True)
class AlignedTokens:
    """One column of the alignment: places (from 0) in the base's and the tuned continuation, None where one has a gap.

    Where both have a place and `same` is false, one token stands for the other.
    """

    base: int | None
    tuned: int | None
    same: bool


@dataclass(frozen=True)
class PromptContinuations:
    """One prompt, continued greedily by both states, the end-of-text token included where it was told.

    `parted_at` is the first place (from 0) with different tokens, None where both told the same to the end. At that
    place both still had the same text before them, so each token's other_* fields there say what the other model gave
    to it. `kl_nats` is KL(tuned || base) there.
    """

    id: str
    prompt: str
    base: tuple[ToldToken, ...]
    tuned: tuple[ToldToken, ...]
    base_text: str
    tuned_text: str
    base_stopped: Literal["eos", "length"]
    tuned_stopped: Literal["eos", "length"]
    parted_at: int | None
    kl_nats: float | None
    aligned: tuple[AlignedTokens, ...]


@dataclass(frozen=True)
class GenerationComparison:
    """Every prompt continued by two states: `state` in the fields named tuned, the base in those named base."""

    prompts: tuple[PromptContinuations, ...]
    max_new_tokens: int
    parted: int  # prompts whose continuations differ
    state: Literal["base", "tuned", "restored"]
    seconds: float
    rows_left_out: dict[str, int] = field(default_factory=dict)
