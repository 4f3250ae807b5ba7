"""The plain way: whole tensors, float64 (or the authors' own procedure in torch), one full sort. Slow and obvious.

Written apart from the engine; shares with it only the definition of the tie hash, restated here.
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import xxhash
from safetensors.torch import load_file

Tensors = Mapping[str, torch.Tensor]
_MASK = (1 << 64) - 1


def load(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder, in name order."""
    held: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        held |= load_file(file)
    return dict(sorted(held.items()))


def in_transformer(name: str) -> bool:
    """The paper's scope, in the authors' words."""
    return "layers" in name and "norm" not in name


def relative_change(base: torch.Tensor, tuned: torch.Tensor) -> np.ndarray:
    """|s - p| / |p| in float64; 0 where equal, inf where only p is 0."""
    p, s = base.double().numpy().ravel(), tuned.double().numpy().ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(s - p) / np.abs(p)
    return np.where(s == p, 0.0, ratio)


def rank_by(strategy: str, base: torch.Tensor, tuned: torch.Tensor) -> np.ndarray:
    """What the strategy sorts by, smallest restored first."""
    p, s = base.double().numpy().ravel(), tuned.double().numpy().ravel()
    return {
        "relative-top": -relative_change(base, tuned),
        "relative-bottom": relative_change(base, tuned),
        "random": np.zeros(p.size),
        "absolute-top": -np.abs(s - p),
        "absolute-bottom": np.abs(s - p),
        "small-base": np.where(s == p, np.inf, np.abs(p)),
    }[strategy]


def hash_of(seed: int, name: str, index: int) -> int:
    """The tie hash of one element, in Python integers."""
    x = (xxhash.xxh3_64_intdigest(f"{seed}:{name}".encode()) + index * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def unchanged(base: torch.Tensor, tuned: torch.Tensor) -> np.ndarray:
    """Where s = p."""
    return (base.double() == tuned.double()).numpy().ravel()


def places(seed: int, name: str, group: np.ndarray) -> np.ndarray:
    """(i + 1/2) / c for the i-th smallest hash of each of the tensor's ties; ties are elements of equal `group`."""
    hashes = np.array([hash_of(seed, name, i) for i in range(len(group))], np.uint64)
    found = np.zeros(len(group))
    for value in np.unique(group):
        held = np.flatnonzero(group == value)
        found[held[np.argsort(hashes[held])]] = (np.arange(len(held)) + 0.5) / len(held)
    return found


def restored_masks(
    base: Tensors,
    tuned: Tensors,
    percent: float,
    *,
    strategy: str = "relative-top",
    seed: int = 0,
    scope: str = "global",
    among: str = "all",
) -> dict[str, np.ndarray]:
    """Which elements of the region's tensors go back to base, by a full sort of (key, place among ties, tensor)."""
    if scope == "tensor":
        masks = {}
        for name in base:
            one = {name: base[name]}, {name: tuned[name]}
            masks |= restored_masks(*one, percent, strategy=strategy, seed=seed, among=among)
        return masks
    names = sorted(base)
    still = {name: unchanged(base[name], tuned[name]) for name in names}
    keys = {name: rank_by(strategy, base[name], tuned[name]) for name in names}
    if strategy == "random":  # changed and unchanged weights are drawn apart, each in their share
        keys = {name: still[name].astype(float) for name in names}
    ends = np.cumsum([base[name].numel() for name in names])
    owner = np.repeat(np.arange(len(names)), [base[name].numel() for name in names])
    key, idle = (np.concatenate([held[name] for name in names]) for held in (keys, still))
    place = np.concatenate([places(seed, name, keys[name]) for name in names])
    candidates = np.ones(len(key), bool) if among == "all" else ~idle
    count = min(math.floor(len(key) * percent / 100), int(candidates.sum()))
    order = np.lexsort((owner, place, key))
    order = order[candidates[order]]
    chosen = np.zeros(len(key), bool)
    if strategy == "random":
        sizes = [int((candidates & ~idle).sum()), int((candidates & idle).sum())]
        drawn = sorted((Fraction(2 * i + 1, 2 * size), which) for which, size in enumerate(sizes) for i in range(size))
        moving = sum(which == 0 for _, which in drawn[:count])
        resting = [i for i in order if idle[i]][: count - moving]
        chosen[[i for i in order if not idle[i]][:moving]] = True
        chosen[resting] = True
    else:
        chosen[order[:count]] = True
    return {name: chosen[end - base[name].numel() : end] for name, end in zip(names, ends, strict=True)}


def authors_restore(
    base: Tensors, tuned: Tensors, percent: float
) -> tuple[dict[str, torch.Tensor], int, float, dict[str, np.ndarray]]:
    """The authors' procedure: r in the stored dtype, one topk over one flat tensor.

    Returns the restored tensors, the count, the threshold, and r by tensor.
    """
    ratios = {name: (tuned[name] - base[name]).abs() / (base[name].abs() + 1e-8) for name in base}
    flat = torch.cat([ratio.flatten() for ratio in ratios.values()])
    count = int(flat.numel() * percent / 100)
    values, indices = torch.topk(flat, count)
    mask = torch.zeros(flat.numel(), dtype=torch.bool)
    mask[indices] = True
    restored, start = {}, 0
    for name, tensor in tuned.items():
        part = mask[start : start + tensor.numel()].view(tensor.shape)
        restored[name] = torch.where(part, base[name], tensor)
        start += tensor.numel()
    return restored, count, float(values[-1]), {name: ratio.double().numpy().ravel() for name, ratio in ratios.items()}
