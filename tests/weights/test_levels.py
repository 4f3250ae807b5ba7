"""Several stops in one reading: the same sets as one stop at a time."""

from pathlib import Path

import numpy as np
import pytest

from analysis.errors import SpecError
from analysis.records import PAPER_PERCENTS, RestoreSpec
from analysis.weights import stream, ties
from analysis.weights.levels import first_stops
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from tests.weights import plain_reference as reference

Pairs = dict[str, tuple[Path, Path]]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("narrow", [False, True])
def test_each_percentage_gets_the_set_of_the_full_sort(
    llama_pairs: Pairs, dtype: str, narrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if narrow:  # several segments a tensor, windows that hold few of the ties
        monkeypatch.setattr(stream, "SEGMENT", 1000)
        monkeypatch.setattr(stream, "CHUNK", 300)
        monkeypatch.setattr(ties, "_FEW", 4)
    pair = open_pair(*llama_pairs[dtype])
    found = first_stops(pair, profile_pair(pair), PAPER_PERCENTS, RestoreSpec(0, seed=2))
    base, tuned = (reference.load(folder) for folder in llama_pairs[dtype])
    scope = [name for name in base if reference.in_transformer(name)]
    assert sorted(found) == sorted(scope)
    part = {n: base[n] for n in scope}, {n: tuned[n] for n in scope}
    for number, percent in enumerate(PAPER_PERCENTS):
        masks = reference.restored_masks(*part, percent, seed=2)
        for name in scope:
            changed = (base[name] != tuned[name]).numpy().ravel()
            assert np.array_equal(found[name] <= number, masks[name] & changed)


def test_stops_that_share_a_threshold_stay_nested(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair, arithmetic="paper")
    percents = [10, 10.5, 11, 11.5, 12]
    found = first_stops(pair, profile, percents, RestoreSpec(0, arithmetic="paper"))
    for number, percent in enumerate(percents):
        count = profile.count(RestoreSpec(percent, arithmetic="paper"))
        assert sum(int((held <= number).sum()) for held in found.values()) == count.effective_count


def test_only_rising_percentages_of_relative_top_are_chosen_together(llama_pairs: Pairs) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile = profile_pair(pair)
    for percents, spec in (([5, 1], RestoreSpec(0)), ([1, 5], RestoreSpec(0, strategy="random"))):
        with pytest.raises(SpecError, match="rising percentages"):
            first_stops(pair, profile, percents, spec)
