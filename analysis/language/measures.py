"""How far two next-token distributions are apart, position by position: the formulas, each once.

KL(p || q) = sum p log(p / q) in nats (Kullback and Leibler 1951); the top-k form is the paper's (Ye et al., EMNLP
2025): the first model's k largest logits, the second's logits of the same tokens, each set softmaxed on its own.

A vocabulary is summed in float32 where that is within 1e-6 nats of float64 (see FLOAT32_LIMIT) and in float64
elsewhere, since float32 log-probabilities of logits near 1e4 are off by 1e-3. Does not know texts or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ALTERNATIVES = 5  # of each model, kept for every position
# float32 rounds by 6e-8. With x the mean |log ratio| under p, rounding it, weighting it and summing it costs at most
# about three roundings of x, and the two normalisers six more: at x = 2 nats together 7e-7.
FLOAT32_LIMIT = 2.0


@dataclass(frozen=True)
class Disagreement:
    """Two models at n positions; every field has n as its first axis.

    KLs in nats, >= 0, float64; log-probabilities of the actual token in nats, <= 0; each model's likeliest tokens
    (n, m): ids, and probabilities 0-1 in falling order.
    """

    kl_full: Tensor
    kl_top: Tensor
    base_logprob: Tensor
    base_top_ids: Tensor
    base_top_probabilities: Tensor
    tuned_logprob: Tensor
    tuned_top_ids: Tensor
    tuned_top_probabilities: Tensor

    def rows(self, which: slice) -> Disagreement:
        """Some of the positions."""
        return Disagreement(*(column[which] for column in self._columns()))

    @classmethod
    def joined(cls, parts: Sequence[Disagreement]) -> Disagreement:
        """The positions of all parts in order, on the CPU."""
        import torch

        columns = zip(*(part._columns() for part in parts), strict=True)
        return cls(*(torch.cat([piece.cpu() for piece in column]) for column in columns))

    def _columns(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, one.name) for one in fields(self))


def compare_logits(base: Tensor, tuned: Tensor, actual: Tensor, *, top: int, direction: str) -> Disagreement:
    """Both KLs and both models' views of the actual tokens.

    `base` and `tuned` are logits of shape (n, vocabulary), `actual` the n token ids that really came. Direction
    "tuned-base" gives KL(tuned || base) and ranks by the tuned model's logits; "base-tuned" exchanges the two.
    """
    sides = {"base": Softmax.of(base, top), "tuned": Softmax.of(tuned, top)}
    first, second = (sides[name] for name in direction.split("-"))
    return Disagreement(
        kl_full=kl_nats(first, second),
        kl_top=top_kl_nats(first, second, top),
        **sides["base"].view("base", actual),
        **sides["tuned"].view("tuned", actual),
    )


@dataclass(frozen=True)
class Softmax:
    """Logits (n, vocabulary) with what normalises them: p = weights / total, log p = logits - peak - log total."""

    logits: Tensor
    peak: Tensor  # (n, 1)
    weights: Tensor  # exp(logits - peak)
    total: Tensor  # (n, 1), float64
    ranked: Tensor  # (n, m): ids of the largest logits, falling; at least ALTERNATIVES where there are as many

    @classmethod
    def of(cls, logits: Tensor, top: int) -> Softmax:
        """Half precision is widened first; the values themselves stay as the model gave them."""
        import torch

        logits = logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
        peak = logits.amax(-1, keepdim=True)
        weights = (logits - peak).exp_()
        ranked = logits.topk(min(max(top, ALTERNATIVES), logits.shape[-1]), dim=-1).indices
        return cls(logits, peak, weights, _double(weights.sum(-1, keepdim=True)), ranked)

    def log_of(self, ids: Tensor) -> Tensor:
        """Log-probabilities, float64, of some tokens (n, m) of each row."""
        chosen = _double(self.logits.gather(-1, ids)) - _double(self.peak)
        return chosen - self.total.log()

    def view(self, name: str, actual: Tensor) -> dict[str, Tensor]:
        """The fields of a Disagreement that this model alone gives, under its name."""
        ids = self.ranked[:, :ALTERNATIVES]
        return {
            f"{name}_logprob": self.log_of(actual[:, None])[:, 0],
            f"{name}_top_ids": ids,
            f"{name}_top_probabilities": self.log_of(ids).exp(),
        }


def kl_nats(first: Softmax, second: Softmax) -> Tensor:
    """KL(first || second) over the whole vocabulary, in nats, >= 0, float64 (n,); exactly 0 for equal logits."""
    import torch

    terms = first.weights * (first.logits - second.logits)
    shift = _double(first.peak - second.peak) + first.total.log() - second.total.log()
    kl = _double(terms.sum(-1)) / first.total[:, 0] - shift[:, 0]
    size = torch.linalg.vector_norm(terms, 1, dim=-1) / first.total[:, 0].to(terms.dtype)
    rounded = ~(size <= FLOAT32_LIMIT)  # also where it is no number: minus infinity among the logits
    if bool(rounded.any()):
        exact = (_double(side.logits[rounded]).log_softmax(-1) for side in (first, second))
        kl[rounded] = exact_kl_nats(*exact).to(kl.device)
    return kl.clamp_min(0.0)


def exact_kl_nats(first_log: Tensor, second_log: Tensor) -> Tensor:
    """KL(first || second) over the last axis, in nats, >= 0, from log-probabilities, in their own precision."""
    first = first_log.exp()
    # a token the first model rules out adds nothing, even where both logs are minus infinity
    terms = (first * (first_log - second_log)).masked_fill_(first == 0, 0.0)
    return terms.sum(-1).clamp_min(0.0)


def top_kl_nats(first: Softmax, second: Softmax, top: int) -> Tensor:
    """The paper's KL: over the `top` tokens with the largest `first` logits, each side renormalised over them."""
    ids = first.ranked[:, :top]
    kept = (_double(side.logits.gather(-1, ids)).log_softmax(-1) for side in (first, second))
    return exact_kl_nats(*kept)


def _double(values: Tensor) -> Tensor:
    return (values.cpu() if values.device.type == "mps" else values).double()  # Apple's accelerator has no float64
