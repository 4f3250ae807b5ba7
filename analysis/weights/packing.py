"""Histograms, distinct keys and cuts of many tensors as a few flat arrays, and back. Knows no files and no store."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.records import RestoreSpec
from analysis.weights.cuts import Cut, TensorCut
from analysis.weights.histogram import Array, Distinct, Sparse


def pack_sparse(name: str, parts: Sequence[Sparse]) -> dict[str, Array]:
    """Sparse tables, one after the other."""
    return {
        f"{name}_sizes": np.array([len(part.bins) for part in parts], np.int64),
        f"{name}_bins": np.concatenate([part.bins for part in parts]).astype(np.int32),
        f"{name}_rows": np.concatenate([part.rows for part in parts]),
    }


def unpack_sparse(name: str, arrays: Mapping[str, Any]) -> list[Sparse]:
    """What `pack_sparse` was given."""
    bins = _split(arrays[f"{name}_bins"].astype(np.int64), arrays[f"{name}_sizes"])
    rows = _split(arrays[f"{name}_rows"], arrays[f"{name}_sizes"])
    return [Sparse(*part) for part in zip(bins, rows, strict=True)]


def pack_distinct(parts: Sequence[Distinct | None]) -> dict[str, Array]:
    """Distinct keys, one tensor after the other; a size of -1 where there are none."""
    held = [part for part in parts if part is not None]
    counts = np.concatenate([np.zeros(0, np.int64), *(part.counts for part in held)])
    small = counts.max(initial=0) < 1 << 32
    return {
        "keys_sizes": np.array([-1 if part is None else len(part.keys) for part in parts], np.int64),
        "keys": np.concatenate([np.zeros(0), *(part.keys for part in held)]),
        "keys_counts": counts.astype(np.uint32) if small else counts,
        "keys_below": np.array([np.inf if part is None else part.below for part in parts]),
    }


def unpack_distinct(arrays: Mapping[str, Any]) -> list[Distinct | None]:
    """What `pack_distinct` was given."""
    sizes = arrays["keys_sizes"]
    keys = _split(arrays["keys"], np.maximum(sizes, 0))
    counts = _split(arrays["keys_counts"], np.maximum(sizes, 0))
    told = zip(sizes.tolist(), keys, counts, arrays["keys_below"].tolist(), strict=True)
    return [Distinct(*part) if size >= 0 else None for size, *part in told]


def pack_cuts(cuts: Mapping[RestoreSpec, Cut]) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Cuts as documents and arrays."""
    documents, arrays = [], {}
    for number, (spec, cut) in enumerate(cuts.items()):
        documents.append(
            {
                "spec": asdict(spec),
                "count": cut.count,
                "ties": cut.ties,
                "ties_restored": cut.ties_restored,
                "has_threshold": cut.threshold is not None,
                "tensors": list(cut.tensors),
            }
        )
        held = list(cut.tensors.values())
        arrays[f"cut{number}_threshold"] = np.array([c.threshold for c in held])
        numbers = [(c.beyond, c.ties, c.quota, c.unchanged, c.changed) for c in held]
        arrays[f"cut{number}_numbers"] = np.array(numbers, np.int64).reshape(-1, 5)
    return documents, arrays


def unpack_cuts(documents: Sequence[Mapping[str, Any]], arrays: Mapping[str, Any]) -> dict[RestoreSpec, Cut]:
    """What `pack_cuts` was given."""
    cuts = {}
    for number, document in enumerate(documents):
        thresholds, numbers = (arrays[f"cut{number}_{part}"].tolist() for part in ("threshold", "numbers"))
        held = {
            name: TensorCut(threshold, *some)
            for name, threshold, some in zip(document["tensors"], thresholds, numbers, strict=True)
        }
        threshold = thresholds[0] if document["has_threshold"] else None
        spec = RestoreSpec(**document["spec"])
        cuts[spec] = Cut(held, document["count"], threshold, document["ties"], document["ties_restored"])
    return cuts


def _split(array: Array, sizes: Array) -> list[Array]:
    return np.split(array, np.cumsum(sizes)[:-1]) if len(sizes) else []
