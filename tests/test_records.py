"""The vocabulary's own promises: what a restoration may be, and what tells one from another."""

import pytest

from analysis.errors import SpecError
from analysis.records import RestoreSpec


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


def test_fields_that_came_later_leave_the_identity_of_older_restorations_as_it_was() -> None:
    before = {"percent": 5.0, "strategy": "relative-top", "region": "transformer", "scope": "global"}
    assert RestoreSpec(5).identity() == before | {"layers": None, "arithmetic": "exact", "seed": 0}
    assert RestoreSpec(5, among="changed").identity()["among"] == "changed"
    assert RestoreSpec(**RestoreSpec(5, modules=("q",)).identity()) == RestoreSpec(5, modules=("q",))
