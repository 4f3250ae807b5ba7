"""Blends against float64 arithmetic on whole tensors; their ends bit for bit; what is counted is what is stored."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from analysis.errors import PalimpsestError, SpecError
from analysis.records import BLENDS, RestoreSpec
from analysis.weights.blend_kernels import drop_change, scale_change
from analysis.weights.blends import scale_of
from analysis.weights.pair import CheckpointPair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state, state_id
from analysis.weights.ties import tensor_key
from analysis.weights.write import write_restored
from tests.weights import plain_reference as reference

Pairs = dict[str, tuple[Path, Path]]
Tensors = dict[str, torch.Tensor]
DTYPES = ["bfloat16", "float16", "float32"]


def blended(pair: CheckpointPair, spec: RestoreSpec) -> Tensors:
    """The pair's values in that state, in the stored dtype."""
    kinds = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    held = {tensor.name: torch.empty(tensor.tuned.shape, dtype=kinds[tensor.tuned.dtype]) for tensor in pair.tensors}
    apply_state(held, pair, profile_pair(pair), spec)
    return held


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.view(torch.int32 if tensor.dtype == torch.float32 else torch.int16)


def expected(spec: RestoreSpec, name: str, base: torch.Tensor, tuned: torch.Tensor) -> torch.Tensor:
    """out = p + g d in float64, g written down for each value, for the two-layer models of these tests."""
    p, s = base.double(), tuned.double()
    share = spec.percent / 100
    if spec.strategy == "interpolation":
        g = torch.tensor(1 - share, dtype=torch.float64)
    elif spec.strategy == "layer-scaled":
        g = torch.tensor(1.0 if "layers.1." in name else 1 - share, dtype=torch.float64)
    else:
        codes = [reference.hash_of(spec.seed, name, i) for i in range(p.numel())]
        dropped = torch.tensor([code < share * 2**64 for code in codes]).view(p.shape)
        g = torch.where(dropped, 0.0, torch.full_like(p, 1 / (1 - share)))
    return (p + g * (s - p)).float().to(tuned.dtype)


def test_half_of_a_change_is_worked_out_by_hand() -> None:
    p, s, out = np.float32([1, 2, -0.0, 4]), np.float32([3, 2, 0.0, -4]), np.empty(4, np.float32)
    scale_change(p, s, 4, 0.5, out)
    assert out.tolist() == [2, 2, 0, 0]
    scale_change(p, s, 4, 0.0, out)
    assert out.tobytes() == p.tobytes()  # the sign of zero too
    scale_change(p, s, 4, 1.0, out)
    assert out.tobytes() == s.tobytes()


def test_kept_changes_are_rescaled_and_dropped_ones_are_the_base() -> None:
    p, s, out = np.zeros(2, np.float32), np.float32([1, 3]), np.empty(2, np.float32)
    key = tensor_key(0, "w")
    low, high = sorted((reference.hash_of(0, "w", i), i) for i in (0, 1))
    drop_change(p, s, 2, 4.0, np.uint64(high[0]), np.uint64(key), 0, out)
    assert out[low[1]] == 0 and out[high[1]] == 4 * s[high[1]]


@given(st.lists(st.tuples(*2 * [st.floats(-10, 10, width=32)]), min_size=1, max_size=50), st.floats(0, 1))
def test_a_scaled_value_lies_between_its_two_sides_and_agrees_with_float64(
    values: list[tuple[float, float]], g: float
) -> None:
    p, s = (np.array(side, np.float32) for side in zip(*values, strict=True))
    out = np.empty_like(p)
    scale_change(p, s, len(p), g, out)
    assert (np.minimum(p, s) <= out).all() and (out <= np.maximum(p, s)).all()
    wide = p.astype(float) + g * (s.astype(float) - p.astype(float))
    np.testing.assert_array_equal(out, np.where(g == 1, s, wide.astype(np.float32)))


def test_layers_are_scaled_less_the_deeper_they_lie() -> None:
    spec = RestoreSpec(40, "layer-scaled")
    assert [scale_of(spec, layer, 3) for layer in (0, 1, 2)] == pytest.approx([0.6, 0.8, 1.0], abs=1e-12)
    assert scale_of(spec, None, 3) == scale_of(spec, 0, 1) == 0.6
    assert scale_of(RestoreSpec(40, "interpolation"), 2, 3) == 0.6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strategy", ["interpolation", "layer-scaled", "drop-rescale"])
def test_every_blend_is_float64_arithmetic_rounded_to_the_stored_dtype(
    llama_pairs: Pairs, dtype: str, strategy: str
) -> None:
    pair = open_pair(*llama_pairs[dtype])
    base, tuned = (reference.load(folder) for folder in llama_pairs[dtype])
    spec = RestoreSpec(30, strategy, seed=3)  # type: ignore[arg-type]
    for name, values in blended(pair, spec).items():
        inside = reference.in_transformer(name)
        wanted = expected(spec, name, base[name], tuned[name]) if inside else tuned[name]
        assert torch.equal(values, wanted), name


@pytest.mark.parametrize("dtype", [*DTYPES, "tied", "sharded"])
@pytest.mark.parametrize("strategy", BLENDS)
def test_nothing_is_the_tuned_model_and_everything_the_base(llama_pairs: Pairs, dtype: str, strategy: str) -> None:
    pair = open_pair(*llama_pairs[dtype])
    base, tuned = (reference.load(folder) for folder in llama_pairs[dtype])
    for name, values in blended(pair, RestoreSpec(0, strategy, "all")).items():  # type: ignore[arg-type]
        assert torch.equal(bits(values), bits(tuned[name])), name
    for name, values in blended(pair, RestoreSpec(100, strategy, "all")).items():  # type: ignore[arg-type]
        kept = strategy == "layer-scaled" and "layers.1." in name
        assert torch.equal(bits(values), bits((tuned if kept else base)[name])), name


def test_only_what_ends_at_the_base_claims_to_be_the_base(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    ends = {strategy: state_id(profile, RestoreSpec(100, strategy, "all")) for strategy in BLENDS}
    assert {strategy for strategy in BLENDS if ends[strategy] == profile.base_id} == set(BLENDS) - {"layer-scaled"}
    halves = {state_id(profile, RestoreSpec(50, strategy, "all")) for strategy in BLENDS}
    assert len(halves) == len(BLENDS)


def test_the_dropped_sets_of_a_seed_are_nested_and_of_another_seed_others(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["float32"])
    base = torch.cat([value.flatten() for value in reference.load(llama_pairs["float32"][0]).values()])

    def dropped(percent: float, seed: int = 0) -> torch.Tensor:
        spec = RestoreSpec(percent, "drop-rescale", "all", seed=seed)
        return torch.cat([value.flatten() for _, value in sorted(blended(pair, spec).items())]) == base

    few, many, others = dropped(10), dropped(60), dropped(10, seed=1)
    assert bool((many | ~few).all()) and int(few.sum()) == pytest.approx(0.1 * len(base), rel=0.1)
    assert not bool((few == others).all())


@pytest.mark.parametrize("strategy", BLENDS)
def test_what_is_counted_is_what_is_stored(llama_pairs: Pairs, strategy: str) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    base, tuned = (reference.load(folder) for folder in llama_pairs["bfloat16"])
    spec = RestoreSpec(40, strategy)  # type: ignore[arg-type]
    count, values = profile_pair(pair).count(spec), blended(pair, spec)
    scope = [name for name in base if reference.in_transformer(name)]
    p, s, out = (torch.cat([side[n].flatten() for n in scope]).double() for side in (base, tuned, values))
    changed, seen = p != s, count.realised
    assert seen is not None and count.threshold is None
    assert seen.to_base == int((changed & (out == p)).sum()) and seen.to_tuned == int((changed & (out == s)).sum())
    inside = (torch.minimum(p, s) < out) & (out < torch.maximum(p, s))
    assert seen.between == int(inside.sum())
    assert seen.to_base + seen.to_tuned + seen.between + seen.beyond == count.changed_count == int(changed.sum())
    assert count.effective_count == seen.moved == int((out != s).sum())
    distance = float(((out - s) ** 2).sum() / ((s - p) ** 2).sum())
    assert count.effective_l2_percent == pytest.approx(100 * distance, rel=1e-9)
    moved = changed & torch.cat([torch.full((base[n].numel(),), "layers.1." not in n) for n in scope])
    assert count.count == int((moved if strategy == "layer-scaled" else changed).sum())
    assert sum(count.by_module.values()) == sum(count.by_layer.values()) == count.count


def test_two_dtypes_are_blended_as_stored_and_rounded_to_the_tuned_one(llama_pairs: Pairs) -> None:
    pair = open_pair(llama_pairs["float32"][0], llama_pairs["bfloat16"][1])
    base, tuned = reference.load(llama_pairs["float32"][0]), reference.load(llama_pairs["bfloat16"][1])
    spec = RestoreSpec(100, "interpolation", "all")
    for name, values in blended(pair, spec).items():
        assert torch.equal(values, base[name].to(torch.bfloat16)), name
    seen = profile_pair(pair).count(spec).realised
    assert seen is not None and seen.to_tuned == seen.between == seen.beyond == 0
    half = RestoreSpec(50, "interpolation", "all")
    for name, values in blended(pair, half).items():
        assert torch.equal(values, expected(half, name, base[name], tuned[name])), name


def test_a_written_blend_is_the_blend_in_memory_and_says_what_rounding_did(llama_pairs: Pairs, tmp_path: Path) -> None:
    import json

    pair = open_pair(*llama_pairs["bfloat16"])
    for strategy in ("drop-rescale", "spectral"):
        spec = RestoreSpec(60, strategy, seed=2)  # type: ignore[arg-type]
        write_restored(pair, profile_pair(pair), spec, tmp_path / strategy)
        written, live = reference.load(tmp_path / strategy), blended(pair, spec)
        assert all(torch.equal(written[name], live[name]) for name in live)
        recipe = json.loads((tmp_path / strategy / "palimpsest.json").read_text())
        assert recipe["strategy"] == strategy and recipe["arithmetic"] == "exact"
        assert recipe["realised"]["moved"] > 0 and recipe["effective_l2_percent"] > 0


def test_a_rescaled_value_that_its_dtype_cannot_hold_is_refused_by_name(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    for side, value in (("base", 0.0), ("tuned", 1000.0)):
        (tmp_path / side).mkdir()
        save_file({name: torch.full((40, 10), value).half()}, tmp_path / side / "model.safetensors")
    pair = open_pair(tmp_path / "base", tmp_path / "tuned")
    with pytest.raises(SpecError, match=r"up_proj\.weight are too large for F16"):
        blended(pair, RestoreSpec(99.5, "drop-rescale"))


def test_an_unchanged_pair_has_nothing_to_blend(llama_pairs: Pairs) -> None:
    base = llama_pairs["bfloat16"][0]
    pair = open_pair(base, base)
    for strategy in BLENDS:
        count = profile_pair(pair).count(RestoreSpec(50, strategy))
        assert count.effective_count == count.changed_count == 0 and count.effective_l2_percent == 0
        assert count.realised is not None and math.isnan(count.realised.rounded_fraction)


def test_a_blend_nobody_wants_any_more_is_cancelled(llama_pairs: Pairs) -> None:
    class Unwanted:
        def report(self, *_: object) -> None: ...

        def cancelled(self) -> bool:
            return True

    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    for strategy in ("interpolation", "spectral"):
        with pytest.raises(PalimpsestError, match="Cancelled"):
            profile.count(RestoreSpec(50, strategy), Unwanted())  # type: ignore[arg-type]


def test_from_any_stop_to_any_other_the_values_are_those_of_the_stop_alone(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    walk = ["tuned", *(RestoreSpec(40, strategy) for strategy in BLENDS), RestoreSpec(40), RestoreSpec(60, "spectral")]
    walk += [
        "base",
        RestoreSpec(30, "drop-rescale"),
        RestoreSpec(30, "drop-rescale", seed=1),
        RestoreSpec(100, "random"),
    ]
    walk += [RestoreSpec(20, "interpolation", layers=(1,)), RestoreSpec(20, "interpolation", modules=("q",)), "tuned"]
    held = {tensor.name: torch.empty(tensor.tuned.shape, dtype=torch.bfloat16) for tensor in pair.tensors}
    before = None
    for state in walk:
        apply_state(held, pair, profile, state, previous=before)  # type: ignore[arg-type]
        alone = {name: torch.empty_like(values) for name, values in held.items()}
        apply_state(alone, pair, profile, state)  # type: ignore[arg-type]
        assert all(torch.equal(bits(held[name]), bits(alone[name])) for name in held), state
        before = state
