"""A restoration narrowed to module kinds and layers counts and touches these tensors only."""

from pathlib import Path

import pytest
import torch

from analysis.errors import SpecError
from analysis.records import RestoreSpec
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
from tests.weights import plain_reference as reference

Pairs = dict[str, tuple[Path, Path]]


def test_module_kinds_and_layers_narrow_the_region(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    count = profile.count(RestoreSpec(50, modules=("k", "q"), layers=(1,)))
    assert count.region_parameters == 32 * 32 + 32 * 16 and count.count == count.region_parameters // 2
    assert set(count.by_module) == {"q", "k"} and set(count.by_layer) == {1}
    assert sum(count.by_module.values()) == count.count


def test_whole_modules_go_back_to_the_base_and_nothing_else_moves(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    base, tuned = (reference.load(folder) for folder in llama_pairs["bfloat16"])
    held = {name: torch.empty_like(tensor) for name, tensor in tuned.items()}
    apply_state(held, pair, profile_pair(pair), RestoreSpec(100, modules=("down", "v")))
    for name, values in held.items():
        expected = base if "down_proj" in name or "v_proj" in name else tuned
        assert torch.equal(values, expected[name]), name


def test_unknown_layers_and_modules_are_told_together_with_what_there_is(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    with pytest.raises(SpecError, match=r"Layers 7 are not there.*Modules head are not there.* has down, gate"):
        profile.count(RestoreSpec(50, layers=(7,), modules=("head", "q")))
    with pytest.raises(SpecError, match="None of these layers"):
        profile.select("all", (0,), ("head",))
