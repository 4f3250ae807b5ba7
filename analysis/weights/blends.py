"""Restorations that scale the update instead of choosing weights: out = p + g d, with d = s - p.

| strategy | g at k% | source |
|---|---|---|
| interpolation | 1 - k/100 everywhere | WiSE-FT, arXiv 2109.01903 |
| layer-scaled | a + (1 - a) l / (L - 1) in layer l of L, a outside them; a = 1 - k/100 | LiNeS, arXiv 2410.17146 |
| drop-rescale | 0 with probability q = k/100, else 1 / (1 - q) | DARE, arXiv 2311.03099 |
| spectral | not a scale: the smallest k% of each matrix's singular directions go back | blends_spectral.py |

At 0% each is the tuned model, at 100% the base, bit for bit; but layer-scaled, whose last layer stays tuned at any k.
Values are computed in float64 from the stored ones, rounded to float32 and then to the tuned dtype. The dropped sets of
one seed are nested over k. Knows files and values, no live model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.errors import SpecError
from analysis.records import Progress, RestoreSpec, Silent
from analysis.weights.blends_spectral import Spectral
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.sources import DTYPE_CODES
from analysis.weights.stream import Buffers, Bytes, FileReader, Segment, chunks
from analysis.weights.ties import HASHES, tensor_key

Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Scale:
    """Every value's change times g."""

    g: float

    def fill(self, p: Floats, s: Floats, first: int, out: Floats) -> None:
        """out = p + g (s - p)."""
        from analysis.weights import blend_kernels

        del first
        blend_kernels.scale_change(p, s, len(p), self.g, out)


@dataclass(frozen=True)
class Drop:
    """Changes whose hash is smaller than `below` are dropped, the others times `rescale`."""

    key: int
    below: int
    rescale: float

    def fill(self, p: Floats, s: Floats, first: int, out: Floats) -> None:
        """out = p or p + rescale (s - p)."""
        from analysis.weights import blend_kernels

        below, key = np.uint64(self.below), np.uint64(self.key)
        blend_kernels.drop_change(p, s, len(p), self.rescale, below, key, first, out)


@dataclass(frozen=True)
class Blended:
    """Values from the `first` on: both sides as float32, and the blend as stored in the tuned dtype.

    The arrays are buffers that the next piece overwrites.
    """

    first: int
    base: Floats
    tuned: Floats
    data: Bytes


@dataclass(frozen=True)
class Blend:
    """A spec's blend of a pair: the tensors it touches by name, and how."""

    factors: dict[str, Scale | Drop | Spectral]

    def values(self, reader: FileReader, buffers: Buffers, segment: Segment) -> Iterator[Blended]:
        """A segment's blended values. Raises SpecError where a rescaled value leaves the dtype's range."""
        factor, tensor = self.factors[segment.tensor.name], segment.tensor
        whole = factor.whole(tensor, reader) if isinstance(factor, Spectral) else None
        for chunk in chunks(reader, buffers, segment):
            base, tuned = buffers.get("blend-base", chunk.count * 4), buffers.get("blend-tuned", chunk.count * 4)
            p = decoded(chunk.base, tensor.base.dtype, base)
            s = decoded(chunk.tuned, tensor.tuned.dtype, tuned)
            if whole is not None:
                item = ITEM_BYTES[tensor.tuned.dtype]
                data = whole[chunk.first * item : (chunk.first + chunk.count) * item]
            else:
                out = buffers.get("blend-out", chunk.count * 4).view(np.float32)
                assert not isinstance(factor, Spectral)
                factor.fill(p, s, chunk.first, out)
                data = encoded(out, tensor, buffers)
            yield Blended(chunk.first, p, s, data)


def plan(pair: CheckpointPair, names: set[str], spec: RestoreSpec, progress: Progress | None = None) -> Blend:
    """The blend a spec makes of these tensors of the pair."""
    chosen = [tensor for tensor in pair.tensors if tensor.name in names]
    if spec.strategy == "spectral":
        spectral = Spectral(spec.percent, {t.name for t in chosen}, progress or Silent())
        return Blend(dict.fromkeys((t.name for t in chosen), spectral))
    layers = layer_count(pair)
    return Blend({tensor.name: _factor(spec, tensor, layers) for tensor in chosen})


def layer_count(pair: CheckpointPair) -> int:
    """How many layers the whole model has, whichever of them are chosen."""
    return 1 + max((t.place.layer for t in pair.tensors if t.place.layer is not None), default=0)


def _factor(spec: RestoreSpec, tensor: PairedTensor, layers: int) -> Scale | Drop:
    if spec.strategy == "drop-rescale" and spec.percent < 100:
        below = min(HASHES - 1, int(spec.percent / 100 * HASHES))
        return Drop(tensor_key(spec.seed, tensor.name), below, 1 / (1 - spec.percent / 100))
    return Scale(scale_of(spec, tensor.place.layer, layers))


def scale_of(spec: RestoreSpec, layer: int | None, layers: int) -> float:
    """g of a tensor: layer-scaled by its layer (None outside the layers) of all `layers`, else 1 - k/100.

    Worked: at 40%, a = 0.6; in layer 1 of 3 (numbers 0 to 2) g = 0.6 + 0.4 * 1/2 = 0.8.
    """
    a = 1 - spec.percent / 100
    if spec.strategy != "layer-scaled" or layer is None or layers < 2:
        return a
    return 1.0 if layer == layers - 1 else a + (1 - a) * layer / (layers - 1)


def decoded(raw: Bytes, dtype: str, into: Bytes) -> Floats:
    """Stored values as float32, in the buffer `into`."""
    from analysis.weights import kernels

    count = len(raw) // ITEM_BYTES[dtype]
    single: Floats = into[: 4 * count].view(np.float32)
    kernels.to_single(raw, DTYPE_CODES[dtype], count, single)
    return single


def encoded(values: Floats, tensor: PairedTensor, buffers: Buffers) -> Bytes:
    """float32 values (which may be overwritten) as stored in the tuned dtype, rounded to nearest even."""
    from analysis.weights import kernels

    dtype = tensor.tuned.dtype
    if dtype == "F16":
        out = buffers.get("blend-stored", len(values) * 2)
        with np.errstate(over="ignore"):
            out.view(np.float16)[:] = values
        _refuse_infinite(np.isfinite(out.view(np.float16)).all(), tensor)
        return out
    _refuse_infinite(np.isfinite(values).all(), tensor)
    if dtype == "F32":
        return values.view(np.uint8)
    out = buffers.get("blend-stored", len(values) * 2)
    kernels.to_bf16(values, len(values), out.view(np.uint16))
    return out


def _refuse_infinite(finite: Any, tensor: PairedTensor) -> None:
    if not finite:
        raise SpecError(
            f"Rescaled values of {tensor.name} are too large for {tensor.tuned.dtype}.",
            items=["Drop a smaller share, or choose another strategy."],
        )
