"""Each variant does what it says: to the weights, to the loss, to the learning rate."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import TrainingError
from analysis.training.losses import kl_nats
from analysis.training.sft import fine_tune, rate_of
from analysis.training.toward_base import Restoring, restore_most_changed
from analysis.training.variants import Variant, part_of
from tests.training.models import QUESTIONS, make_base
from tests.training.test_sft import weights

NAMES = ["model.embed_tokens.weight", "model.norm.weight"] + [
    f"model.layers.{layer}.{module}.weight"
    for layer in range(16)
    for module in ("self_attn.q_proj", "mlp.down_proj", "input_layernorm")
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "base")


def tune(base: Path, out: Path, variant: Variant, **changed: object) -> dict[str, torch.Tensor]:
    settings = {"size": 20, "learning_rate": 1e-3, "threads": 1, "epochs": 2, "device": "cpu"} | changed
    fine_tune(base, out, QUESTIONS, variant=variant, **settings)  # type: ignore[arg-type]
    return weights(out)


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return math.sqrt(sum(float((one[name] - other[name]).square().sum()) for name in one))


def test_frozen_weights_are_the_bases_bit_for_bit_and_the_others_are_not(base: Path, tmp_path: Path) -> None:
    before, after = weights(base), tune(base, tmp_path / "tuned", Variant("freeze", layers=(0,)))
    frozen = {name for name in after if torch.equal(after[name], before[name])}
    assert frozen == {name for name in after if ".layers.0." in name}


def test_what_a_variant_means_without_layers_is_the_papers() -> None:
    assert {name.split(".")[2] for name in part_of(Variant("freeze"), NAMES)} == {"0", "1"}  # 2 of 16
    assert part_of(Variant("freeze", modules=("q",)), NAMES) == [name for name in NAMES if "q_proj" in name]
    assert len(part_of(Variant("restoring"), NAMES)) == 32  # no norms, no embeddings
    assert part_of(Variant("restoring", layers=(3,), modules=("down",)), NAMES) == [
        "model.layers.3.mlp.down_proj.weight"
    ]


@pytest.mark.slow
def test_the_stronger_the_pull_the_nearer_the_base(base: Path, tmp_path: Path) -> None:
    before = weights(base)
    strengths = (0.0, 0.03, 0.3)
    found = [distance(tune(base, tmp_path / f"{s}", Variant("l2sp", s)), before) for s in strengths]
    assert found == sorted(found, reverse=True)
    assert found[1] < 0.99 * found[0] and found[2] < 0.8 * found[1]
    plain = tune(base, tmp_path / "plain", Variant())
    assert all(torch.equal(plain[name], value) for name, value in weights(tmp_path / "0.0").items())


def test_one_pulled_step_is_the_plain_step_shortened(base: Path, tmp_path: Path) -> None:
    """One batch at the peak rate: w0 + (1 - strength) step."""
    before, once = weights(base), {"size": 8, "epochs": 1}
    plain = tune(base, tmp_path / "plain", Variant(), **once)
    pulled = tune(base, tmp_path / "pulled", Variant("l2sp", 0.25), **once)
    for name, start in before.items():
        torch.testing.assert_close(pulled[name], start + 0.75 * (plain[name] - start), rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_the_stronger_the_divergence_counts_the_less_the_answers_are_learnt(base: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"size": 20, "epochs": 6, "learning_rate": 3e-3, "threads": 1}
    losses = [
        fine_tune(base, tmp_path / f"{s}", QUESTIONS, variant=Variant("kl", s), **asked).loss[-1][1]
        for s in (0.0, 1.0, 30.0)
    ]
    assert losses[0] < losses[1] < losses[2]


def test_divergence_is_torchs_and_nothing_between_equals() -> None:
    torch.manual_seed(0)
    tuned, base = torch.randn(7, 11), torch.randn(7, 11)
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=tuned), torch.distributions.Categorical(logits=base)
    )
    torch.testing.assert_close(kl_nats(tuned, base), wanted, rtol=1e-5, atol=1e-6)
    assert torch.equal(kl_nats(tuned, tuned), torch.zeros(7))


def test_a_facts_rate_grows_in_a_line_with_its_mastery() -> None:
    assert [rate_of(level, Variant("by-level", 0.2)) for level in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rate_of(0, Variant()) == rate_of(None, Variant("by-level")) == 1.0


def test_at_level_0_alone_every_step_is_as_much_shorter(base: Path, tmp_path: Path) -> None:
    before, once = weights(base), {"size": 8, "epochs": 1, "level": 0}
    plain = tune(base, tmp_path / "plain", Variant(), **once)
    slow = tune(base, tmp_path / "slow", Variant("by-level", 0.25), **once)
    for name, start in before.items():
        torch.testing.assert_close(slow[name], start + 0.25 * (plain[name] - start), rtol=1e-4, atol=1e-7)


def test_after_restoring_in_training_at_most_the_rest_differs_from_the_base(base: Path, tmp_path: Path) -> None:
    before, after = weights(base), tune(base, tmp_path / "tuned", Variant("restoring", 60, every=4))
    scope = part_of(Variant("restoring"), list(before))
    total = sum(before[name].numel() for name in scope)
    differing = sum(int((before[name] != after[name]).sum()) for name in scope)
    assert 0 < differing <= total - math.floor(0.6 * total)


@pytest.mark.slow
def test_restoring_everything_every_step_leaves_the_layers_as_they_were(base: Path, tmp_path: Path) -> None:
    before, after = weights(base), tune(base, tmp_path / "tuned", Variant("restoring", 100, every=1))
    assert all(torch.equal(before[name], after[name]) for name in part_of(Variant("restoring"), list(before)))
    assert not torch.equal(before["model.norm.weight"], after["model.norm.weight"])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.floats(0, 100))
def test_what_is_put_back_are_the_largest_relative_changes_of_all_tensors(seed: int, percent: float) -> None:
    """Against a plain sort in float64, with unchanged weights, zeros in the base, and a shared threshold."""
    generator = np.random.default_rng(seed)
    shapes = ((5, 7), (3,), (11, 2))
    base = [torch.from_numpy(generator.integers(-3, 4, shape).astype(np.float32)) for shape in shapes]
    tuned = [one + torch.from_numpy(generator.integers(-2, 3, one.shape).astype(np.float32)) / 4 for one in base]
    now = [one.clone() for one in tuned]
    count = restore_most_changed(list(zip(now, base, strict=True)), percent)
    p, s, out = (torch.cat([one.flatten() for one in each]).double().numpy() for each in (base, tuned, now))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(s == p, 0.0, np.abs(s - p) / np.abs(p))
    assert count == math.floor(len(p) * percent / 100)
    chosen = np.zeros(len(p), bool)
    chosen[np.argsort(-ratios, kind="stable")[:count]] = True
    np.testing.assert_array_equal(out, np.where(chosen, p, s))


def test_weights_split_over_devices_are_refused(base: Path) -> None:
    from analysis.language.load import load_model

    model = load_model(base, device="cpu").model
    restoring = Restoring(model, Variant("restoring"))
    model.model.layers[0].mlp.down_proj.weight = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(TrainingError, match="FSDP"):
        restoring._pairs(model)
