"""Ties at a threshold: shared among tensors by their counts, drawn inside each by hash, however many there are."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from analysis.records import RestoreSpec
from analysis.weights import kernels, ties
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
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


def restored_places(pair: CheckpointPair, spec: RestoreSpec) -> dict[str, list[int]]:
    """Which elements carry the base's value, by tensor."""
    live = {name: torch.empty(200, 200) for name in NAMES}
    apply_state(live, pair, profile_pair(pair), spec)
    return {
        name: np.flatnonzero(live[name].numpy().ravel()[:30_000] == 2.0**i).tolist() for i, name in enumerate(NAMES)
    }


@pytest.mark.parametrize("percent", [0.01, 10, 74.9])
@pytest.mark.parametrize("reach", [8, 0.01], ids=["a window that holds the last tie", "one that misses it"])
def test_the_smallest_hashes_of_each_tensor_are_restored(
    massive_ties: CheckpointPair, percent: float, reach: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ties, "_REACH", reach)
    monkeypatch.setattr(ties, "_FEW", 0)
    spec = RestoreSpec(percent)
    cut = profile_pair(massive_ties).cut(spec)
    assert (cut.threshold, cut.ties, cut.count) == (0.5, 90_000, int(120_000 * percent / 100))
    counts = {name: held.restored for name, held in cut.tensors.items()}
    assert max(counts.values()) - min(counts.values()) <= 1
    for name, places in restored_places(massive_ties, spec).items():
        hashes = np.array([reference.hash_of(0, name, i) for i in range(30_000)], np.uint64)
        assert places == sorted(np.argsort(hashes)[: counts[name]].tolist())


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=8), data=st.data())
def test_shares_are_the_first_places_of_an_even_mix(sizes: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(sizes)))
    order = sorted((Fraction(2 * i + 1, 2 * size), which) for which, size in enumerate(sizes) for i in range(size))
    expected = [sum(who == which for _, who in order[:total]) for which in range(len(sizes))]
    assert ties.shares(total, sizes) == expected


def test_shares_worked_by_hand() -> None:
    # 5 of 10 among classes of 6, 3 and 1: places 1/12 3/12 5/12 .. | 1/6 3/6 5/6 | 1/2; the fifth is 3/6 of the second
    assert ties.shares(5, [6, 3, 1]) == [3, 2, 0]
    assert ties.shares(6, [6, 3, 1]) == [3, 2, 1]
    assert ties.shares(0, [6, 3, 1]) == [0, 0, 0]
    assert ties.shares(10, [6, 3, 1]) == [6, 3, 1]
    assert ties.shares(3, []) == []


def test_shares_of_billions_are_exact_and_quick() -> None:
    sizes = [1_000_000_007 * (i % 7 + 1) for i in range(900)]
    given_ = ties.shares(sum(sizes) // 3, sizes)
    assert sum(given_) == sum(sizes) // 3
    assert max(abs(n / size - 1 / 3) for n, size in zip(given_, sizes, strict=True)) < 1e-9


def test_a_window_keeps_few_of_many_ties() -> None:
    for quota, count in ((1, 10**9), (10**8, 10**9), (10**9 - 1, 10**9)):
        window = ties.window(quota, count)
        assert 0 <= window.low < window.high < 1 << 64
        assert (window.high - window.low) / 2**64 < 1e-3
        assert window.low / 2**64 <= quota / count <= (window.high + 1) / 2**64


def test_the_hash_is_splitmix_of_the_tensor_and_the_index() -> None:
    for seed, name, index in ((0, "a", 0), (1, "a", 5), (0, "model.norm.weight", 2**33)):
        key = np.uint64(ties.tensor_key(seed, name))
        assert int(kernels.tie_hash(key, np.int64(index))) == reference.hash_of(seed, name, index)


def test_what_was_decided_once_is_not_looked_for_again(massive_ties: CheckpointPair) -> None:
    profile, spec = profile_pair(massive_ties), RestoreSpec(10)
    live = [{name: torch.empty(200, 200) for name in NAMES} for _ in range(2)]
    apply_state(live[0], massive_ties, profile, spec)
    lasts = profile.cut(spec).lasts
    assert sorted(lasts) == NAMES
    assert all(math.isclose(last / 2**64, 4000 / 30_000, rel_tol=0.1) for last in lasts.values())
    apply_state(live[1], massive_ties, profile, spec)
    assert all(torch.equal(live[0][name], live[1][name]) for name in NAMES)
