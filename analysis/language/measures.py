"""How far two next-token distributions are apart, position by position.

KL(p || q) = sum p log(p / q) in nats (Kullback and Leibler 1951); the Jensen-Shannon divergence is the mean of both
sides' KL against their mean, 0 to ln 2 (Lin 1991); the top-k form is the paper's (Ye et al., EMNLP 2025): the first
model's k largest logits, the second's logits of the same tokens, each set softmaxed on its own.

All in float64 from the logits as the model gave them, within 1e-9 nats of torch.distributions. On the processor
compiled loops read each logit a few times while it is in cache (measure_kernels.py); measures_torch.py says the same
in whole-tensor steps, for accelerators. Does not know texts or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Numbers = NDArray[np.float64]
    Integers = NDArray[np.int64]

Measures = Literal["kl", "all"]  # the contract's two KLs and the actual token's log-probabilities; or everything
ALTERNATIVES = 5  # of each model, kept for every position
LEAST_ROWS = 32  # a thread's; fewer are not worth one


@dataclass(frozen=True)
class Disagreement:
    """Two models at n positions; every field has n as its first axis, None where it was not asked for.

    KLs in nats, >= 0, js 0 to ln 2, entropies >= 0; log-probabilities (<= 0) and ranks (from 1) of the actual token;
    each model's likeliest tokens (n, m) in falling order: ids, and per token (n, 3, m) its probability, the other
    model's probability for it, and its rank there.
    """

    kl_full: Numbers
    kl_top: Numbers
    base_logprob: Numbers
    tuned_logprob: Numbers
    kl_reverse: Numbers | None = None
    js: Numbers | None = None
    base_entropy: Numbers | None = None
    tuned_entropy: Numbers | None = None
    base_rank: Integers | None = None
    tuned_rank: Integers | None = None
    base_top_ids: Integers | None = None
    base_top: Numbers | None = None
    tuned_top_ids: Integers | None = None
    tuned_top: Numbers | None = None

    def rows(self, which: slice) -> Disagreement:
        """Some of the positions."""
        columns: dict[str, Any] = {
            name: None if column is None else column[which] for name, column in self.columns().items()
        }
        return replace(self, **columns)

    @classmethod
    def joined(cls, parts: Sequence[Disagreement]) -> Disagreement:
        """The positions of all parts in order."""
        columns: dict[str, Any] = {
            name: None if column is None else np.concatenate([getattr(part, name) for part in parts])
            for name, column in parts[0].columns().items()
        }
        return cls(**columns)

    def columns(self) -> dict[str, Any]:
        """Every field by its name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class Compared:
    """The same for a first and a second side, as the formulas have it; the columns of `numbers` are the kernels'."""

    numbers: Numbers  # (n, 8)
    ranks: Integers | None = None  # (n, 2)
    alternatives: Integers | None = None  # (n, 2, m)
    described: Numbers | None = None  # (n, 2, 3, m)


def compare_logits(
    base: Tensor, tuned: Tensor, actual: Tensor, *, top: int, direction: str, measures: Measures = "all"
) -> Disagreement:
    """The measures at every position.

    `base` and `tuned` are logits of shape (n, vocabulary), `actual` the n token ids that really came. Direction
    "tuned-base" gives KL(tuned || base), its reverse KL(base || tuned), and ranks the top by the tuned model's logits;
    "base-tuned" exchanges the two. A position whose logits are no numbers has NaN everywhere.
    """
    top = min(top, base.shape[-1])
    swapped = direction == "base-tuned"
    first, second = (base, tuned) if swapped else (tuned, base)
    compare = _on_the_processor if _suits_kernels(base, tuned) else _in_torch
    return _named(compare(first, second, actual, top, measures), swapped)


def compile_kernels() -> None:
    """Have the compiled loops made, some seconds once a machine, so that the first person to compare need not wait."""
    import torch

    logits, actual = torch.zeros(1, 2 * ALTERNATIVES), torch.zeros(1, dtype=torch.int64)
    for measures in get_args(Measures):
        compare_logits(logits, logits, actual, top=1, direction="tuned-base", measures=measures)


def _suits_kernels(*sides: Tensor) -> bool:
    """Everything but float64 and what lies on CUDA; Apple's accelerator has no float64, so its logits come over."""
    import torch

    return all(side.device.type != "cuda" and side.dtype != torch.float64 for side in sides)


def _in_torch(first: Tensor, second: Tensor, actual: Tensor, top: int, measures: Measures) -> Compared:
    from analysis.language.measures_torch import compare

    return compare(first, second, actual, top, measures)


def _on_the_processor(first: Tensor, second: Tensor, actual: Tensor, top: int, measures: Measures) -> Compared:
    import torch

    sides = [np.ascontiguousarray(side.detach().float().cpu().numpy()) for side in (first, second)]
    n, vocabulary = sides[0].shape
    told = actual.cpu().numpy()
    found = _room(n, min(ALTERNATIVES, vocabulary), measures)
    workers = max(1, min(torch.get_num_threads(), n // LEAST_ROWS))
    edges = [n * part // workers for part in range(workers + 1)]
    parts = [slice(start, end) for start, end in pairwise(edges)]
    if workers == 1:
        _run_kernel(sides, told, top, found, parts[0])
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda part: _run_kernel(sides, told, top, found, part), parts))
    return found


def _room(n: int, shown: int, measures: Measures) -> Compared:
    from analysis.language.measure_kernels import NUMBERS

    numbers = np.full((n, NUMBERS), np.nan)
    if measures == "kl":
        return Compared(numbers)
    return Compared(numbers, np.zeros((n, 2), np.int64), np.zeros((n, 2, shown), np.int64), np.zeros((n, 2, 3, shown)))


def _run_kernel(sides: Sequence[Any], actual: Any, top: int, found: Compared, part: slice) -> None:
    from analysis.language import measure_kernels

    first, second = (side[part] for side in sides)
    given = (first, second, first.view(np.int32), second.view(np.int32), actual[part], top, found.numbers[part])
    if found.ranks is None or found.alternatives is None or found.described is None:
        measure_kernels.compare_kl(*given)
    else:
        measure_kernels.compare_all(*given, found.ranks[part], found.alternatives[part], found.described[part])


def _named(found: Compared, swapped: bool) -> Disagreement:
    """First and second side as base and tuned."""
    from analysis.language import measure_kernels as at

    def column(number: int) -> Numbers:
        return np.ascontiguousarray(found.numbers[:, number])

    base, tuned = (0, 1) if swapped else (1, 0)
    logprobs = [column(number) for number in (at.FIRST_LOGPROB, at.SECOND_LOGPROB)]
    kls = column(at.KL), column(at.KL_TOP), logprobs[base], logprobs[tuned]
    if found.ranks is None or found.alternatives is None or found.described is None:
        return Disagreement(*kls)
    entropies = [column(number) for number in (at.FIRST_ENTROPY, at.SECOND_ENTROPY)]
    return Disagreement(
        *kls,
        kl_reverse=column(at.REVERSE),
        js=column(at.JS),
        base_entropy=entropies[base],
        tuned_entropy=entropies[tuned],
        base_rank=found.ranks[:, base],
        tuned_rank=found.ranks[:, tuned],
        base_top_ids=found.alternatives[:, base],
        base_top=found.described[:, base],
        tuned_top_ids=found.alternatives[:, tuned],
        tuned_top=found.described[:, tuned],
    )
