"""What a blend really does to the stored values: how many moved, where rounding put them, how far from the tuned model.

Looks at every value of the chosen tensors once, in the files. Knows no ranking: restorations that choose weights are
counted from the profile alone (update.py).
"""

from collections.abc import Sequence

import numpy as np

from analysis.records import Progress, Realised, RestoreCount, RestoreSpec
from analysis.weights.blends import Blend, decoded, encoded, layer_count, plan, scale_of
from analysis.weights.blends_spectral import dropped_directions
from analysis.weights.histogram import Array, TensorUpdate
from analysis.weights.pair import CheckpointPair
from analysis.weights.stream import Buffers, FileReader, Segment, run_units, segments


def look(pair: CheckpointPair, names: set[str], spec: RestoreSpec, progress: Progress) -> Realised:
    """Blend the named tensors as `spec` says and see what became of their values."""
    blend = plan(pair, names, spec, progress)
    chosen = [tensor for tensor in pair.tensors if tensor.name in names]
    buffers = Buffers()
    with FileReader() as reader:
        parts = run_units(
            segments(chosen),
            lambda segment: _look_at(blend, segment, reader, buffers),
            threads=None,
            progress=progress,
            weight=lambda segment: segment.count,
            note="what the blend really changes",
        )
    counts, squares = (np.sum([part[column] for part in parts], axis=0) for column in (0, 1))
    to_base, to_tuned, between, beyond, moved = (int(count) for count in counts)
    return Realised(to_base, to_tuned, between, beyond, moved, float(squares[0]), float(squares[1]))


def _look_at(blend: Blend, segment: Segment, reader: FileReader, buffers: Buffers) -> tuple[Array, Array]:
    from analysis.weights import blend_kernels

    counts, squares = np.zeros(5, np.int64), np.zeros(2)
    tensor, rounding = segment.tensor, Buffers()
    for piece in blend.values(reader, buffers, segment):
        size, base = 4 * len(piece.base), piece.base
        if tensor.base.dtype != tensor.tuned.dtype:  # among tuned values the base's are rounded as these are
            stored = encoded(base.copy(), tensor, rounding)
            base = decoded(stored, tensor.tuned.dtype, rounding.get("base", size))
        out = decoded(piece.data, tensor.tuned.dtype, buffers.get("look-out", size))
        blend_kernels.tally(base, piece.tuned, out, len(base), counts, squares)
    return counts, squares


def count_blend(
    pair: CheckpointPair, tensors: Sequence[TensorUpdate], spec: RestoreSpec, progress: Progress
) -> RestoreCount:
    """How many changed weights of these tensors a blend moves by its formula, and what it really does to them."""
    found = look(pair, {t.name for t in tensors}, spec, progress)
    shapes, layers = {t.name: t.tuned.shape for t in pair.tensors}, layer_count(pair)
    by_layer: dict[int, int] = {}
    by_module: dict[str, int] = {}
    for tensor in tensors:
        moved = tensor.changed if moves(spec, tensor.place.layer, layers, shapes[tensor.name]) else 0
        by_module[tensor.place.module] = by_module.get(tensor.place.module, 0) + moved
        if tensor.place.layer is not None:
            by_layer[tensor.place.layer] = by_layer.get(tensor.place.layer, 0) + moved
    return RestoreCount(
        spec=spec,
        region_parameters=sum(t.elements for t in tensors),
        count=sum(by_module.values()),
        threshold=None,
        ties=0,
        ties_restored=0,
        effective_count=found.moved,
        changed_count=sum(t.changed for t in tensors),
        by_layer=dict(sorted(by_layer.items())),
        by_module=by_module,
        realised=found,
    )


def moves(spec: RestoreSpec, layer: int | None, layers: int, shape: tuple[int, ...]) -> bool:
    """Whether the blend's formula moves a tensor's changed values off the tuned ones."""
    if spec.strategy == "spectral" and spec.percent < 100:
        return dropped_directions(shape, spec.percent) > 0
    return scale_of(spec, layer, layers) != 1
