"""The sets of several percentages at once: for each weight, the first of the nested stops that restores it.

One reading of both sides serves all of them. Relative-top only, the paper's order. Knows no live model.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.errors import SpecError
from analysis.records import Progress, RestoreSpec, Silent
from analysis.weights import kernels_select as kernels
from analysis.weights import ties
from analysis.weights.chosen import Chooser
from analysis.weights.histogram import Array
from analysis.weights.pair import CheckpointPair
from analysis.weights.sources import DTYPE_CODES, arithmetic_code
from analysis.weights.stream import Buffers, Chunk, FileReader, Segment, chunks, run_units, segments
from analysis.weights.ties import Handed
from analysis.weights.update import UpdateProfile


def first_stops(
    pair: CheckpointPair,
    profile: UpdateProfile,
    percents: Sequence[float],
    spec: RestoreSpec | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Array]:
    """By tensor, flat uint8: which of the rising `percents` is the first to restore the weight; their number for none.

    `spec` carries region, layers, modules, arithmetic and seed. Weights that did not change are never restored here:
    they would be given the value they have.
    """
    spec = spec or RestoreSpec(0)
    if spec.strategy != "relative-top" or spec.scope != "global" or list(percents) != sorted(set(percents)):
        raise SpecError("Several stops at once are chosen for rising percentages of relative-top, over all tensors.")
    stops = _Stops(pair, profile, [replace(spec, percent=percent) for percent in percents])
    units = segments(stops.tensors)
    buffers = Buffers()
    with FileReader() as reader:

        def work(unit: Segment) -> None:
            for chunk in chunks(reader, buffers, unit):
                stops.choose(chunk, unit, buffers)
            stops.finish(unit)

        note = "choosing for all percentages"
        run_units(
            units, work, threads=threads, progress=progress or Silent(), weight=lambda unit: unit.count, note=note
        )
    return stops.found


class _Stops:
    """One chooser a stop, and the numbers found so far."""

    def __init__(self, pair: CheckpointPair, profile: UpdateProfile, specs: Sequence[RestoreSpec]) -> None:
        names = {t.name for t in profile.chosen(specs[0])}
        self.tensors = [tensor for tensor in pair.tensors if tensor.name in names]
        self.specs, self.cuts = specs, profile.cuts(specs, pair=pair)
        sizes = [t.elements for t in self.tensors]
        whole = np.split(np.empty(sum(sizes), np.uint8), np.cumsum(sizes)[:-1])  # one array: large pages, few faults
        self.found = {t.name: part for t, part in zip(self.tensors, whole, strict=True)}
        self._choosers = [
            Chooser(spec, cut, segments(self.tensors)) for spec, cut in zip(specs, self.cuts, strict=True)
        ]

    def choose(self, chunk: Chunk, unit: Segment, buffers: Buffers) -> None:
        """Number the weights of a chunk; ties that must wait keep the number of the stop after theirs."""
        tensor, many = unit.tensor, len(self.specs)
        codes = DTYPE_CODES[tensor.base.dtype], DTYPE_CODES[tensor.tuned.dtype]
        mode = arithmetic_code(self.specs[0].arithmetic, tensor.tuned.dtype)
        held = [cut.tensors.get(tensor.name) for cut in self.cuts]
        thresholds = np.array([np.inf if cut is None else cut.threshold for cut in held])
        windows = [
            chooser.window(tensor.name) if cut else None for chooser, cut in zip(self._choosers, held, strict=True)
        ]
        lows, highs = (
            np.array([getattr(window, edge) if window else 0 for window in windows], np.uint64)
            for edge in ("low", "high")
        )
        hashes, places, which = (
            buffers.get(name, chunk.count * 8 * many).view(kind)
            for name, kind in (("hashes", np.uint64), ("places", np.int64), ("which", np.int64))
        )
        below = np.zeros(many, np.int64)
        out = self.found[tensor.name][chunk.first : chunk.first + chunk.count]
        key = np.uint64(ties.tensor_key(self.specs[0].seed, tensor.name))
        place = chunk.count, chunk.first, key, thresholds, lows, highs
        handed = kernels.levels(chunk.base, chunk.tuned, *codes, mode, *place, out, hashes, places, which, below)
        for number, chooser in enumerate(self._choosers):
            own = np.flatnonzero(which[:handed] == number)
            chooser.keep(chunk, tensor, int(below[number]), Handed(hashes[own], places[own], np.zeros(0)))

    def finish(self, unit: Segment) -> None:
        """After a tensor's last segment, number the ties that waited."""
        name = unit.tensor.name
        for number in reversed(range(len(self.specs))):
            late = self._choosers[number].finish(unit) if name in self.cuts[number].tensors else None
            if late is not None:
                self.found[name][late.places] = number
            if name in self._choosers[number].missed:  # by chance, once in 10^15 tensors
                raise SpecError(f"The ties of {name} fell outside their window.", items=["Choose another seed."])
