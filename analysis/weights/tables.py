"""The profile's numbers as rows: by percentage, layer, module, tensor, and as concentration curves.

Computes from histograms and cuts only. Shares are taken inside the bin a cut falls in by count, which is off by less
than 2^-8 of that bin's own share. Infinite ratios (p = 0 != s) rank first and add nothing to sums of r.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from analysis.weights.cuts import Cut
from analysis.weights.histogram import Array, TensorUpdate, to_dense

_CURVE = np.unique(np.concatenate([[0.0], np.geomspace(0.01, 1, 41), np.geomspace(1, 100, 161), np.arange(1.0, 101.0)]))


@dataclass(frozen=True)
class PercentRow:
    """What restoring the top `percent` takes. Shares are 0-1: of sum r, of sum |d|, and of the shuffled null's sum r.

    `above` parameters have a key over the threshold, `ties` exactly at it; `infinite` have p = 0 != s.
    """

    percent: float
    count: int
    threshold: float | None
    above: int
    ties: int
    effective_percent: float
    share_relative: float
    share_absolute: float
    share_null: float


@dataclass(frozen=True)
class GroupRow:
    """A layer, a module kind or a tensor; `restored` is how many of its parameters each percentage gives back.

    mean_relative: mean of the finite r; l2: root of the sum of d^2; changed_fraction: share with s != p, 0-1.
    """

    parameters: int
    mean_relative: float
    mean_absolute: float
    l2: float
    changed_fraction: float
    infinite: int
    restored: dict[float, int]


@dataclass(frozen=True)
class LayerRow(GroupRow):
    """One layer; None for tensors outside the layers."""

    layer: int | None


@dataclass(frozen=True)
class ModuleRow(GroupRow):
    """One module kind over all layers."""

    module: str


@dataclass(frozen=True)
class TensorRow(GroupRow):
    """One tensor, with its place."""

    name: str
    layer: int | None
    module: str


@dataclass(frozen=True)
class Concentration:
    """Cumulative shares (0-1) over the top `percent` (0-100) of parameters, all arrays of one length.

    share_relative: of sum r, share_absolute: of sum |d|, both in the order of r. share_null: of sum r where the same
    changes were set against other weights of their block, in that r's own order: what chance alone would show.
    `null_parameters` of `parameters` were drawn for the null: an estimate.
    """

    percent: Array
    share_relative: Array
    share_absolute: Array
    share_null: Array
    parameters: int
    null_parameters: int


Row = TypeVar("Row", bound=GroupRow)
Group = TypeVar("Group")


def concentration(tensors: Sequence[TensorUpdate], percents: Array = _CURVE) -> Concentration:
    """The curves at these percentages."""
    table = to_dense((t.table for t in tensors), 4)
    null = to_dense((t.null for t in tensors), 2)
    return Concentration(
        percent=percents,
        share_relative=_share(table[:, 0], table[:, 1], percents),
        share_absolute=_share(table[:, 0], table[:, 2], percents),
        share_null=_share(null[:, 0], null[:, 1], percents),
        parameters=int(table[:, 0].sum()),
        null_parameters=int(null[:, 0].sum()),
    )


def _share(counts: Array, sums: Array, percents: Array) -> Array:
    """Share of the sum held by the top percent of the count; 0 where there is nothing to share."""
    if sums.sum() == 0:
        return np.zeros(len(percents))
    held = counts > 0
    reached = np.concatenate([[0.0], np.cumsum(counts[held][::-1])]) / counts.sum() * 100
    shares = np.concatenate([[0.0], np.cumsum(sums[held][::-1])]) / sums.sum()
    return np.asarray(np.interp(percents, reached, shares))


def percent_rows(tensors: Sequence[TensorUpdate], cuts: dict[float, Cut]) -> tuple[PercentRow, ...]:
    """One row per percentage, from its cut."""
    percents = np.array(list(cuts), float)
    curves = concentration(tensors, percents)
    parameters = sum(t.elements for t in tensors)
    return tuple(
        PercentRow(
            percent=percent,
            count=cut.count,
            threshold=cut.threshold,
            above=cut.count - cut.ties_restored,
            ties=cut.ties,
            effective_percent=100 * sum(t.effective for t in cut.tensors.values()) / parameters,
            share_relative=float(curves.share_relative[i]),
            share_absolute=float(curves.share_absolute[i]),
            share_null=float(curves.share_null[i]),
        )
        for i, (percent, cut) in enumerate(cuts.items())
    )


def layer_rows(tensors: Sequence[TensorUpdate], cuts: dict[float, Cut]) -> tuple[LayerRow, ...]:
    """By layer number; tensors outside the layers last."""
    rows = _grouped(tensors, lambda t: -1 if t.place.layer is None else t.place.layer)
    ordered = sorted(rows, key=lambda layer: (layer == -1, layer))
    return tuple(LayerRow(**_statistics(rows[layer], cuts), layer=None if layer == -1 else layer) for layer in ordered)


def module_rows(tensors: Sequence[TensorUpdate], cuts: dict[float, Cut]) -> tuple[ModuleRow, ...]:
    """By module kind, in order of first appearance."""
    rows = _grouped(tensors, lambda t: t.place.module)
    return tuple(ModuleRow(**_statistics(held, cuts), module=module) for module, held in rows.items())


def tensor_rows(tensors: Sequence[TensorUpdate], cuts: dict[float, Cut]) -> tuple[TensorRow, ...]:
    """By tensor, in name order."""
    return tuple(
        TensorRow(**_statistics([t], cuts), name=t.name, layer=t.place.layer, module=t.place.module) for t in tensors
    )


def by_layer(tensors: Iterable[TensorUpdate], numbers: Mapping[str, int]) -> dict[int, int]:
    """Sums of a number by tensor name over the layers, in order; what is in no layer is left out."""
    sums: dict[int, int] = {}
    for tensor in tensors:
        if tensor.place.layer is not None:
            sums[tensor.place.layer] = sums.get(tensor.place.layer, 0) + numbers[tensor.name]
    return dict(sorted(sums.items()))


def by_module(tensors: Iterable[TensorUpdate], numbers: Mapping[str, int]) -> dict[str, int]:
    """Sums of a number by tensor name over the module kinds, in order of first appearance."""
    sums: dict[str, int] = {}
    for tensor in tensors:
        sums[tensor.place.module] = sums.get(tensor.place.module, 0) + numbers[tensor.name]
    return sums


def _grouped(
    tensors: Iterable[TensorUpdate], group: Callable[[TensorUpdate], Group]
) -> dict[Group, list[TensorUpdate]]:
    rows: dict[Group, list[TensorUpdate]] = {}
    for tensor in tensors:
        rows.setdefault(group(tensor), []).append(tensor)
    return rows


def _statistics(tensors: Sequence[TensorUpdate], cuts: dict[float, Cut]) -> dict[str, Any]:
    parameters = sum(t.elements for t in tensors)
    infinite = sum(t.infinite for t in tensors)
    relative, absolute, squares = sum(t.table.rows[:, 1:].sum(axis=0) for t in tensors)
    return {
        "parameters": parameters,
        "mean_relative": float(relative) / (parameters - infinite) if parameters > infinite else 0.0,
        "mean_absolute": float(absolute) / parameters,
        "l2": float(np.sqrt(squares)),
        "changed_fraction": sum(t.changed for t in tensors) / parameters,
        "infinite": infinite,
        "restored": {
            percent: sum(cut.tensors[t.name].restored for t in tensors if t.name in cut.tensors)
            for percent, cut in cuts.items()
        },
    }
