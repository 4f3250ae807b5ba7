"""The measures of measures.py in whole-tensor steps of torch, in float64: for logits that lie on an accelerator.

Formulas and names are those of measures.py; the compiled loops for the processor are measure_kernels.py. Both are held
to torch.distributions by the same tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.language import measure_kernels as at
from analysis.language.measures import ALTERNATIVES, Compared, Measures

if TYPE_CHECKING:
    from torch import Tensor


def compare(first: Tensor, second: Tensor, actual: Tensor, top: int, measures: Measures) -> Compared:
    """What the kernels find, for logits (n, vocabulary) on any device with float64."""
    import torch

    first, second = first.double(), second.double()
    p_log, q_log = first.log_softmax(-1), second.log_softmax(-1)
    numbers = torch.full((len(first), at.NUMBERS), math.nan, dtype=torch.float64, device=first.device)
    ids = first.topk(top).indices
    kept = (side.gather(-1, ids).log_softmax(-1) for side in (first, second))
    numbers[:, at.KL], numbers[:, at.KL_TOP] = kl_nats(p_log, q_log), kl_nats(*kept)
    numbers[:, at.FIRST_LOGPROB] = p_log.gather(-1, actual[:, None])[:, 0]
    numbers[:, at.SECOND_LOGPROB] = q_log.gather(-1, actual[:, None])[:, 0]
    if measures == "kl":
        return Compared(_blank_where_nan(numbers).cpu().numpy())
    numbers[:, at.REVERSE], numbers[:, at.JS] = kl_nats(q_log, p_log), js_nats(p_log, q_log)
    numbers[:, at.FIRST_ENTROPY], numbers[:, at.SECOND_ENTROPY] = entropy_nats(p_log), entropy_nats(q_log)
    sides = ((first, p_log, q_log), (second, q_log, p_log))
    chosen = [side.topk(min(ALTERNATIVES, side.shape[-1])).indices for side in (first, second)]
    ranks = torch.stack([rank(log, actual) for log in (first, second)], 1)
    described = [
        torch.stack([own.gather(-1, these).exp(), other.gather(-1, these).exp(), _ranks(raw, these)], 1)
        for (_, own, other), these, raw in zip(sides, chosen, (second, first), strict=True)
    ]
    return Compared(
        _blank_where_nan(numbers).cpu().numpy(),
        ranks.cpu().numpy(),
        torch.stack(chosen, 1).cpu().numpy(),
        torch.stack(described, 1).cpu().numpy(),
    )


def kl_nats(p_log: Tensor, q_log: Tensor) -> Tensor:
    """KL(p || q) over the last axis, >= 0, from log-probabilities."""
    # a token that p rules out adds nothing, even where both logs are minus infinity
    return _weighted(p_log, p_log - q_log).sum(-1).clamp_min(0.0)


def js_nats(p_log: Tensor, q_log: Tensor) -> Tensor:
    """Jensen-Shannon divergence over the last axis, 0 to ln 2, from log-probabilities; exactly 0 for equal ones."""
    import torch

    ratio = p_log - q_log  # log(p / mean) = ln 2 - log(1 + q / p)
    halves = [
        _weighted(log, math.log(2) - torch.logaddexp(torch.zeros_like(sign), sign))
        for log, sign in ((p_log, -ratio), (q_log, ratio))
    ]
    return (0.5 * (halves[0] + halves[1]).sum(-1)).clamp(0.0, math.log(2))


def entropy_nats(log: Tensor) -> Tensor:
    """Entropy over the last axis, >= 0, from log-probabilities."""
    return _weighted(log, -log).sum(-1).clamp_min(0.0)


def rank(logits: Tensor, tokens: Tensor) -> Tensor:
    """One more than the tokens likelier than this one, for one token (n,) a row."""
    return 1 + (logits > logits.gather(-1, tokens[:, None])).sum(-1)


def _ranks(logits: Tensor, tokens: Tensor) -> Tensor:
    import torch

    return torch.stack([rank(logits, column) for column in tokens.unbind(1)], 1).double()


def _weighted(log: Tensor, values: Tensor) -> Tensor:
    weights = log.exp()
    return (weights * values).masked_fill(weights == 0, 0.0)


def _blank_where_nan(numbers: Tensor) -> Tensor:
    """NaN everywhere in rows with a NaN log-probability: logits that are no numbers."""
    bad = numbers[:, [at.FIRST_LOGPROB, at.SECOND_LOGPROB]].isnan().any(-1, keepdim=True)
    return numbers.masked_fill(bad, math.nan)
