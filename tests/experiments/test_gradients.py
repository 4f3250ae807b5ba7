"""Gradients by level: the sums are autograd's, norms and cosines follow from dot products, overlaps from counting."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from analysis.errors import Cancelled, QuestionError, SpecError, TrainingError
from analysis.experiments import gradient_tables as tables
from analysis.experiments.gradient_overlap import Picks, base_values, overlaps, top_threshold
from analysis.experiments.gradients import (
    Gathered,
    GradientFiles,
    GradientSettings,
    GradientTensor,
    gather,
    sample_losses,
)
from analysis.knowledge.prompts import Example, encode_example, resolve_prompt
from analysis.language.load import LanguageModel, load_model
from analysis.records import RestoreSpec, Silent
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.conftest import TinyPair

SETTINGS = GradientSettings(levels=(0, 4), n=8, groups=4, batch_size=2)


class _Stopped(Silent):
    def cancelled(self) -> bool:
        return True


@pytest.fixture(scope="module")
def model(tiny_pair: TinyPair) -> LanguageModel:
    return load_model(tiny_pair.base, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def examples(model: LanguageModel) -> dict[int, list[Example]]:
    how = resolve_prompt("paper")
    asked = {level: [f"Where was {'x' * level}{n} born?" for n in range(8)] for level in (0, 4)}
    return {
        level: [
            encode_example(model.tokenizer, how, text, "a" * (1 + place % 3)) for place, text in enumerate(questions)
        ]
        for level, questions in asked.items()
    }


@pytest.fixture(scope="module")
def gathered(
    model: LanguageModel, examples: dict[int, list[Example]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Gathered, Path]:
    scratch = tmp_path_factory.mktemp("gradients")
    return gather(model, examples, SETTINGS, scratch, Silent()), scratch


def _sample_gradient(model: LanguageModel, example: Example) -> dict[str, torch.Tensor]:
    """The plain reference: one sample alone, its loss written out token by token."""
    model.model.requires_grad_(True)
    model.model.zero_grad(set_to_none=True)
    logits = model.model(input_ids=torch.tensor([example.ids])).logits[0]
    told = [place for place, label in enumerate(example.labels) if label != -100]
    loss = -sum(torch.log_softmax(logits[place - 1], -1)[example.ids[place]] for place in told) / len(told)
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.model.named_parameters()}


def test_a_levels_mean_gradient_is_the_mean_of_its_samples_own_gradients(
    model: LanguageModel, examples: dict[int, list[Example]], gathered: tuple[Gathered, Path]
) -> None:
    found, scratch = gathered
    files = GradientFiles(scratch, SETTINGS)
    single = [_sample_gradient(model, example) for example in examples[4]]
    for tensor in found.tensors:
        wanted = torch.stack([one[tensor.name] for one in single]).mean(0).flatten()
        assert np.allclose(files.mean(tensor.name, 4), wanted.numpy(), rtol=1e-4, atol=1e-6)
        halves = [files.mean(tensor.name, 4, half) for half in (0, 1)]
        assert np.allclose((halves[0] + halves[1]) / 2, wanted.numpy(), rtol=1e-4, atol=1e-6)


def test_norms_losses_and_dot_products_are_those_of_the_samples(
    model: LanguageModel, examples: dict[int, list[Example]], gathered: tuple[Gathered, Path]
) -> None:
    found, _ = gathered
    single = [_sample_gradient(model, example) for example in examples[0]]
    flat = torch.stack([torch.cat([part.flatten() for part in one.values()]) for one in single]).double()
    assert found.step_norms[0] == pytest.approx([float(pair.mean(0).norm()) for pair in flat.split(2)], rel=1e-4)
    groups = flat.view(4, 2, -1).mean(1)
    assert np.allclose(found.grams.sum(0)[:4, :4], (groups @ groups.T).numpy(), rtol=1e-4)
    losses = [float(sample_losses(model, [example]).detach()) for example in examples[0]]
    assert found.loss_nats[0] == pytest.approx(np.mean(losses), rel=1e-5)
    level = tables.level_table(found).set_index("level").loc[0]
    assert level["norm"] == pytest.approx(float(flat.mean(0).norm()), rel=1e-4)


def test_the_model_is_left_as_it_was(
    model: LanguageModel, tiny_pair: TinyPair, gathered: tuple[Gathered, Path]
) -> None:
    del gathered
    again = load_model(tiny_pair.base, dtype="float32", device="cpu").model.state_dict()
    for name, weight in model.model.state_dict().items():
        assert torch.equal(weight, again[name])


def test_shares_of_a_levels_squared_norm_sum_to_one_over_layers_and_over_modules(
    gathered: tuple[Gathered, Path],
) -> None:
    for by in ("layer", "module"):
        table = tables.norm_table(gathered[0], by)
        assert table.groupby("level")["share"].sum().to_numpy() == pytest.approx([1, 1])
    assert set(tables.norm_table(gathered[0], "module")["module"]) == {"q", "k", "v", "o", "gate", "up", "down"}


def _made(vectors: np.ndarray) -> Gathered:
    """Two levels of four groups in one transformer tensor, with these gradients [8, values]."""
    tensor = GradientTensor("model.layers.0.mlp.up_proj.weight", 0, "up", True, vectors.shape[1])
    settings = GradientSettings(levels=(0, 4), n=8, groups=4)
    wide = vectors.astype(float)
    return Gathered(settings, (tensor,), (wide @ wide.T)[None], {0: (1.0,), 4: (2.0,)}, {0: 1.0, 4: 1.0})


def test_cosines_of_known_directions() -> None:
    # Level 0 along x with every group alike; level 4 at 60 degrees from it: cos = 1/2.
    first, second = np.array([2.0, 0.0]), 3 * np.array([0.5, np.sqrt(3) / 2])
    found = tables.cosine_table(_made(np.array([first] * 4 + [second] * 4))).set_index(["first", "second"])
    assert found.loc[(0, 0), "cosine"] == pytest.approx(1)
    assert found.loc[(0, 4), "cosine"] == pytest.approx(0.5)
    assert found.loc[(0, 4), "shared"] == pytest.approx(0.5)
    assert found.loc[(0, 4), "high"] - found.loc[(0, 4), "low"] == pytest.approx(0, abs=1e-6)


def test_noise_lowers_cosines_and_dividing_by_the_split_halves_gives_the_direction_back() -> None:
    rng = np.random.default_rng(0)
    true = np.zeros(40_000)
    true[0] = 1
    noisy = true + rng.normal(size=(8, 40_000)) / 200  # the noise of a group is as long as the signal
    found = _made(noisy)
    cosine = tables.cosine_table(found).set_index(["first", "second"])
    assert cosine.loc[(0, 4), "cosine"] == pytest.approx(2 / 3, abs=0.02)  # halves of two groups: 1 / (1 + 1/2)
    assert cosine.loc[(0, 4), "shared"] == pytest.approx(1, abs=0.03)
    assert tables.level_table(found)["noise_share"].to_numpy() == pytest.approx([0.2, 0.2], abs=0.02)  # 1/4 of 1.25


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    block = np.diag(values)  # leaving group i out leaves the trace without value i
    found = tables.jackknife(block, lambda kept: float(np.trace(kept)) / len(kept))
    reach = 3.1824463 * values.std(ddof=1) / 2
    assert (found.estimate, found.low, found.high) == pytest.approx((4, 4 - reach, 4 + reach))


@given(st.lists(st.floats(0, 2.0**100, width=32, allow_subnormal=False), min_size=1, max_size=60), st.integers(1, 60))
def test_the_threshold_is_the_count_th_largest_value(values: list[float], count: int) -> None:
    count = min(count, len(values))
    arrays = [np.array(part, np.float32) for part in (values[::2], values[1::2]) if part]
    wanted = np.sort(np.array(values, np.float32))[-count]
    assert top_threshold(lambda: iter(arrays), count) == int(wanted.view(np.uint32))


@pytest.fixture(scope="module")
def update_as_gradient(tiny_pair: TinyPair, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Overlaps where the update itself stands in for level 0's gradient, and noise for level 4's."""
    scratch = tmp_path_factory.mktemp("update")
    pair = open_pair(tiny_pair.base, tiny_pair.tuned)
    base, tuned = (load_model(path, dtype="float32", device="cpu").model for path in (tiny_pair.base, tiny_pair.tuned))
    after = dict(tuned.named_parameters())
    update = {name: (after[name] - weight).detach() for name, weight in base.named_parameters()}
    settings = GradientSettings(levels=(0, 4), n=2, groups=2)
    torch.manual_seed(0)
    for group in (0, 1):
        save_file(update, scratch / f"level-0-group-{group}.safetensors")
        noise = {name: torch.randn_like(change) for name, change in update.items()}
        save_file(noise, scratch / f"level-4-group-{group}.safetensors")
    tensors = [GradientTensor(name, 0, "up", True, change.numel()) for name, change in update.items()]
    files = GradientFiles(scratch, settings)
    found = overlaps(files, tensors, (0, 4), pair, profile_pair(pair), (5.0, 20.0), Silent())
    return pd.DataFrame([vars(one) for one in found]).set_index(["level", "score", "percent"])


def test_a_gradient_that_is_the_update_overlaps_wholly_and_noise_by_chance(update_as_gradient: pd.DataFrame) -> None:
    for percent in (5.0, 20.0):
        same = update_as_gradient.loc[(0, "relative gradient", percent)]
        assert same["overlap"] == pytest.approx(1, abs=0.01)
        assert same["ceiling"] == pytest.approx(1, abs=0.02)
        noise = update_as_gradient.loc[(4, "gradient", percent)]
        assert noise["chance"] == pytest.approx(percent / 100, abs=1e-3)
        spread = np.sqrt(percent / 100 / noise["picked"])
        assert noise["overlap"] == pytest.approx(percent / 100, abs=5 * spread)


def test_division_by_small_base_values_alone_makes_noise_overlap(update_as_gradient: pd.DataFrame) -> None:
    noise = update_as_gradient.xs(5.0, level="percent").loc[4]
    assert noise.loc["relative gradient", "overlap"] > 3 * noise.loc["relative gradient", "chance"]
    gap = abs(noise.loc["relative gradient", "overlap"] - noise.loc["shuffled relative gradient", "overlap"])
    assert gap < 5 / np.sqrt(noise.loc["gradient", "picked"])


def test_picks_are_the_weights_that_restoration_changes(tiny_pair: TinyPair) -> None:
    pair = open_pair(tiny_pair.base, tiny_pair.tuned)
    profile = profile_pair(pair)
    for percent in (3.0, 20.0):
        spec = RestoreSpec(percent)
        picks = Picks(pair, profile, spec, Silent())
        counted = sum(int(picks.mask(name).sum()) for name in picks.names)
        assert counted == profile.count(spec).effective_count
    weight = load_model(tiny_pair.base, dtype="float32", device="cpu").model.state_dict()
    first = next(t for t in pair.tensors if "up_proj" in t.name)
    assert np.array_equal(base_values(first), weight[first.name].flatten().numpy())


def test_settings_that_cannot_be_are_told_together() -> None:
    with pytest.raises(SpecError) as caught:
        GradientSettings(levels=(0, 7), n=10, groups=3, batch_size=0)
    assert len(caught.value.items) == 3


def _asking(tiny_pair: TinyPair) -> tuple[Comparison, Asking]:
    return Comparison(str(tiny_pair.base), str(tiny_pair.tuned)), Asking(str(tiny_pair.questions))


def test_the_workspace_stores_the_answer_and_leaves_no_scratch_files(tiny_pair: TinyPair, tmp_path: Path) -> None:
    work, (pair, asking) = Workspace(tmp_path), _asking(tiny_pair)
    assert work.known_gradients(pair, asking, SETTINGS) is None
    report = work.gradients(pair, asking, SETTINGS, percents=(5.0,))
    known = Workspace(tmp_path).known_gradients(pair, asking, SETTINGS, percents=(5.0,))
    assert known is not None
    assert np.array_equal(known.gathered.grams, report.gathered.grams)
    assert known.gathered.step_norms == report.gathered.step_norms
    assert len(known.overlaps) == len(report.overlaps) == 2 * 3 + 1
    assert work.known_gradients(pair, asking, SETTINGS, at="tuned", percents=(5.0,)) is None
    assert list((tmp_path / "partial").iterdir()) == []


def test_cancelling_leaves_no_scratch_files_and_too_few_facts_are_told(tiny_pair: TinyPair, tmp_path: Path) -> None:
    work, (pair, asking) = Workspace(tmp_path), _asking(tiny_pair)
    work.profile(pair)
    with pytest.raises(Cancelled):
        work.gradients(pair, asking, SETTINGS, progress=_Stopped())
    assert [left for left in (tmp_path / "partial").glob("*") if "gradients" in left.name] == []
    with pytest.raises(TrainingError, match="cannot be trained on"):
        work.gradients(pair, asking, GradientSettings(levels=(0,), n=600, groups=2))


def test_questions_without_levels_are_refused(tiny_pair: TinyPair, tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"question": "Where is Bo?", "answers": ["Rome"]}\n')
    pair, _ = _asking(tiny_pair)
    with pytest.raises(QuestionError, match="no mastery levels"):
        Workspace(tmp_path / "home").gradients(pair, Asking(str(plain)), SETTINGS)
