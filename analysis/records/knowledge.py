"""Records of questions and answers: what is asked, what a model said, and the numbers over it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Domain = Literal["in", "out"]
Split = Literal["train", "dev", "test"]
ScoreName = Literal["contains", "contains_word", "contains_first_line", "exact_match"]
Stopped = Literal["eos", "length", "scores"]

SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
MASTERY_LEVELS = (0, 1, 2, 3, 4)
IN_DOMAIN = ("P17", "P19", "P20", "P36", "P69", "P131", "P159", "P276", "P495", "P740")
OUT_OF_DOMAIN = (
    *("P26", "P40", "P50", "P106", "P112", "P127", "P136"),
    *("P170", "P175", "P176", "P264", "P407", "P413", "P800"),
)


@dataclass(frozen=True)
class Question:
    """One closed-book question; `answers` are the gold answer and its aliases, never empty."""

    id: str
    question: str
    answers: tuple[str, ...]
    relation: str | None = None
    subject: str | None = None
    level: int | None = None  # mastery of the fact by the base, 0-4
    domain: Domain | None = None


@dataclass(frozen=True)
class Answered:
    """What a model answered: greedy token ids without EOS, their text, why it stopped, and the four scores.

    `margin` is the smallest gap between the two best logits on the way (>= 0), None where it was not kept.
    """

    id: str
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    output: str
    stopped: Stopped
    correct: dict[ScoreName, bool]
    margin: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Tally:
    """`correct` of `n`; an accuracy that knows its sample size. n = 0 is unscored (NaN), never 0."""

    n: int
    correct: int

    @property
    def accuracy(self) -> float:
        """Share correct, 0-1; NaN when nothing was scored."""
        return self.correct / self.n if self.n else math.nan


@dataclass(frozen=True)
class DomainAccuracy:
    """Accuracy over the questions of one domain.

    `macro` is the paper's headline: the plain mean of the accuracies of the levels present (None without levels),
    `macro95` its 95% interval (analysis.knowledge.statistics.stratified_mean). `relations` is empty where no question
    has one.
    """

    n: int
    accuracy: dict[ScoreName, float]
    levels: dict[int, Tally]  # of the primary score, contains
    macro: float | None
    macro95: tuple[float, float] | None
    relations: dict[str, Tally] = field(default_factory=dict)  # of contains


@dataclass(frozen=True)
class Evaluation:
    """One model state asked one question set in one prompt: every answer, and the numbers over them.

    `whole` is over all questions, whatever their domain. `doubtful` counts right answers (contains) by what speaks
    against their credit (analysis.knowledge.scoring.Credit), and under "any" those with at least one such flag.
    """

    n: int
    prompt: str  # the prompt's name or template, as given
    dtype: str
    rows: tuple[Answered, ...]
    correct: dict[ScoreName, int]
    accuracy: dict[ScoreName, float]
    wilson95: dict[ScoreName, tuple[float, float]]
    by_domain: dict[Domain, DomainAccuracy]
    seconds: float
    engine: dict[str, Any] = field(default_factory=dict)
    whole: DomainAccuracy | None = None
    doubtful: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PartialEvaluation:
    """What is known of the whole while an evaluation runs, from the rows done (analysis.knowledge.order says which)."""

    done: int
    total: int
    accuracy: float  # contains, 0-1, an estimate for all rows
    interval95: tuple[float, float]  # valid at any time (without-replacement confidence sequence)


@dataclass(frozen=True)
class Flips:
    """Questions whose answer changed side between two evaluations of the same questions (score: contains)."""

    fixed: int  # wrong before, right after
    broken: int  # right before, wrong after
    still_right: int
    still_wrong: int
    mcnemar_p: float  # exact two-sided


@dataclass(frozen=True)
class ThreeWay:
    """What a restoration did, question by question (contains), each count out of the one named beside it.

    `healed` of `damaged`: base right, tuned wrong, restored right. `kept` of `won`: base wrong, tuned right, restored
    right. `newly_broken` of `tuned_right`: tuned right, restored wrong; of these the base was right in
    `newly_broken_base_right` and wrong in `newly_broken_base_wrong`. `gained`: right in the restored model alone.
    "Base" is the base in the same prompt.
    """

    n: int
    healed: int
    damaged: int
    kept: int
    won: int
    newly_broken: int
    newly_broken_base_right: int
    newly_broken_base_wrong: int
    tuned_right: int
    gained: int


@dataclass(frozen=True)
class Change:
    """A difference of shares, after minus before (-1 to 1), with its 95% interval."""

    estimate: float
    interval95: tuple[float, float]
