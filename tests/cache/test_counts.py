"""Counts and spectra: looked at once, stored, found by another process."""

from dataclasses import replace
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


@pytest.mark.parametrize("strategy", ["relative-top", "random"])
def test_a_choice_of_weights_is_known_at_once_and_looked_at_in_a_small_pair(
    home: Path, pair: Comparison, strategy: str
) -> None:
    workspace, spec = Workspace(home), RestoreSpec(35, strategy)  # type: ignore[arg-type]
    workspace.profile(pair)
    known = workspace.known_count(pair, spec)
    assert known is not None and known.effective_l2_percent is None
    count = workspace.count(pair, spec)
    assert replace(count, realised=None) == known and Workspace(home).known_count(pair, spec) == count
    seen = count.realised
    assert seen is not None and seen.moved == seen.to_base == count.effective_count
    assert seen.between == seen.beyond == 0 and seen.to_tuned == count.changed_count - count.effective_count
    assert 0 < (count.effective_l2_percent or 0) < 100
    assert workspace.changed_percent(pair, spec) == count.changed_percent


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
    assert all(stop.count.realised is not None for stop in report.stops)
    known = Workspace(home).known_stops(pair, asking)
    assert {stop.spec for stop in known} == {stop.spec for stop in report.stops}


@pytest.mark.parametrize(("algorithm", "spec"), [("profile", RestoreSpec(35)), ("blend", RestoreSpec(35, "spectral"))])
def test_another_version_of_the_algorithm_finds_no_result_of_the_old_one(
    home: Path, pair: Comparison, tiny_pair: Any, monkeypatch: pytest.MonkeyPatch, algorithm: str, spec: RestoreSpec
) -> None:
    from cache import keys

    workspace, asking = Workspace(home), Asking(str(tiny_pair.questions), limit=10)
    workspace.stop(pair, spec, asking)
    monkeypatch.setitem(keys.VERSIONS, algorithm, keys.VERSIONS[algorithm] + 1)
    other = Workspace(home)
    other.profile(pair)
    assert other.known_evaluation(pair, spec, asking) is None
    assert spec not in {stop.spec for stop in other.known_stops(pair, asking)}
    assert other.known_count(pair, spec) is None or other.known_count(pair, spec).realised is None  # type: ignore[union-attr]


def test_a_control_on_the_changed_weights_really_changes_as_much_as_the_papers_order(
    home: Path, pair: Comparison
) -> None:
    workspace = Workspace(home)
    workspace.profile(pair)
    top = workspace.count(pair, RestoreSpec(30))
    for strategy in ("random", "relative-bottom", "absolute-bottom"):
        spec = RestoreSpec(30, strategy, among="changed")  # type: ignore[arg-type]
        control = workspace.count(pair, spec)
        assert control.effective_count == control.count == top.effective_count == top.count
        assert workspace.count(pair, RestoreSpec(30, strategy)).effective_count < top.effective_count  # type: ignore[arg-type]
        everything = workspace.count(pair, RestoreSpec(90, strategy, among="changed"))  # type: ignore[arg-type]
        assert everything.effective_count == everything.count == everything.changed_count
