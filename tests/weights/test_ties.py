"""Ties at a threshold: counted exactly through a narrow window of hashes, however many there are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.records import RestoreSpec
from analysis.weights import kernels, ties
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.profile import profile_pair
from tests.weights import plain_reference as reference

NAMES = [f"model.layers.{layer}.mlp.up_proj.weight" for layer in range(3)]


@pytest.fixture
def massive_ties(tmp_path: Path) -> CheckpointPair:
    """Three tensors of 40 thousand weights that all changed by the same relative amount, or not at all."""
    for side, factor in (("base", 1.0), ("tuned", 1.5)):
        (tmp_path / side).mkdir()
        values = {name: torch.full((200, 200), 2.0**i) for i, name in enumerate(NAMES)}
        for value in values.values():
            value[:150] *= factor
        save_file(values, tmp_path / side / "model.safetensors")
    return open_pair(tmp_path / "base", tmp_path / "tuned")


def expected(percent: float) -> dict[str, int]:
    """How many of each tensor lie among the smallest hashes of all changed elements."""
    hashes = [(reference.hash_of(0, name, i), name) for name in NAMES for i in range(30_000)]
    chosen = [name for _, name in sorted(hashes)[: int(120_000 * percent / 100)]]
    return {name: chosen.count(name) for name in NAMES}


@pytest.mark.parametrize("percent", [0.01, 10, 74.9])
def test_a_window_gives_the_same_ties_as_sorting_all_of_them(
    massive_ties: CheckpointPair, percent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ties, "_ALL_TIES", 0)
    cut = profile_pair(massive_ties).cut(RestoreSpec(percent))
    assert (cut.threshold, cut.ties) == (0.5, 90_000)
    assert {name: held.restored for name, held in cut.tensors.items()} == expected(percent)


def test_a_window_that_misses_the_cut_is_widened(massive_ties: CheckpointPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ties, "_window", lambda quota, ties: (1 << 20, 1 << 21))
    cut = profile_pair(massive_ties).cut(RestoreSpec(10))
    assert {name: held.restored for name, held in cut.tensors.items()} == expected(10)


def test_a_window_keeps_few_of_many_ties() -> None:
    for quota, count in ((1, 10**9), (10**8, 10**9), (10**9 - 1, 10**9)):
        low, high = ties._window(quota, count)
        assert 0 <= low < high < 1 << 64
        assert (high - low) / 2**64 < 1e-3
        assert low / 2**64 <= quota / count <= (high + 1) / 2**64


def test_the_hash_is_splitmix_of_the_tensor_and_the_index() -> None:
    for seed, name, index in ((0, "a", 0), (1, "a", 5), (0, "model.norm.weight", 2**33)):
        key = np.uint64(ties.tensor_key(seed, name))
        assert int(kernels.tie_hash(key, np.int64(index))) == reference.hash_of(seed, name, index)


def test_equal_hashes_in_two_tensors_are_told_apart_by_name() -> None:
    held = np.array([7, 9], np.uint64)
    found = {name: ties._Ties(held, np.ones(2, bool), 0, 0) for name in ("a", "b")}
    assert ties._last_hashes(found, 1) == {"a": 7, "b": 6}
    assert ties._last_hashes(found, 2) == {"a": 7, "b": 7}
    assert ties._last_hashes(found, 3) == {"a": 9, "b": 8}
