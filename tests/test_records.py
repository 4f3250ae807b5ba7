"""The vocabulary's own promises: what a restoration may be, and what tells one from another."""

import pytest

from analysis.errors import SpecError
from analysis.records import RestoreSpec, seconds_left


def test_every_bad_setting_is_named_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        RestoreSpec(120, "best", "head", "layer", arithmetic="fast", among="some")  # type: ignore[arg-type]
    assert [item.split()[0] for item in caught.value.items] == [
        *("percent", "strategy", "region", "scope", "arithmetic", "among"),
    ]


def test_the_same_layers_and_modules_are_the_same_restoration_in_any_order() -> None:
    spec = RestoreSpec(5, layers=(3, 1, 3), modules=("v", "k"))
    assert spec == RestoreSpec(5.0, layers=[1, 3], modules=["k", "v"])  # type: ignore[arg-type]
    assert spec.layers == (1, 3) and spec.modules == ("k", "v")


def test_what_means_nothing_to_a_strategy_is_left_at_its_default() -> None:
    asked = {"scope": "tensor", "arithmetic": "paper", "seed": 3, "among": "changed", "layers": (1,)}
    assert RestoreSpec(5, "random", **asked).canonical() == RestoreSpec(5, "random", **asked)  # type: ignore[arg-type]
    top = RestoreSpec(5, "relative-top", **asked).canonical()  # type: ignore[arg-type]
    assert (top.among, top.scope, top.seed) == ("all", "tensor", 3)
    assert RestoreSpec(5, "drop-rescale", **asked).canonical() == RestoreSpec(5, "drop-rescale", layers=(1,), seed=3)  # type: ignore[arg-type]
    assert RestoreSpec(5, "spectral", **asked).canonical() == RestoreSpec(5, "spectral", layers=(1,))  # type: ignore[arg-type]


def test_fields_that_came_later_leave_the_identity_of_older_restorations_as_it_was() -> None:
    before = {"percent": 5.0, "strategy": "relative-top", "region": "transformer", "scope": "global"}
    assert RestoreSpec(5).identity() == before | {"layers": None, "arithmetic": "exact", "seed": 0}
    assert RestoreSpec(5, among="changed").identity()["among"] == "changed"
    assert RestoreSpec(**RestoreSpec(5, modules=("q",)).identity()) == RestoreSpec(5, modules=("q",))


def test_what_is_left_is_told_once_there_is_a_pace() -> None:
    assert seconds_left(20, 0, 100) is None
    assert seconds_left(20, 1, 100) is None  # 20 s of loading would be half an hour of work
    assert seconds_left(20, 20, 100) == 80
    assert seconds_left(200, 1, 100) == 19_800  # of work that takes hours a pace is told before a twentieth is done
    assert seconds_left(20, 101, 100) == 0
