"""The profile's counts, thresholds and sets against a full sort of whole tensors."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.errors import Cancelled, PairError, SpecError
from analysis.records import PAPER_PERCENTS, SELECTS, RestoreSpec, Silent
from analysis.weights import profile as profiles
from analysis.weights.pair import open_pair
from analysis.weights.profile import UpdateProfile, profile_pair
from analysis.weights.restore import apply_state
from tests.weights import plain_reference as reference

Pairs = dict[str, tuple[Path, Path]]


def restored(pair, profile: UpdateProfile, spec: RestoreSpec) -> dict[str, torch.Tensor]:
    held = {tensor.name: torch.empty(tensor.tuned.shape, dtype=torch.float32) for tensor in pair.tensors}
    apply_state(held, pair, profile, spec)
    return held


def save_pair(home: Path, base: dict[str, torch.Tensor], tuned: dict[str, torch.Tensor]) -> tuple[Path, Path]:
    for side, tensors in (("base", base), ("tuned", tuned)):
        (home / side).mkdir(parents=True, exist_ok=True)
        save_file(tensors, home / side / "model.safetensors")
    return home / "base", home / "tuned"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("keep", [True, False], ids=["keys in memory", "keys from the files"])
def test_every_percentage_of_the_paper_restores_exactly_the_set_of_a_full_sort(
    llama_pairs: Pairs, dtype: str, keep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not keep:
        monkeypatch.setattr(profiles, "KEEP_PARAMETERS", 0)
    pair = open_pair(*llama_pairs[dtype])
    profile = profile_pair(pair)
    base, tuned = (reference.load(folder) for folder in llama_pairs[dtype])
    scope = [name for name in base if reference.in_transformer(name)]
    for percent in PAPER_PERCENTS:
        masks = reference.restored_masks({n: base[n] for n in scope}, {n: tuned[n] for n in scope}, percent)
        spec = RestoreSpec(percent)
        count, values = profile.count(spec), restored(pair, profile, spec)
        assert count.count == sum(int(mask.sum()) for mask in masks.values())
        keys = np.concatenate([reference.relative_change(base[n], tuned[n]) for n in scope])
        chosen = np.concatenate([masks[n] for n in scope])
        assert count.threshold == keys[chosen].min()
        assert count.ties == (keys == count.threshold).sum()
        assert count.effective_count == (chosen & (keys > 0)).sum()
        for name in base:
            mask = torch.from_numpy(masks[name]).view(base[name].shape) if name in masks else torch.tensor(False)
            expected = torch.where(mask, base[name], tuned[name]).float()
            assert torch.equal(values[name], expected), name
        by_layer = {layer: sum(int(masks[n].sum()) for n in scope if f"layers.{layer}." in n) for layer in (0, 1)}
        assert count.by_layer == by_layer
        assert count.by_module["q"] == sum(int(masks[n].sum()) for n in scope if "q_proj" in n)


@pytest.mark.parametrize("strategy", SELECTS)
@pytest.mark.parametrize("scope", ["global", "tensor"])
@pytest.mark.parametrize("percent", [0, 0.004, 7, 33.3, 97, 100])
def test_every_strategy_and_scope_agrees_with_a_full_sort(
    llama_pairs: Pairs, strategy: str, scope: str, percent: float
) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    base, tuned = (reference.load(folder) for folder in llama_pairs["bfloat16"])
    names = [name for name in base if "mlp" in name]
    part = {n: base[n] for n in names}, {n: tuned[n] for n in names}
    masks = reference.restored_masks(*part, percent, strategy=strategy, scope=scope, seed=5)
    spec = RestoreSpec(percent, strategy=strategy, scope=scope, region="mlp", seed=5)
    count, values = profile.count(spec), restored(pair, profile, spec)
    assert count.count == sum(int(mask.sum()) for mask in masks.values())
    changed = {n: (base[n] != tuned[n]).numpy().ravel() for n in names}
    assert count.effective_count == sum(int((masks[n] & changed[n]).sum()) for n in names)
    assert count.changed_count == sum(int(changed[n].sum()) for n in names)
    for name in names:
        mask = torch.from_numpy(masks[name]).view(base[name].shape)
        assert torch.equal(values[name], torch.where(mask, base[name], tuned[name]).float())


def test_layers_narrow_the_region(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    count = profile.count(RestoreSpec(50, layers=(1,)))
    assert count.region_parameters == 7680
    assert count.by_layer == {1: 3840}
    with pytest.raises(SpecError, match="Layers 7 are not there"):
        profile.count(RestoreSpec(50, layers=(1, 7)))


def test_the_set_at_a_smaller_percentage_lies_inside_the_set_at_a_larger(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    tuned = {name: tensor.float() for name, tensor in reference.load(llama_pairs["bfloat16"][1]).items()}
    for strategy in SELECTS:
        before = None
        for percent in (1, 2, 5, 30, 55, 90):
            values = restored(pair, profile, RestoreSpec(percent, strategy=strategy))
            differs = torch.cat([(values[name] != tuned[name]).flatten() for name in sorted(values)])
            assert before is None or bool((differs | ~before).all())
            before = differs


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_paper_arithmetic_agrees_with_the_authors_procedure(llama_pairs: Pairs, dtype: str) -> None:
    """Same count, same threshold, equal bits outside the tie class, the same number restored inside it."""
    pair = open_pair(*llama_pairs[dtype])
    profile = profile_pair(pair, arithmetic="paper")
    base, tuned = (reference.load(folder) for folder in llama_pairs[dtype])
    names = [name for name in base if reference.in_transformer(name)]
    part = {n: base[n] for n in names}, {n: tuned[n] for n in names}
    for percent in PAPER_PERCENTS:
        theirs, count, threshold, ratios = reference.authors_restore(*part, percent)
        spec = RestoreSpec(percent, arithmetic="paper")
        ours, counted = restored(pair, profile, spec), profile.count(spec)
        assert (counted.count, counted.threshold) == (count, threshold)
        above = sum(int((ratio > threshold).sum()) for ratio in ratios.values())
        assert counted.ties_restored == count - above
        for name in names:
            outside = torch.from_numpy(ratios[name] != threshold).view(base[name].shape)
            assert torch.equal(ours[name][outside], theirs[name].float()[outside])


def test_paper_arithmetic_matches_torch_on_the_awkward_values(tmp_path: Path) -> None:
    """Zeros, subnormals, huge ratios and opposite signs, each value against each, in bfloat16."""
    values = torch.tensor([0.0, -0.0, 1e-40, -3e-39, 1e-8, 2e-8, 0.01, -0.01, 0.0101, 1.0, -250.0, 3e38]).bfloat16()
    p, s = values.repeat_interleave(len(values)), values.repeat(len(values))
    finite = ((s - p).abs() / (p.abs() + 1e-8)).isfinite()
    p, s = p[finite], s[finite]
    name = "model.layers.0.mlp.up_proj.weight"
    pair = open_pair(*save_pair(tmp_path, {name: p}, {name: s}))
    profile = profile_pair(pair, arithmetic="paper")
    expected = ((s - p).abs() / (p.abs() + 1e-8)).double().sort(descending=True).values
    for rank in range(1, len(expected) + 1):
        count = profile.count(RestoreSpec(100 * rank / len(expected), arithmetic="paper"))
        assert count.threshold == expected[count.count - 1]


def test_a_weight_that_was_zero_ranks_first_and_adds_nothing_to_the_sums(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    base, tuned = torch.tensor([0.0, 1.0, 2.0, 0.0, 4.0]), torch.tensor([0.5, 1.5, 2.0, 0.0, 3.0])
    profile = profile_pair(open_pair(*save_pair(tmp_path, {name: base}, {name: tuned})))
    assert profile.count(RestoreSpec(20)).threshold == math.inf
    assert profile.count(RestoreSpec(40)).threshold == 0.5
    row = profile.tensor_rows()[0]
    # r: inf, 0.5, 0, 0, 0.25; the mean is over the four finite ones. |d|: 0.5, 0.5, 0, 0, 1.
    assert (row.infinite, row.mean_relative, row.mean_absolute) == (1, 0.1875, 0.4)
    assert row.l2 == pytest.approx(math.sqrt(1.5), rel=1e-12)
    assert row.changed_fraction == 0.6


def test_the_sums_agree_with_numpy(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["bfloat16"]))
    base, tuned = (reference.load(folder) for folder in llama_pairs["bfloat16"])
    for row in profile.tensor_rows("all"):
        r, d = (
            reference.relative_change(base[row.name], tuned[row.name]),
            (tuned[row.name].double() - base[row.name].double()),
        )
        assert row.parameters == r.size
        assert row.mean_relative == pytest.approx(r[np.isfinite(r)].mean(), rel=1e-12)
        assert row.mean_absolute == pytest.approx(float(d.abs().mean()), rel=1e-12)
        assert row.l2 == pytest.approx(float(d.norm()), rel=1e-12)
        assert row.changed_fraction == float((d != 0).double().mean())


def test_the_concentration_curve_is_the_cumulative_share_of_the_sorted_changes(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    base, tuned = (reference.load(folder) for folder in llama_pairs["float32"])
    names = [name for name in base if reference.in_transformer(name)]
    r = np.concatenate([reference.relative_change(base[n], tuned[n]) for n in names])
    d = np.concatenate([(tuned[n].double() - base[n].double()).abs().numpy().ravel() for n in names])
    order = np.argsort(-r)
    curve = profile.concentration()
    for percent in (1, 5, 20, 60):
        at, top = np.flatnonzero(curve.percent == percent)[0], order[: int(len(r) * percent / 100)]
        assert curve.share_relative[at] == pytest.approx(r[top].sum() / r.sum(), abs=2e-3)
        assert curve.share_absolute[at] == pytest.approx(d[top].sum() / d.sum(), abs=2e-3)
    for share in (curve.share_relative, curve.share_absolute, curve.share_null):
        assert (share[0], share[-1]) == (0.0, pytest.approx(1.0))
        assert (np.diff(share) >= -1e-12).all()


def test_the_null_of_pure_noise_looks_like_the_update_itself(tmp_path: Path) -> None:
    """d drawn apart from p: shuffling it changes nothing but chance, so both curves agree."""
    generator = torch.Generator().manual_seed(0)
    base = {"model.layers.0.mlp.up_proj.weight": torch.randn(400, 400, generator=generator)}
    tuned = {name: p + 1e-3 * torch.randn(p.shape, generator=generator) for name, p in base.items()}
    curve = profile_pair(open_pair(*save_pair(tmp_path, base, tuned))).concentration()
    inside = (curve.percent >= 5) & (curve.percent < 100)
    np.testing.assert_allclose(curve.share_null[inside], curve.share_relative[inside], atol=0.1)


def test_the_stored_profile_answers_as_the_fresh_one(llama_pairs: Pairs) -> None:
    fresh = profile_pair(open_pair(*llama_pairs["tied"]))
    again = UpdateProfile.from_stored(fresh.to_stored())
    assert again.percent_rows() == fresh.percent_rows()
    assert again.tensor_rows("all") == fresh.tensor_rows("all")
    for strategy in ("relative-top", "random"):
        assert again.count(RestoreSpec(13, strategy=strategy)) == fresh.count(RestoreSpec(13, strategy=strategy))
    assert (again.base_id, again.tuned_id) == (fresh.base_id, fresh.tuned_id)


def test_a_large_pair_looks_in_its_files_and_says_so_when_they_changed(
    llama_pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "KEEP_PARAMETERS", 0)
    base, tuned = (reference.load(folder) for folder in llama_pairs["float32"])
    folders = save_pair(tmp_path, base, tuned)
    profile = profile_pair(open_pair(*folders))
    assert profile.held is None
    assert profile.count(RestoreSpec(6)).count == 921
    (folders[1] / "model.safetensors").touch()
    again = UpdateProfile.from_stored(profile.to_stored())
    assert again.count(RestoreSpec(6)) == profile.count(RestoreSpec(6))
    assert again.percent_rows() == profile.percent_rows()
    with pytest.raises(PairError, match="have changed"):
        again.count(RestoreSpec(7))


def test_nan_and_infinity_are_counted_named_and_refused(tmp_path: Path) -> None:
    names = [f"model.layers.{layer}.mlp.up_proj.weight" for layer in range(3)]
    base = {name: torch.ones(10, dtype=torch.bfloat16) for name in names}
    tuned = {name: torch.ones(10, dtype=torch.bfloat16) for name in names}
    tuned[names[0]][:2] = math.nan
    base[names[2]][5] = -math.inf
    with pytest.raises(PairError) as caught:
        profile_pair(open_pair(*save_pair(tmp_path, base, tuned)))
    assert caught.value.code == "not-finite"
    assert caught.value.items == (f"{names[0]}: 0 in base, 2 in tuned", f"{names[2]}: 1 in base, 0 in tuned")


def test_paper_arithmetic_refuses_float16(llama_pairs: Pairs) -> None:
    with pytest.raises(PairError, match="cannot rank float16"):
        profile_pair(open_pair(*llama_pairs["float16"]), arithmetic="paper")


def test_an_identical_pair_and_two_unrelated_models_are_told(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    a, b = torch.randn(64, 64), torch.randn(64, 64)
    same = profile_pair(open_pair(*save_pair(tmp_path / "same", {name: a}, {name: a.clone()})))
    assert [finding.code for finding in same.findings] == ["identical"]
    assert same.count(RestoreSpec(10)).effective_percent == 0
    other = profile_pair(open_pair(*save_pair(tmp_path / "other", {name: a}, {name: b})))
    assert [finding.code for finding in other.findings] == ["unrelated"]


def test_a_region_without_parameters_is_refused_with_the_way_out(tmp_path: Path) -> None:
    name = "model.embed_tokens.weight"
    profile = profile_pair(open_pair(*save_pair(tmp_path, {name: torch.ones(4, 4)}, {name: torch.zeros(4, 4)})))
    with pytest.raises(SpecError, match="no parameters in the region transformer"):
        profile.count(RestoreSpec(10))


def test_a_profile_nobody_wants_any_more_is_cancelled(llama_pairs: Pairs) -> None:
    class Unwanted(Silent):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        profile_pair(open_pair(*llama_pairs["float32"]), progress=Unwanted())


def test_the_threads_change_nothing(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    one, four = profile_pair(pair, threads=1), profile_pair(pair, threads=4)
    assert one.tensor_rows("all") == four.tensor_rows("all")
    assert one.concentration("all").share_null.tolist() == four.concentration("all").share_null.tolist()
    assert (one.base_id, one.tuned_id) == (four.base_id, four.tuned_id)
