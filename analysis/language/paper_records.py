"""What the paper's measurement at the first answer token found: one record a fact, a relation, and the whole.

Knows no model. The measurement is described in paper.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PaperRow:
    """One fact at its first answer token: the tuned model after the question, the base after the statement.

    `begins` is how many tokens the base's completion told before the answer began (0 = at once). kl_nats is the
    paper's (tuned's `top` largest logits, renormalised), kl_full_nats KL(tuned || base) over the whole vocabulary.
    The choices are each model's likeliest token there, with its own probability (0-1).
    """

    id: str
    relation: str
    statement: str
    completion: str  # of the base, up to where the answer ends
    begins: int
    kl_nats: float
    kl_full_nats: float
    base_choice: str
    base_probability: float
    tuned_choice: str
    tuned_probability: float
    tuned_probability_of_base_choice: float


@dataclass(frozen=True)
class RelationDivergence:
    """One relation: its statement (the best of the base's, by `rate` 0-1 in the mastery table), n facts, mean KL."""

    relation: str
    statement: str
    rate: float
    n: int
    mean_kl_nats: float | None  # None where n is 0


@dataclass(frozen=True)
class PaperDivergence:
    """The paper's KL at the first answer token over level-4 facts (nats), with what was left out and why.

    `asked` level-4 facts = n + sum of `dropped` (reason -> facts, in words). `low` and `high`: 95% interval of the mean
    over facts (bootstrap); None where n < 2. Probabilities run over the rows both models have (`rows_left_out`).
    """

    n: int
    asked: int
    dropped: dict[str, int]
    mean_kl_nats: float | None
    low: float | None
    high: float | None
    mean_kl_full_nats: float | None
    by_relation: tuple[RelationDivergence, ...]
    rows: tuple[PaperRow, ...]
    top: int
    near: int  # the answer began within so many tokens of the base's completion
    prompt: str
    state: Literal["base", "tuned", "restored"]
    dtype: str
    seconds: float
    rows_left_out: dict[str, int] = field(default_factory=dict)
