"""Puts a resident model into a state of its pair: base, tuned, or restored by a spec.

Values are chosen in the stored dtype, bit for bit, and then cast to the parameter's dtype, so that a written checkpoint
gives the same numbers. Needs no memory beyond the threads' buffers. torch is imported only here, inside the functions
that touch a live parameter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.errors import PairError
from analysis.records import BLENDS, Progress, RestoreSpec, Silent
from analysis.weights import stream
from analysis.weights.blends import Blend, plan
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.live import find_targets
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.sources import DTYPE_CODES, arithmetic_code
from analysis.weights.strategies import MEASURES, RANKINGS
from analysis.weights.stream import Buffers, Bytes, Chunk, FileReader, Segment, chunks, run_units, segments
from analysis.weights.ties import Cut, TensorCut, tensor_key

if TYPE_CHECKING:
    import torch

    from analysis.weights.profile import UpdateProfile

State = Literal["base", "tuned"] | RestoreSpec


@dataclass(frozen=True)
class Selection:
    """What of a pair a state takes from base: a cut's tensors by name, or everything."""

    spec: RestoreSpec | None
    cut: Cut | None
    everything: bool = False
    blend: Blend | None = None

    def of(self, tensor: PairedTensor) -> TensorCut | None:
        """The tensor's cut; None where it stays as it is on one side."""
        return self.cut.tensors.get(tensor.name) if self.cut else None


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


def pieces(reader: FileReader, buffers: Buffers, segment: Segment, selection: Selection) -> Iterator[Piece]:
    """A segment's values in a state: stored bytes of the side they come from, restored ones in the tuned dtype."""
    if selection.blend is not None and segment.tensor.name in selection.blend.factors:
        for made in selection.blend.values(reader, buffers, segment):
            yield Piece(made.first, len(made.base), segment.tensor.tuned.dtype, made.data)
        return
    if selection.spec is None or selection.of(segment.tensor) is None:
        yield from _one_side(reader, buffers, segment, base=selection.everything)
        return
    for chunk in chunks(reader, buffers, segment):
        yield Piece(chunk.first, chunk.count, segment.tensor.tuned.dtype, _blended(chunk, segment, selection, buffers))


def _one_side(reader: FileReader, buffers: Buffers, segment: Segment, *, base: bool) -> Iterator[Piece]:
    entry = segment.tensor.base if base else segment.tensor.tuned
    item = ITEM_BYTES[entry.dtype]
    for first in range(segment.first, segment.first + segment.count, stream.CHUNK):
        count = min(stream.CHUNK, segment.first + segment.count - first)
        data = buffers.get("side", count * item)
        reader.read(entry, first * item, data)
        yield Piece(first, count, entry.dtype, data)


def _blended(chunk: Chunk, segment: Segment, selection: Selection, buffers: Buffers) -> Bytes:
    from analysis.weights import kernels

    tensor, cut, spec = segment.tensor, selection.of(segment.tensor), selection.spec
    assert cut is not None and spec is not None
    codes = DTYPE_CODES[tensor.base.dtype], DTYPE_CODES[tensor.tuned.dtype]
    keys = buffers.get("keys", chunk.count * 8).view(np.float64)
    ranking, mode = RANKINGS[spec.strategy], arithmetic_code(spec.arithmetic, tensor.tuned.dtype)
    kernels.compute_keys(chunk.base, chunk.tuned, *codes, mode, MEASURES[ranking.measure], chunk.count, keys)
    mask = buffers.get("mask", chunk.count)
    key, last = np.uint64(tensor_key(spec.seed, tensor.name)), np.uint64(cut.last)
    kernels.mark(keys, chunk.count, ranking.direction, cut.threshold, cut.ties, last, key, chunk.first, mask)
    base = _in_dtype(chunk.base, tensor.base.dtype, tensor.tuned.dtype, chunk.count, buffers)
    word = np.uint32 if tensor.tuned.dtype == "F32" else np.uint16
    out = buffers.get("blended", chunk.tuned.nbytes)
    kernels.blend(base.view(word), chunk.tuned.view(word), mask, chunk.count, out.view(word))
    return out


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


def apply_state(
    parameters: Mapping[str, torch.Tensor],
    pair: CheckpointPair,
    profile: UpdateProfile,
    state: State,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a state's values into live parameters, in place; names as the loaded model gives them.

    Tied embeddings are one parameter. Raises PairError when parameters and pair do not hold the same tensors, and for
    the base where it has tensors of its own that the tuned model has no place for.
    """
    if state == "base" and pair.base_only:
        raise PairError(
            "The tuned model cannot be brought back to the base whole: it has no place for some of the base's tensors.",
            items=[*pair.base_only, "Load the base by itself (palimpsest evaluate BASE)."],
        )
    targets = find_targets(parameters, pair)
    selection = select(pair, profile, state, progress)
    buffers = Buffers()
    with FileReader() as reader:

        def work(segment: Segment) -> None:
            for piece in pieces(reader, buffers, segment, selection):
                _store(targets[segment.tensor.name], piece)

        run_units(segments(pair.tensors), work, threads=threads, progress=Silent(), weight=lambda unit: unit.count)


def _store(target: torch.Tensor, piece: Piece) -> None:
    import torch

    dtypes = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    values = torch.from_numpy(piece.data).view(dtypes[piece.dtype])
    target[piece.first : piece.first + piece.count].copy_(values)
