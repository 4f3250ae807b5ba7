"""How far two next-token distributions are apart, position by position: the formulas, each once.

Everything is computed in float64 from the logits as the models gave them: KL is a small difference of large numbers,
and float32 log-probabilities of logits near 1e4 are off by 1e-3. Sources: KL(p || q) = sum p log(p / q) in nats
(Kullback and Leibler 1951); the top-k form is the paper's (Ye et al., EMNLP 2025): the first model's k largest
logits, the second's logits of the same tokens, each set softmaxed on its own. Does not know texts or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ALTERNATIVES = 5  # of each model, kept for every position


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
    base, tuned = _double(base), _double(tuned)
    base_log, tuned_log = base.log_softmax(-1), tuned.log_softmax(-1)
    forward = direction == "tuned-base"
    return Disagreement(
        kl_full=kl_nats(tuned_log, base_log) if forward else kl_nats(base_log, tuned_log),
        kl_top=top_kl_nats(tuned, base, top) if forward else top_kl_nats(base, tuned, top),
        **_view("base", base_log, actual),
        **_view("tuned", tuned_log, actual),
    )


def kl_nats(first_log: Tensor, second_log: Tensor) -> Tensor:
    """KL(first || second) over the last axis, in nats, >= 0, from log-probabilities; exactly 0 for equal inputs."""
    first = first_log.exp()
    # a token the first model rules out adds nothing, even where both logs are minus infinity
    terms = (first * (first_log - second_log)).masked_fill_(first == 0, 0.0)
    return terms.sum(-1).clamp_min(0.0)


def top_kl_nats(first: Tensor, second: Tensor, top: int) -> Tensor:
    """The paper's KL: over the `top` tokens with the largest `first` logits, each side renormalised over them."""
    values, ids = first.topk(min(top, first.shape[-1]), dim=-1)
    return kl_nats(values.log_softmax(-1), second.gather(-1, ids).log_softmax(-1))


def _view(name: str, log: Tensor, actual: Tensor) -> dict[str, Tensor]:
    values, ids = log.topk(min(ALTERNATIVES, log.shape[-1]), dim=-1)
    return {
        f"{name}_logprob": log.gather(-1, actual[:, None])[:, 0],
        f"{name}_top_ids": ids,
        f"{name}_top_probabilities": values.exp(),
    }


def _double(logits: Tensor) -> Tensor:
    return (logits.cpu() if logits.device.type == "mps" else logits).double()  # Apple's accelerator has no float64
