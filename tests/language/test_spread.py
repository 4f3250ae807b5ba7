"""A model laid out by a device map is the same model, and one that does not fit is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import LanguageError
from analysis.language.generate import greedy
from analysis.language.load import load_model
from analysis.language.spread import Spread, spread_over
from analysis.records import RestoreSpec
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state


def test_a_spread_model_answers_and_is_restored_as_one_on_a_single_device(tiny_pair: Any) -> None:
    plain = load_model(tiny_pair.tuned, dtype="float32", device="cpu")
    spread = load_model(tiny_pair.tuned, dtype="float32", device="cpu", spread=Spread({"": "cpu"}))
    assert spread.device == "cpu"
    prompts = [[0, 5 + number, 9] for number in range(10)]
    assert greedy(spread, prompts) == greedy(plain, prompts)
    pair = open_pair(tiny_pair.base, tiny_pair.tuned)
    profile = profile_pair(pair)
    for lm in (plain, spread):
        apply_state(dict(lm.model.named_parameters()), pair, profile, RestoreSpec(30))
    for (name, one), (_, other) in zip(plain.model.named_parameters(), spread.model.named_parameters(), strict=True):
        assert torch.equal(one, other), name


def test_parts_that_would_be_put_off_to_disk_are_refused_by_name(tiny_pair: Any, tmp_path: Path) -> None:
    with pytest.raises(LanguageError) as caught:
        load_model(tiny_pair.tuned, dtype="float32", device="cpu", spread=Spread("auto", {"cpu": 40_000}))
    assert "does not fit" in caught.value.message or "cannot be loaded" in caught.value.message
    assert caught.value.items


def test_one_accelerator_is_taken_where_it_suffices_else_all_of_them() -> None:
    assert spread_over({0: 100, 1: 100}, 80) is None
    assert spread_over({0: 100, 1: 100}, 81) == Spread("auto", {0: 80, 1: 80})
    with pytest.raises(LanguageError) as caught:
        spread_over({0: 10**9, 1: 2 * 10**9}, 3 * 10**9)
    assert "3.0 GB" in caught.value.message and len(caught.value.items) == 2
