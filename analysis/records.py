"""The vocabulary: what the rooms of Palimpsest hand to each other. Imports nothing of ours but the errors.

Conventions: `base`, `tuned`, `restored` name the three states of a model; a suffix `_percent` is 0-100,
`_fraction` is 0-1, `_nats` is in natural-log units, `_bytes` and `seconds` are what they say. Sequences are
tuples, so that a record can be hashed, compared and shared between threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from analysis.errors import Cancelled, SpecError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Region = Literal["transformer", "embedding", "attention", "mlp", "all"]
Arithmetic = Literal["exact", "paper"]
Scope = Literal["global", "tensor"]
Among = Literal["all", "changed"]
Select = Literal["relative-top", "relative-bottom", "random", "absolute-top", "absolute-bottom", "small-base"]
Blending = Literal["interpolation", "layer-scaled", "drop-rescale", "spectral"]
Strategy = Literal[Select, Blending]
Domain = Literal["in", "out"]
Split = Literal["train", "dev", "test"]
ScoreName = Literal["contains", "contains_word", "contains_first_line", "exact_match"]
Stopped = Literal["eos", "length", "scores"]
Level = Literal["error", "warning", "info"]

REGIONS: tuple[Region, ...] = get_args(Region)
SELECTS: tuple[Select, ...] = get_args(Select)  # choose weights and copy base or tuned bit for bit
BLENDS: tuple[Blending, ...] = get_args(Blending)  # scale the update: new values, rounded to the stored dtype
SEEDED: tuple[Strategy, ...] = ("random", "drop-rescale")  # draw lots: another seed is another restoration
MAY_PICK_UNCHANGED: tuple[Strategy, ...] = ("random", "relative-bottom", "absolute-bottom")
STRATEGIES: tuple[Strategy, ...] = (*SELECTS, *BLENDS)
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
PAPER_PERCENTS: tuple[float, ...] = (1, 3, 5, 10, 20, 40, 60)
MASTERY_LEVELS = (0, 1, 2, 3, 4)
IN_DOMAIN = ("P17", "P19", "P20", "P36", "P69", "P131", "P159", "P276", "P495", "P740")
OUT_OF_DOMAIN = (
    *("P26", "P40", "P50", "P106", "P112", "P127", "P136"),
    *("P170", "P175", "P176", "P264", "P407", "P413", "P800"),
)


# --- checking a pair -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One thing `check` noticed, with the tensors (or files) it is about."""

    level: Level
    code: str
    message: str
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckReport:
    """What the headers of a pair say, before any weight is read."""

    comparable: bool
    findings: tuple[Finding, ...]
    parameters: int
    region_parameters: dict[Region, int]
    dtype: dict[str, str]  # {"base": "bfloat16", "tuned": "bfloat16"}
    seconds: float


# --- restoring -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RestoreSpec:
    """Which parameters go back to their base values: the recipe of one slider position.

    `percent` in [0, 100] is the share of the region's parameters. `layers` (numbers) and `modules` (kinds: q, k, v, o,
    gate, up, down, ...) narrow the region, None means all; both are kept sorted. `seed` orders ties and draws lots.
    `among`: with "changed" only weights with s != p are candidates, and the count is min(floor(n * k / 100), changed):
    a control that really changes as much as relative-top does.

    Strategies of BLENDS rank nothing: for them percent is the share of the update taken back, and scope, arithmetic and
    among mean nothing.
    """

    percent: float
    strategy: Strategy = "relative-top"
    region: Region = "transformer"
    scope: Scope = "global"
    layers: tuple[int, ...] | None = None
    arithmetic: Arithmetic = "exact"
    seed: int = 0
    modules: tuple[str, ...] | None = None
    among: Among = "all"

    def __post_init__(self) -> None:
        for name in ("layers", "modules"):  # the same set is the same spec, whatever its order or how it was stored
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(sorted(set(value))) if value is not None else None)
        problems = []
        if not (isinstance(self.percent, int | float) and 0 <= self.percent <= 100):
            problems.append(f"percent is {self.percent!r}: give a number from 0 to 100")
        for name, allowed in (
            ("strategy", STRATEGIES),
            ("region", REGIONS),
            ("scope", get_args(Scope)),
            ("arithmetic", get_args(Arithmetic)),
            ("among", get_args(Among)),
        ):
            if getattr(self, name) not in allowed:
                problems.append(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        if problems:
            raise SpecError("This restoration cannot be done as asked.", items=problems)

    def canonical(self) -> RestoreSpec:
        """The same restoration, every setting that means nothing to its strategy at its default.

        Blends rank nothing, and only lots need their seed; among the changed weights matters to no strategy that puts
        these first anyway.
        """
        changes: dict[str, Any] = {} if self.strategy in MAY_PICK_UNCHANGED else {"among": "all"}
        if self.strategy in BLENDS:
            changes |= {"scope": "global", "arithmetic": "exact"} | ({} if self.strategy in SEEDED else {"seed": 0})
        return replace(self, **changes)

    def identity(self) -> dict[str, Any]:
        """What tells this spec from others, for hashes and keys; later fields are left out at their default."""
        fields = asdict(self) | {"percent": float(self.percent)}
        return {name: value for name, value in fields.items() if (name, value) not in _LATER_DEFAULTS}


_LATER_DEFAULTS = (("modules", None), ("among", "all"))


@dataclass(frozen=True)
class Realised:
    """What a restoration's values came to be once stored in the tuned dtype.

    The first four count the weights that fine-tuning changed (s != p): stored as the base's value, as the tuned one,
    strictly between, or beyond one of them. `moved`: of ALL chosen weights, those stored other than tuned.
    """

    to_base: int
    to_tuned: int
    between: int
    beyond: int
    moved: int
    moved_squares: float  # sum of (out - s)^2
    update_squares: float  # sum of (s - p)^2, both as stored in the tuned dtype

    @property
    def rounded_fraction(self) -> float:
        """Share of the changed weights whose blend is stored as the base's or the tuned value, 0-1; NaN without any."""
        changed = self.to_base + self.to_tuned + self.between + self.beyond
        return (self.to_base + self.to_tuned) / changed if changed else math.nan

    @property
    def l2_percent(self) -> float:
        """100 sum (out - s)^2 / sum (s - p)^2: how far from tuned, of the way to the base. Over 100 where rescaled."""
        return 100.0 * self.moved_squares / self.update_squares if self.update_squares else 0.0


@dataclass(frozen=True)
class RestoreCount:
    """How many parameters a spec restores and where they lie; what the slider shows before any evaluation.

    `threshold` is the smallest key value restored (relative change r for relative-top), None where the strategy
    has none. `ties_restored` of `ties` parameters exactly at the threshold are restored. `effective_percent` is
    the share of the region whose value really changes by this restoration (restored and s != p).

    For a blend `count` is how many changed weights its formula moves off the tuned value, `effective_count` how many
    stored values really differ from it, and `realised` says where rounding put them.
    """

    spec: RestoreSpec
    region_parameters: int
    count: int
    threshold: float | None
    ties: int
    ties_restored: int
    effective_count: int
    changed_count: int  # of the region: parameters with s != p, the most any restoration can change
    by_layer: dict[int, int]
    by_module: dict[str, int]
    realised: Realised | None = None  # of blends always; of choices of weights where they were looked at

    @property
    def changed_percent(self) -> float:
        """Share of the region's parameters that fine-tuning changed at all, 0-100: the cliff."""
        return 100.0 * self.changed_count / self.region_parameters if self.region_parameters else 0.0

    @property
    def effective_l2_percent(self) -> float | None:
        """How far the values move from tuned, as a share of the squared distance to the base; None where not looked."""
        return self.realised.l2_percent if self.realised else None

    @property
    def effective_percent(self) -> float:
        """Share of the region's parameters that this restoration really changes, 0-100."""
        return 100.0 * self.effective_count / self.region_parameters if self.region_parameters else 0.0


# --- questions and answers -------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class Stop:
    """A slider position with its result; `three_way` where the base was asked the same.

    `macro_change`: restored minus tuned, of the five-level mean (contains), by domain and over "all"; a paired
    bootstrap. Empty without levels.
    """

    spec: RestoreSpec
    count: RestoreCount
    evaluation: Evaluation
    versus_tuned: Flips
    three_way: ThreeWay | None = None
    macro_change: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The stop chosen on one part of the questions and reported on another (contains, shares 0-1).

    `chosen_on` says which part chose: the dataset's dev split ("dev", and the report is over all that was asked), or
    the half of the questions that a hash of their ids picks ("half"; the report is over the other half).
    `choose_accuracy` is the best stop's where it was chosen: the best of several looks better than it is, and
    `optimism` is choose_accuracy - report_accuracy. `report95` is Wilson's.
    """

    choose_n: int
    choose_best_percent: float
    report_n: int
    report_accuracy: float
    optimism: float
    chosen_on: Literal["dev", "half"] = "half"
    choose_accuracy: float | None = None
    report95: tuple[float, float] | None = None


@dataclass(frozen=True)
class SweepReport:
    """Every stop of a sweep beside base and tuned asked the same."""

    stops: tuple[Stop, ...]
    base: Evaluation
    tuned: Evaluation
    choice: Choice | None


# --- tokens ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A text to look at token by token: plain `text`, or a `prompt` and the `answer` that follows it."""

    id: str
    text: str | None = None
    prompt: str | None = None
    answer: str | None = None


@dataclass(frozen=True)
class Alternative:
    """One of a model's likeliest next tokens, and what the other model makes of it.

    `other_probability` (0-1) and `other_rank` (1 = its first choice) are the other model's, None where not asked.
    """

    id: int
    text: str
    probability: float
    other_probability: float | None = None
    other_rank: int | None = None


@dataclass(frozen=True)
class TokenDivergence:
    """Disagreement of the two models when PREDICTING this token (None at position 0, which nothing predicts).

    kl_full_nats = KL(tuned || base) over the whole vocabulary, >= 0. kl_top_nats is the paper's: the tuned model's
    `top` largest logits and the base's logits of the same tokens, each softmaxed on its own, >= 0. kl_reverse_nats =
    KL(base || tuned), >= 0; js_nats the Jensen-Shannon divergence, 0 to ln 2; entropies >= 0, all over the whole
    vocabulary. Log-probabilities (<= 0) and ranks (1 = first choice: one more than the tokens that are likelier) are
    the actual token's. With direction "base-tuned" the KLs exchange their sides; changes are always tuned - base.
    What was not asked for is None (the alternatives: empty).
    """

    text: str
    id: int
    position: int
    special: bool
    kl_full_nats: float | None
    kl_top_nats: float | None
    base_logprob_nats: float | None = None  # of the actual token
    tuned_logprob_nats: float | None = None
    base_top: tuple[Alternative, ...] = ()
    tuned_top: tuple[Alternative, ...] = ()
    part: Literal["prompt", "answer"] = "prompt"
    template: bool = False  # inside a format marker such as <|answer|>, where that is no special token of its own
    kl_reverse_nats: float | None = None
    js_nats: float | None = None
    base_entropy_nats: float | None = None
    tuned_entropy_nats: float | None = None
    base_rank: int | None = None
    tuned_rank: int | None = None

    @property
    def counted(self) -> bool:
        """Whether this token is part of means, scales and rankings."""
        return self.position > 0 and not self.special and not self.template

    @property
    def flipped(self) -> bool | None:
        """Whether the two models' first choices differ here; None where nothing predicts."""
        return self.base_top[0].id != self.tuned_top[0].id if self.base_top and self.tuned_top else None

    @property
    def entropy_change_nats(self) -> float | None:
        """Entropy of the tuned model's prediction minus the base's: < 0 where tuned is surer."""
        return _difference(self.tuned_entropy_nats, self.base_entropy_nats)

    @property
    def log_prob_change_nats(self) -> float | None:
        """The actual token's log-probability, tuned minus base: < 0 where tuned expects it less."""
        return _difference(self.tuned_logprob_nats, self.base_logprob_nats)


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


@dataclass(frozen=True)
class PromptDivergence:
    """One text, token by token."""

    id: str
    tokens: tuple[TokenDivergence, ...]


@dataclass(frozen=True)
class DivergenceReport:
    """Per-token divergence over texts of two states: `state` in the fields named tuned_*, `against` in base_*.

    The means (None when nothing is left to average, or where it was not asked for) leave out special and template
    tokens and position 0, and the report counts what they left out; flipped_fraction is the share (0-1) of the counted
    tokens whose first choice differs. Probabilities run over the `vocabulary` rows that both models have;
    `rows_left_out` says how many further rows either model has ({"base": 0, "tuned": 64}, empty where none).
    """

    prompts: tuple[PromptDivergence, ...]
    top: int
    direction: Literal["tuned-base", "base-tuned"]
    mean_kl_full_nats: float | None
    mean_kl_top_nats: float | None
    tokens_counted: int
    special_hidden: int
    seconds: float
    template_hidden: int = 0
    mean_kl_reverse_nats: float | None = None
    mean_js_nats: float | None = None
    mean_entropy_change_nats: float | None = None
    mean_log_prob_change_nats: float | None = None
    flipped_fraction: float | None = None
    state: Literal["base", "tuned", "restored"] = "tuned"
    against: Literal["base", "tuned", "restored"] = "base"
    vocabulary: int | None = None
    rows_left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ThreeStates:
    """The same texts three times: how far restored is from base, how far from tuned, and how far tuned is from base.

    KL(restored || base), KL(restored || tuned) and KL(tuned || base) with the usual direction.
    """

    restored_base: DivergenceReport
    restored_tuned: DivergenceReport
    tuned_base: DivergenceReport


# --- the two protocols: whatever remembers, whatever takes long -------------------------------------------------


@dataclass(frozen=True)
class ResultKey:
    """What identifies a result: a kind, the version of the algorithm behind it, and everything that changes it."""

    kind: str
    version: int
    parts: Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """A result as it lies in the store: one JSON document, named tables (parquet), named arrays (safetensors)."""

    document: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


class ResultStore(Protocol):
    """Results by key; a `put` is seen whole or not at all, by this process and by others."""

    def get(self, key: ResultKey) -> Stored | None: ...
    def put(self, key: ResultKey, result: Stored) -> None: ...
    def lock(self, key: ResultKey) -> AbstractContextManager[None]: ...


class Progress(Protocol):
    """Where long work says how far it is, and learns that nobody wants it any more."""

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None: ...
    def cancelled(self) -> bool: ...


class Silent:
    """A Progress that nobody watches."""

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Say nothing."""

    def cancelled(self) -> bool:
        """Nobody cancels."""
        return False


def check_cancelled(progress: Progress) -> None:
    """Raise `Cancelled` when the work is no longer wanted; called between batches, chunks and tensors."""
    if progress.cancelled():
        raise Cancelled("Cancelled.")


Work = Callable[[Progress], Any]
