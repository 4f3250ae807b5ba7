"""Counts and spectra: looked at once, stored, found by another process."""

from pathlib import Path
from typing import Any

import pytest

from analysis.errors import PalimpsestError
from analysis.records import BLENDS, RestoreSpec
from cache.work import Asking, Comparison, Workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def pair(tiny_pair: Any) -> Comparison:
    return Comparison(str(tiny_pair.base), str(tiny_pair.tuned))


@pytest.mark.parametrize("strategy", BLENDS)
def test_a_blend_is_looked_at_once_and_known_to_another_process(home: Path, pair: Comparison, strategy: str) -> None:
    workspace, spec = Workspace(home), RestoreSpec(35, strategy, layers=(0,), modules=("q",))  # type: ignore[arg-type]
    workspace.profile(pair)
    assert workspace.known_count(pair, spec) is None
    found = workspace.count(pair, spec)
    assert found.realised is not None
    assert Workspace(home).known_count(pair, spec) == found


def test_a_choice_of_weights_is_known_from_the_profile(home: Path, pair: Comparison) -> None:
    workspace = Workspace(home)
    workspace.profile(pair)
    count = workspace.count(pair, RestoreSpec(35))
    assert workspace.known_count(pair, RestoreSpec(35)) == count
    assert workspace.changed_percent(pair, RestoreSpec(35)) == count.changed_percent


def test_a_pair_without_a_profile_is_told_so(tmp_path: Path, pair: Comparison) -> None:
    with pytest.raises(PalimpsestError, match="has not been profiled"):
        Workspace(tmp_path).count(pair, RestoreSpec(35, "spectral"))


def test_the_threshold_is_a_percentage_of_the_chosen_tensors(home: Path, pair: Comparison) -> None:
    workspace = Workspace(home)
    workspace.profile(pair)
    assert workspace.noise_percent(pair, RestoreSpec(0)) is None
    found = {matrix.name: matrix for matrix in workspace.spectrum(pair)}
    one = found["model.layers.1.mlp.up_proj.weight"]
    assert (one.directions, one.parameters) == (32, 64 * 32) and 0 < one.noise <= 32
    other = Workspace(home)
    assert set(other.spectrum(pair)) == set(found.values())
    narrow = RestoreSpec(0, layers=(1,), modules=("up",))
    assert other.noise_percent(pair, narrow) == 100 * one.noise / one.directions
    assert 0 < (other.noise_percent(pair, RestoreSpec(0)) or 0) <= 100


def test_a_sweep_draws_lots_for_every_seed_and_blends_leave_out_what_means_nothing_to_them(
    home: Path, pair: Comparison, tiny_pair: Any
) -> None:
    asking = Asking(str(tiny_pair.questions), limit=10)
    report = Workspace(home).sweep(
        pair,
        asking,
        percents=(50,),
        strategies=("relative-top", "random", "interpolation", "drop-rescale", "spectral"),
        seeds=(0, 1),
        template=RestoreSpec(0, scope="tensor"),
    )
    specs = [(stop.spec.strategy, stop.spec.seed, stop.spec.scope) for stop in report.stops]
    assert specs == [
        ("relative-top", 0, "tensor"),
        *(("random", seed, "tensor") for seed in (0, 1)),
        ("interpolation", 0, "global"),
        *(("drop-rescale", seed, "global") for seed in (0, 1)),
        ("spectral", 0, "global"),
    ]
    assert all((stop.count.realised is not None) == (stop.spec.strategy in BLENDS) for stop in report.stops)
    known = Workspace(home).known_stops(pair, asking)
    assert {stop.spec for stop in known} == {stop.spec for stop in report.stops}
