"""Do the parameters with the largest gradients at the base become those that restoration takes back first?

For each level the top k% of a region by gradient are compared with the top k% by relative change of a tuned model.
Overlap by chance is k% when the two have nothing in common. Relative change divides by |p|, so a gradient divided by
|p| must overlap for that reason alone: beside it stands the same with the gradients shuffled inside each tensor.
Streams tensor by tensor; holds a few arrays of the largest one. Knows no stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from analysis.errors import PairError
from analysis.experiments.gradients import GradientFiles, GradientTensor, by_bare_name
from analysis.records import Progress, RestoreSpec, check_cancelled
from analysis.weights.chosen import Chooser
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.lowrank import decode
from analysis.weights.names import bare
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.restore import Selection, select, settled
from analysis.weights.stream import Buffers, FileReader, chunks, segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.weights.profile import UpdateProfile

Score = Literal["gradient", "relative gradient", "shuffled relative gradient", "small base"]
SCORES: tuple[Score, ...] = get_args(Score)
Values = Callable[[str], "NDArray[np.float32]"]  # a tensor's scores, flat, >= 0, by its bare name


@dataclass(frozen=True)
class Overlap:
    """How much of what restoration picks lies in the top of a score; shares 0-1. `level` is None for "small base".

    `overlap`: of the picked parameters; `chance`: what it would be if the two had nothing in common; `ceiling`: the
    same top overlapping itself between the two halves of the samples (NaN for scores without samples).
    """

    level: int | None
    score: Score
    percent: float
    picked: int
    overlap: float
    chance: float
    ceiling: float


class Picks:
    """The parameters a restoration picks among those it changes, and the base's values, tensor by tensor."""

    def __init__(self, pair: CheckpointPair, profile: UpdateProfile, spec: RestoreSpec, progress: Progress) -> None:
        self._tensors = {bare(t.name): t for t in pair.tensors if spec.region in t.place.regions}
        self._selection: Selection = select(pair, profile, spec, progress)
        self._chooser: Chooser | None = settled(pair, self._selection, progress=progress)
        self._masks: dict[str, NDArray[np.uint8]] = {}  # packed: an eighth of a byte a parameter

    @property
    def names(self) -> tuple[str, ...]:
        """Bare names of the region's tensors."""
        return tuple(self._tensors)

    def elements(self, name: str) -> int:
        """Number of values of a tensor."""
        return self._tensors[name].elements

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Whether each value of a tensor goes back to the base, flat."""
        if name not in self._masks:
            self._masks[name] = np.packbits(self._look(self._tensors[name]))
        return np.unpackbits(self._masks[name], count=self.elements(name)).view(np.bool_)

    def _look(self, tensor: PairedTensor) -> NDArray[np.bool_]:
        side = self._selection.side(tensor)
        if side == "tuned":
            return np.zeros(tensor.elements, bool)
        parts = []
        buffers = Buffers()
        with FileReader() as reader:
            for segment in segments([tensor]):
                for chunk in chunks(reader, buffers, segment):
                    if side == "base" or self._chooser is None:
                        parts.append(_single(chunk.base, tensor.base.dtype) != _single(chunk.tuned, tensor.tuned.dtype))
                    else:
                        parts.append(self._chooser.mask(chunk, tensor, buffers).copy())
        return np.concatenate(parts)

    def base(self, name: str) -> NDArray[np.float32]:
        """A tensor's values in the base, flat."""
        return base_values(self._tensors[name])


def base_values(tensor: PairedTensor) -> NDArray[np.float32]:
    """The base's values of a tensor in float32, flat."""
    raw = np.empty(tensor.elements * ITEM_BYTES[tensor.base.dtype], np.uint8)
    with FileReader() as reader:
        reader.read(tensor.base, 0, raw)
    return _single(raw, tensor.base.dtype)


def _single(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    values: NDArray[np.float32] = decode(raw, dtype)
    return values.copy()  # the buffer is overwritten by the next chunk


def overlaps(
    files: GradientFiles,
    tensors: Sequence[GradientTensor],
    levels: Sequence[int],
    pair: CheckpointPair,
    profile: UpdateProfile,
    percents: Sequence[float],
    progress: Progress,
    *,
    seed: int = 0,
) -> tuple[Overlap, ...]:
    """Every level, score and percent. Raises PairError for parameters that the pair and the model do not share."""
    live = by_bare_name(tensors)
    found: list[Overlap] = []
    for number, percent in enumerate(percents):
        picks = Picks(pair, profile, RestoreSpec(percent), progress)
        if missing := [name for name in picks.names if name not in live]:
            raise PairError("The loaded model does not hold these tensors of the pair as they are.", items=missing)
        for level in levels:
            progress.report(number * len(levels) + level, len(percents) * len(levels), "comparing with restoration")
            scored = _scores(files, live, picks, level, seed)
            found += [_overlap(picks, scored, level, score, percent, progress) for score in SCORES[:-1]]
        found.append(_overlap(picks, {"small base": _small(picks)}, None, "small base", percent, progress))
    return tuple(found)


def _scores(
    files: GradientFiles, live: Mapping[str, GradientTensor], picks: Picks, level: int, seed: int
) -> dict[str, Values]:
    def gradient(name: str, half: int | None = None) -> NDArray[np.float32]:
        return np.abs(files.mean(live[name].name, level, half))

    def over_base(values: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return _divided(values, np.abs(picks.base(name)))

    def shuffled(name: str) -> NDArray[np.float32]:
        place = picks.names.index(name)
        return over_base(np.random.default_rng([seed, level, place]).permutation(gradient(name)), name)

    def half(which: int) -> Values:
        return lambda name: gradient(name, which)

    def relative_half(which: int) -> Values:
        return lambda name: over_base(gradient(name, which), name)

    return {
        "gradient": gradient,
        "gradient 0": half(0),
        "gradient 1": half(1),
        "relative gradient": lambda name: over_base(gradient(name), name),
        "relative gradient 0": relative_half(0),
        "relative gradient 1": relative_half(1),
        "shuffled relative gradient": shuffled,
    }


def _small(picks: Picks) -> Values:
    """1 / |p|: large where the base's value is small, whatever the gradient."""
    return lambda name: _divided(np.ones(picks.elements(name), np.float32), np.abs(picks.base(name)))


def _divided(values: NDArray[np.float32], base: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(base > 0, values / base, np.where(values > 0, np.inf, 0)).astype(np.float32)


def _overlap(
    picks: Picks, scored: Mapping[str, Values], level: int | None, score: Score, percent: float, progress: Progress
) -> Overlap:
    total = sum(picks.elements(name) for name in picks.names)
    count = int(total * percent / 100)
    names = [score] if f"{score} 0" not in scored else [score, f"{score} 0", f"{score} 1"]
    least = {name: top_threshold(_over(picks, scored[name]), count) for name in names}
    picked = both = top = halves = 0
    for name in picks.names:
        check_cancelled(progress)
        mask = picks.mask(name)
        chosen = {each: bits(scored[each](name)) >= least[each] for each in names}
        picked += int(mask.sum())
        top += int(chosen[score].sum())
        both += int((mask & chosen[score]).sum())
        if len(names) > 1:
            halves += int((chosen[names[1]] & chosen[names[2]]).sum())
    ceiling = halves / count if len(names) > 1 and count else float("nan")
    return Overlap(level, score, percent, picked, both / picked if picked else float("nan"), top / total, ceiling)


def _over(picks: Picks, values: Values) -> Callable[[], Iterator[NDArray[np.float32]]]:
    return lambda: (values(name) for name in picks.names)


def top_threshold(values: Callable[[], Iterator[NDArray[np.float32]]], count: int) -> int:
    """The bits of the `count`-th largest value (>= 0, float32) over all arrays, read twice; all equal to it count too.

    Non-negative floats are ordered as their bits are: a histogram of the upper 16 finds the bin, one of the lower 16
    the value in it. 2**32 where count is 0.
    """
    if count < 1:
        return 1 << 32
    upper = np.zeros(1 << 16, np.int64)
    for array in values():
        upper += np.bincount(bits(array) >> 16, minlength=1 << 16)
    bin_, above = _from_top(upper, count)
    lower = np.zeros(1 << 16, np.int64)
    for array in values():
        found = bits(array)
        lower += np.bincount(found[found >> 16 == bin_] & 0xFFFF, minlength=1 << 16)
    low, _ = _from_top(lower, count - above)
    return bin_ << 16 | low


def bits(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Non-negative float32 values as integers of the same order."""
    found: NDArray[np.uint32] = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return found


def _from_top(counts: NDArray[np.int64], count: int) -> tuple[int, int]:
    """The bin in which the `count`-th from the top lies, and how many lie in higher bins."""
    above = np.cumsum(counts[::-1])
    place = int(np.searchsorted(above, count))
    return len(counts) - 1 - place, int(above[place] - counts[len(counts) - 1 - place])
