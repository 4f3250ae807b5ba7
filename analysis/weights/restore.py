"""Puts a resident model into a state of its pair: base, tuned, or restored by a spec.

Values are chosen in the stored dtype, bit for bit, and then cast to the parameter's dtype, so that a written checkpoint
gives the same numbers. Needs no memory beyond the threads' buffers. torch is imported only here, inside the functions
that touch a live parameter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.errors import PairError
from analysis.records import BLENDS, Progress, RestoreSpec, Silent
from analysis.weights import live, stream
from analysis.weights.blends import Blend, plan
from analysis.weights.chosen import Chooser
from analysis.weights.cuts import Cut
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.histogram import Array
from analysis.weights.live import find_targets
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.sources import DTYPE_CODES
from analysis.weights.stream import Buffers, Bytes, Chunk, FileReader, Segment, chunks, run_units, segments

if TYPE_CHECKING:
    import torch

    from analysis.weights.profile import UpdateProfile

State = Literal["base", "tuned"] | RestoreSpec
Room = Callable[[int, int], Bytes]  # memory for so many bytes of the values from the first on


@dataclass(frozen=True)
class Selection:
    """What of a pair a state takes from base: a cut's tensors by name, or everything."""

    spec: RestoreSpec | None
    cut: Cut | None
    everything: bool = False
    blend: Blend | None = None

    def side(self, tensor: PairedTensor) -> Literal["base", "tuned"] | None:
        """The side a whole tensor comes from; None where it is mixed."""
        cut = self.cut.tensors.get(tensor.name) if self.cut else None
        if self.everything or (cut is not None and cut.effective == cut.changed > 0):
            return "base"
        return "tuned" if cut is None or cut.effective == 0 else None

    def same(self, other: Selection, tensor: PairedTensor) -> bool:
        """Whether a tensor's values are the same in both, seen without a look at them."""
        if any(s.blend is not None and tensor.name in s.blend.factors for s in (self, other)):
            return self == other
        sides = self.side(tensor), other.side(tensor)
        if None not in sides:
            return sides[0] == sides[1] and self.everything == other.everything
        rules = [(s.spec.strategy, s.spec.seed, s.spec.arithmetic) if s.spec else None for s in (self, other)]
        cuts = [s.cut.tensors.get(tensor.name) if s.cut else None for s in (self, other)]
        return rules[0] == rules[1] and cuts[0] == cuts[1] is not None

    def mixed(self, tensors: Iterable[PairedTensor]) -> list[PairedTensor]:
        """Of these tensors, those with weights of both sides, chosen one by one."""
        return [tensor for tensor in tensors if self.cut is not None and self.side(tensor) is None]


@dataclass(frozen=True)
class Piece:
    """`dtype` values from the `first` on, as stored bytes in a buffer that the next piece overwrites."""

    first: int
    count: int
    dtype: str
    data: Bytes


def state_id(profile: UpdateProfile, state: State) -> str:
    """What identifies the weights of a state: a checkpoint's id, or a hash of both ids and the spec.

    0% is the tuned model, 100% of `all` the base where both sides hold the same tensors in the same dtype.
    """
    if state == "base":
        return profile.base_id
    if state == "tuned" or state.percent == 0:
        return profile.tuned_id
    narrowed = state.layers is not None or state.modules is not None or state.among != "all"
    narrowed |= state.strategy == "layer-scaled"  # its last layer stays tuned
    whole = state.region == "all" and not narrowed and state.percent == 100
    if whole and not any(finding.code in ("dtype", "tied-on-one-side", "extra-rows") for finding in profile.findings):
        return profile.base_id
    text = json.dumps([profile.base_id, profile.tuned_id, state.identity()], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def select(pair: CheckpointPair, profile: UpdateProfile, state: State, progress: Progress | None = None) -> Selection:
    """Resolve a state into what is taken from base."""
    if state == "base":
        return Selection(None, None, everything=True)
    if state == "tuned":
        return Selection(None, None)
    if state.strategy in BLENDS:
        return Selection(state, None, blend=plan(pair, {t.name for t in profile.chosen(state)}, state, progress))
    return Selection(state, profile.cut(state, progress, pair=pair))


def pieces(
    reader: FileReader,
    buffers: Buffers,
    segment: Segment,
    selection: Selection,
    chooser: Chooser | None,
    room: Room | None = None,
) -> Iterator[Piece]:
    """A segment's values in a state: stored bytes of the side they come from, restored ones in the tuned dtype.

    `chooser` chooses in the mixed tensors; ties that it lets wait come out as tuned. `room` says where to put values in
    the tuned dtype, else they are in buffers.
    """
    tensor = segment.tensor
    if selection.blend is not None and tensor.name in selection.blend.factors:
        for made in selection.blend.values(reader, buffers, segment):
            yield Piece(made.first, len(made.base), tensor.tuned.dtype, made.data)
        return
    room = room or (lambda _, nbytes: buffers.get("made", nbytes))
    side = selection.side(tensor)
    if side is not None:
        same = tensor.base.dtype == tensor.tuned.dtype
        for piece in _one_side(reader, buffers, segment, side, room if side == "tuned" or same else None):
            yield piece if selection.everything else _as_tuned(piece, tensor, buffers)
        return
    assert chooser is not None
    for chunk in chunks(reader, buffers, segment):
        out = room(chunk.first, chunk.tuned.nbytes)
        _blend(chunk, tensor, chooser.mask(chunk, tensor, buffers), buffers, out)
        yield Piece(chunk.first, chunk.count, tensor.tuned.dtype, out)


def _one_side(reader: FileReader, buffers: Buffers, segment: Segment, side: str, room: Room | None) -> Iterator[Piece]:
    entry = segment.tensor.base if side == "base" else segment.tensor.tuned
    item = ITEM_BYTES[entry.dtype]
    for first in range(segment.first, segment.first + segment.count, stream.CHUNK):
        count = min(stream.CHUNK, segment.first + segment.count - first)
        data = room(first, count * item) if room else buffers.get("side", count * item)
        reader.read(entry, first * item, data)
        yield Piece(first, count, entry.dtype, data)


def _as_tuned(piece: Piece, tensor: PairedTensor, buffers: Buffers) -> Piece:
    dtype = tensor.tuned.dtype
    return Piece(piece.first, piece.count, dtype, _in_dtype(piece.data, piece.dtype, dtype, piece.count, buffers))


def _blend(chunk: Chunk, tensor: PairedTensor, mask: Array, buffers: Buffers, out: Bytes) -> None:
    from analysis.weights import kernels_select as kernels

    base = _in_dtype(chunk.base, tensor.base.dtype, tensor.tuned.dtype, chunk.count, buffers)
    wide = tensor.tuned.dtype == "F32"
    word, blend = (np.uint32, kernels.blend32) if wide else (np.uint16, kernels.blend16)
    blend(base.view(word), chunk.tuned.view(word), mask.view(np.uint8), chunk.count, out.view(word))


def _in_dtype(raw: Bytes, dtype: str, wanted: str, count: int, buffers: Buffers) -> Bytes:
    """Stored values of one dtype as stored values of another, rounded to nearest even."""
    if dtype == wanted:
        return raw
    from analysis.weights import kernels

    single = buffers.get("single", count * 4).view(np.float32)
    kernels.to_single(raw, DTYPE_CODES[dtype], count, single)
    if wanted == "F32":
        return single.view(np.uint8)
    out = buffers.get("converted", count * 2)
    if wanted == "BF16":
        kernels.to_bf16(single, count, out.view(np.uint16))
    else:
        out.view(np.float16)[:] = single
    return out


def settled(
    pair: CheckpointPair, selection: Selection, *, threads: int | None = None, progress: Progress | None = None
) -> Chooser | None:
    """The chooser of a selection in which no tie waits for another: each weight comes out restored or not at once.

    Looks at the tensors in which ties would wait, once; what is decided is remembered with the cut. None where nothing
    is chosen weight by weight.
    """
    if selection.spec is None or selection.cut is None:
        return None
    waiting = [tensor for tensor in selection.mixed((*pair.copies, *pair.tensors)) if _waits(selection, tensor.name)]
    _choose(segments({tensor.name: tensor for tensor in waiting}.values()), selection, None, threads, progress)
    return Chooser(selection.spec, selection.cut, ())


def _waits(selection: Selection, name: str) -> bool:
    assert selection.cut is not None
    cut = selection.cut.tensors[name]
    return 0 < cut.quota < cut.ties and name not in selection.cut.lasts


def apply_state(
    parameters: Mapping[str, torch.Tensor],
    pair: CheckpointPair,
    profile: UpdateProfile,
    state: State,
    *,
    previous: State | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a state's values into live parameters, in place; names as the loaded model gives them.

    `previous`: the state they hold, where that is known; tensors that are the same in both are then not touched.
    Needs no memory beyond the threads' buffers: each value is read from the files, chosen and put in its place. Tied
    embeddings are one parameter. Raises PairError when parameters and pair do not hold the same tensors, and for the
    base where it has tensors of its own that the tuned model has no place for.
    """
    if state == "base" and pair.base_only:
        raise PairError(
            "The tuned model cannot be brought back to the base whole: it has no place for some of the base's tensors.",
            items=[*pair.base_only, "Load the base by itself (palimpsest evaluate BASE)."],
        )
    targets = find_targets(parameters, pair)
    selection, tensors = select(pair, profile, state, progress), list(pair.tensors)
    if previous is not None:
        before = select(pair, profile, previous, progress)
        tensors = [tensor for tensor in tensors if not selection.same(before, tensor)]
    _choose(segments(tensors), selection, targets, threads, progress)


def _choose(
    units: Sequence[Segment],
    selection: Selection,
    targets: Mapping[str, torch.Tensor] | None,
    threads: int | None,
    progress: Progress | None,
    *,
    wide: bool = False,
) -> None:
    """Go through the segments, choose, and store where there are targets."""
    chooser = Chooser(selection.spec, selection.cut, units, wide=wide) if selection.spec and selection.cut else None
    buffers = Buffers()
    with FileReader() as reader:

        def work(segment: Segment) -> None:
            tensor = segment.tensor
            target = targets[tensor.name] if targets is not None else None
            room = live.memory_of(target, tensor.tuned.dtype) if target is not None else None
            for piece in pieces(reader, buffers, segment, selection, chooser, room):
                if target is not None:
                    live.store(target, piece.first, piece.count, piece.dtype, piece.data)
            late = chooser.finish(segment) if chooser and selection.side(tensor) is None else None
            if late is not None and target is not None:
                words = _in_dtype(
                    late.words.view(np.uint8), tensor.base.dtype, tensor.tuned.dtype, len(late.words), buffers
                )
                live.store_at(target, late.places, tensor.tuned.dtype, words)

        run_units(units, work, threads=threads, progress=progress or Silent(), weight=lambda unit: unit.count)
    if chooser and chooser.missed:  # by chance, once in 10^15 tensors
        again = [unit for unit in units if unit.tensor.name in chooser.missed]
        _choose(again, selection, targets, threads, progress, wide=True)
