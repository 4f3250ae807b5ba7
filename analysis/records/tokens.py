"""Records of texts token by token: what two models predict there, and how far apart that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
