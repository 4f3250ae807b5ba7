"""What the pass keeps of very different bfloat16 weights has a bound, and every count stays that of a full sort."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.records import RestoreSpec
from analysis.weights import kernels_bf16
from analysis.weights import profile as profiles
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.profile import profile_pair
from tests.weights import plain_reference as reference

NAME = "model.layers.0.mlp.up_proj.weight"


def pair_of(home: Path, base: torch.Tensor, tuned: torch.Tensor) -> CheckpointPair:
    for side, values in (("base", base), ("tuned", tuned)):
        (home / side).mkdir()
        save_file({NAME: values.bfloat16()}, home / side / "model.safetensors")
    return open_pair(home / "base", home / "tuned")


def check(pair: CheckpointPair, percents: tuple[float, ...]) -> None:
    base, tuned = (reference.load(side.folder)[NAME] for side in (pair.base, pair.tuned))
    keys, profile = np.sort(reference.relative_change(base, tuned))[::-1], profile_pair(pair)
    for percent in percents:
        count = profile.count(RestoreSpec(percent))
        assert count.threshold == keys[count.count - 1]
        assert count.ties == (keys == count.threshold).sum()


@pytest.fixture(autouse=True)
def _nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "KEEP_PARAMETERS", 0)


def test_many_large_ratios_of_few_values_are_joined_and_known(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(1, 9, (400, 500), generator=generator).float()
    tuned = base * torch.tensor([3.0, -1.5, 40.0, 1.0]).repeat(125)
    pair = pair_of(tmp_path, base, tuned)
    assert (base != tuned).sum() > 2 * kernels_bf16.KEPT
    distinct = profile_pair(pair).tensors[0].distinct
    assert distinct is not None
    assert distinct.below == np.inf
    assert len(distinct.keys) < kernels_bf16.KEPT
    check(pair, (0.5, 20, 26, 60, 75))


def test_more_distinct_large_ratios_than_are_kept_are_looked_up_in_the_files(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    base, tuned = (torch.randn(800, 800, generator=generator) for _ in range(2))
    tuned[400:] = base[400:] * 1.01  # small steps, whose keys stay known
    pair = pair_of(tmp_path, base, tuned)
    distinct = profile_pair(pair).tensors[0].distinct
    assert distinct is not None
    assert distinct.below == kernels_bf16.KNOWN_BELOW
    assert (distinct.keys < distinct.below).all()
    check(pair, (0.1, 3, 25, 45, 60, 90))
