"""The vocabulary's own promises: what a restoration may be, and what tells one from another."""

import pytest

from analysis.errors import SpecError
from analysis.records import Pace, RestoreSpec


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


def test_what_is_left_is_told_by_the_pace_since_the_first_work_was_done() -> None:
    pace = Pace()
    pace.hear(0, 0)
    pace.hear(40, 1)  # 40 s of loading, which are no pace
    assert pace.seconds_left(40, 1, 101) is None
    assert pace.seconds_left(41, 2, 101) is None  # a hundredth in a second: too little to have one
    assert pace.seconds_left(50, 21, 101) == 40
    assert pace.seconds_left(61, 2, 101) == 21 * 99  # of long work it is told before a fiftieth is done
    assert pace.seconds_left(50, 200, 101) == 0


def test_a_new_phase_has_a_pace_of_its_own() -> None:
    pace = Pace()
    for now, done in ((0, 500), (10, 1000), (30, 0), (31, 1)):
        pace.hear(now, done)
    assert pace.seconds_left(41, 11, 21) == 10
