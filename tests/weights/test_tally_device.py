"""Counting on a torch device gives what the compiled kernels give, to the last bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.records import RestoreSpec
from analysis.weights import tally
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.tally_device import DeviceTally

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture
def awkward(tmp_path: Path) -> CheckpointPair:
    """Bfloat16 weights of every kind: unchanged, moved a little or far, zero, subnormal, of changed sign."""
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(300, 300, generator=generator) * 0.02
    s = p + torch.randn(300, 300, generator=generator) * torch.tensor([1e-6, 1e-4, 1e-2]).repeat(100)
    p[:20] = 0.0
    p[20:25], s[20:25] = 1e-40, 3e-39
    s[30:40] = 0.0
    for side, values in (("base", p), ("tuned", s)):
        (tmp_path / side).mkdir()
        tensors = {f"model.layers.{i}.mlp.up_proj.weight": part.bfloat16() for i, part in enumerate(values.chunk(2))}
        save_file({name: part.contiguous() for name, part in tensors.items()}, tmp_path / side / "model.safetensors")
    return open_pair(tmp_path / "base", tmp_path / "tuned")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("arithmetic", ["exact", "paper"])
def test_the_profile_is_equal_to_the_last_bit(
    awkward: CheckpointPair, device: str, arithmetic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = profile_pair(awkward, arithmetic=arithmetic)
    monkeypatch.setattr(tally, "CellTally", lambda arithmetic: DeviceTally(arithmetic, device))
    there = profile_pair(awkward, arithmetic=arithmetic)
    for ours, theirs in zip(here.tensors, there.tensors, strict=True):
        assert np.array_equal(ours.table.bins, theirs.table.bins)
        assert np.array_equal(ours.table.rows, theirs.table.rows)
        assert np.array_equal(ours.null.rows, theirs.null.rows)
        assert ours.changed == theirs.changed > 0
    spec = RestoreSpec(20, arithmetic=arithmetic)
    assert here.count(spec) == there.count(spec)


def test_a_device_that_is_not_there_is_refused_by_name(awkward: CheckpointPair, tmp_path: Path) -> None:
    from analysis.errors import LanguageError
    from cache.work import Comparison, Workspace

    pair = Comparison(str(awkward.base.path), str(awkward.tuned.path))
    with pytest.raises(LanguageError, match="no device 'npu'"):
        Workspace(tmp_path / "home").profile(pair, device="npu")
