"""What a restoration really does to the stored values: how many moved, where rounding put them, how far from tuned.

Looks at every value of the chosen tensors once, in the files, as they would be written. Knows no ranking: which weights
are chosen, and how many, is counted from the profile alone (update.py).
"""

from collections.abc import Iterable, Sequence

import numpy as np

from analysis.records import Progress, Realised, RestoreCount, RestoreSpec
from analysis.weights.blends import decoded, encoded, layer_count, plan, scale_of
from analysis.weights.blends_spectral import dropped_directions
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.histogram import Array, TensorUpdate
from analysis.weights.pair import CheckpointPair
from analysis.weights.restore import Piece, Selection, pieces, settled
from analysis.weights.stream import Buffers, FileReader, Segment, run_units, segments
from analysis.weights.tables import by_layer, by_module


def look(pair: CheckpointPair, selection: Selection, names: set[str], progress: Progress) -> Realised:
    """See what becomes of the named tensors' values in a state."""
    buffers, sides = Buffers(), Buffers()
    chooser = settled(pair, selection, progress=progress)
    with FileReader() as reader:
        parts = run_units(
            segments(tensor for tensor in pair.tensors if tensor.name in names),
            lambda segment: _look_at(segment, pieces(reader, buffers, segment, selection, chooser), reader, sides),
            threads=None,
            progress=progress,
            weight=lambda segment: segment.count,
            note="what really changes",
        )
    counts, squares = (np.sum([part[column] for part in parts], axis=0) for column in (0, 1))
    to_base, to_tuned, between, beyond, moved = (int(count) for count in counts)
    return Realised(to_base, to_tuned, between, beyond, moved, float(squares[0]), float(squares[1]))


def _look_at(segment: Segment, made: Iterable[Piece], reader: FileReader, sides: Buffers) -> tuple[Array, Array]:
    from analysis.weights import blend_kernels

    counts, squares = np.zeros(5, np.int64), np.zeros(2)
    for piece in made:
        base, tuned = _both(piece, segment, reader, sides)
        out = decoded(piece.data, piece.dtype, sides.get("out", 4 * piece.count))
        blend_kernels.tally(base, tuned, out, piece.count, counts, squares)
    return counts, squares


def _both(piece: Piece, segment: Segment, reader: FileReader, sides: Buffers) -> tuple[Array, Array]:
    """Base and tuned values of a piece; the base's rounded as they are stored among the tuned ones."""
    found, tensor = [], segment.tensor
    for side, entry in (("base", tensor.base), ("tuned", tensor.tuned)):
        item = ITEM_BYTES[entry.dtype]
        raw = sides.get(f"{side}-raw", piece.count * item)
        reader.read(entry, piece.first * item, raw)
        found.append(decoded(raw, entry.dtype, sides.get(side, 4 * piece.count)))
    if tensor.base.dtype != tensor.tuned.dtype:
        stored = encoded(found[0], tensor, sides)
        found[0] = decoded(stored, tensor.tuned.dtype, sides.get("rounded", 4 * piece.count))
    return found[0], found[1]


def count_blend(
    pair: CheckpointPair, tensors: Sequence[TensorUpdate], spec: RestoreSpec, progress: Progress
) -> RestoreCount:
    """How many changed weights of these tensors a blend moves by its formula, and what it really does to them."""
    names = {t.name for t in tensors}
    found = look(pair, Selection(spec, None, blend=plan(pair, names, spec, progress)), names, progress)
    shapes, layers = {t.name: t.tuned.shape for t in pair.tensors}, layer_count(pair)
    moved = {t.name: t.changed if moves(spec, t.place.layer, layers, shapes[t.name]) else 0 for t in tensors}
    return RestoreCount(
        spec=spec,
        region_parameters=sum(t.elements for t in tensors),
        count=sum(moved.values()),
        threshold=None,
        ties=0,
        ties_restored=0,
        effective_count=found.moved,
        changed_count=sum(t.changed for t in tensors),
        by_layer=by_layer(tensors, moved),
        by_module=by_module(tensors, moved),
        realised=found,
    )


def moves(spec: RestoreSpec, layer: int | None, layers: int, shape: tuple[int, ...]) -> bool:
    """Whether the blend's formula moves a tensor's changed values off the tuned ones."""
    if spec.strategy == "spectral" and spec.percent < 100:
        return dropped_directions(shape, spec.percent) > 0
    return scale_of(spec, layer, layers) != 1
