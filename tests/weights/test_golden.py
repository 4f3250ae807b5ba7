"""What stored profiles and states depend on, pinned. When this fails, raise VERSIONS["profile"] in cache/keys.py."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.records import RestoreSpec
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import state_id

GOLDEN = {
    "ids": ("227fc9cae8cb13e122ac49f8bfa8a50a", "7eaab91ba7b55a06ad65acf5e38af3fe", "f713b88c9da5393c5dea16e13ee355c5"),
    "top": (0.0125, 9, 8, {0: 121, 1: 79}),
    "random": (114, {0: 120, 1: 80}),
    "mean": pytest.approx(0.011274362409752565, rel=1e-12),
}


@pytest.fixture
def pair(tmp_path: Path) -> CheckpointPair:
    """A thousand weights by formula: some zero, some unchanged, many equal ratios."""
    index = torch.arange(1000, dtype=torch.float64)
    p = ((index * 37 % 101) - 50) / 64
    s = p + torch.where(index % 3 == 0, 0.0, (index % 7) / 1024)
    for side, values in (("base", p), ("tuned", s)):
        (tmp_path / side).mkdir()
        tensors = {"model.layers.0.mlp.up_proj.weight": values[:600], "model.layers.1.mlp.up_proj.weight": values[600:]}
        save_file({name: value.float() for name, value in tensors.items()}, tmp_path / side / "model.safetensors")
    return open_pair(tmp_path / "base", tmp_path / "tuned")


def test_ids_orders_and_sums_are_what_they_were(pair: CheckpointPair) -> None:
    profile = profile_pair(pair)
    spec = RestoreSpec(20)
    count, chance = profile.count(spec), profile.count(RestoreSpec(20, strategy="random"))
    found = {
        "ids": (profile.base_id, profile.tuned_id, state_id(profile, spec)),
        "top": (count.threshold, count.ties, count.ties_restored, count.by_layer),
        "random": (chance.effective_count, chance.by_layer),
        "mean": profile.layers()[0].mean_relative,
    }
    assert found == GOLDEN
