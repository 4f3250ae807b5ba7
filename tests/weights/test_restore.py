"""States of a live model: bit for bit the base, the tuned, and what is written to disk."""

from pathlib import Path

import pytest
import torch

from analysis.errors import PairError
from analysis.records import RestoreSpec
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state, state_id

Pairs = dict[str, tuple[Path, Path]]


def load(folder: Path, dtype: torch.dtype | str = "auto"):
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(folder, dtype=dtype)


def bits(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32", "tied", "sharded"])
def test_nothing_is_the_tuned_model_and_everything_the_base_bit_for_bit(llama_pairs: Pairs, kind: str) -> None:
    base, tuned = (load(folder) for folder in llama_pairs[kind])
    pair = open_pair(*llama_pairs[kind])
    profile = profile_pair(pair)
    model = load(llama_pairs[kind][1])
    live = dict(model.named_parameters())
    for state, expected in (
        (RestoreSpec(100, region="all"), base),
        ("tuned", tuned),
        ("base", base),
        (RestoreSpec(0), tuned),
        (RestoreSpec(100, strategy="random", region="all"), base),
        (RestoreSpec(100, strategy="relative-bottom", region="all"), base),
    ):
        apply_state(live, pair, profile, state)
        assert same(bits(model), bits(expected)), state


def test_the_values_are_made_in_the_stored_dtype_and_then_cast(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    stored, wide = load(llama_pairs["bfloat16"][1]), load(llama_pairs["bfloat16"][1], torch.float32)
    for model in (stored, wide):
        apply_state(dict(model.named_parameters()), pair, profile, RestoreSpec(30))
    assert same({name: value.float() for name, value in bits(stored).items()}, bits(wide))


def test_a_tied_head_listed_beside_its_embedding_is_no_extra_parameter(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["tied"])
    model = load(llama_pairs["tied"][1])
    live = dict(model.named_parameters(remove_duplicate=False))
    assert "lm_head.weight" in live
    apply_state(live, pair, profile_pair(pair), "base")
    assert same(bits(model), bits(load(llama_pairs["tied"][0])))


def test_a_model_with_other_tensors_is_refused_with_all_of_them(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["float32"])
    live = dict(load(llama_pairs["float32"][1]).named_parameters())
    live["model.extra.weight"] = torch.zeros(2)
    del live["model.norm.weight"]
    live["lm_head.weight"] = torch.zeros(3)
    with pytest.raises(PairError) as caught:
        apply_state(live, pair, profile_pair(pair), "tuned")
    assert len(caught.value.items) == 3


def test_every_state_has_its_own_id_and_the_ends_are_the_checkpoints(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    assert state_id(profile, "base") == state_id(profile, RestoreSpec(100, region="all")) == profile.base_id
    assert state_id(profile, "tuned") == state_id(profile, RestoreSpec(0, strategy="random")) == profile.tuned_id
    assert state_id(profile, RestoreSpec(20)) == state_id(profile, RestoreSpec(20.0))
    others = [
        RestoreSpec(20),
        RestoreSpec(21),
        RestoreSpec(20, seed=1),
        RestoreSpec(20, region="all"),
        RestoreSpec(100),
    ]
    assert len({state_id(profile, spec) for spec in others}) == len(others)


def test_different_dtypes_never_claim_to_be_the_base(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(llama_pairs["float32"][0], llama_pairs["bfloat16"][1]))
    assert state_id(profile, RestoreSpec(100, region="all")) != profile.base_id


@pytest.mark.parametrize(
    "second", ["tuned", "base", RestoreSpec(20), RestoreSpec(5, "random"), RestoreSpec(30, "interpolation")]
)
@pytest.mark.parametrize("first", ["tuned", "base", RestoreSpec(5), RestoreSpec(20, layers=(1,)), RestoreSpec(70)])
def test_from_one_state_to_another_gives_the_same_values_as_from_nothing(
    llama_pairs: Pairs, first: str | RestoreSpec, second: str | RestoreSpec
) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    stepwise = {tensor.name: torch.empty(tensor.tuned.shape) for tensor in pair.tensors}
    at_once = {tensor.name: torch.empty(tensor.tuned.shape) for tensor in pair.tensors}
    apply_state(stepwise, pair, profile, first)
    apply_state(stepwise, pair, profile, second, previous=first)
    apply_state(at_once, pair, profile, second)
    assert all(torch.equal(stepwise[name], at_once[name]) for name in at_once)


def test_tensors_that_stay_the_same_are_not_touched(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    live = {tensor.name: torch.zeros(tensor.tuned.shape) for tensor in pair.tensors}
    apply_state(live, pair, profile, RestoreSpec(20), previous=RestoreSpec(5))
    untouched = {name for name, values in live.items() if not values.any()}
    assert "model.embed_tokens.weight" in untouched
    assert not any("mlp" in name for name in untouched)
