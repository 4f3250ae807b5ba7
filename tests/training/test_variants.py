"""Variants: defaults filled in, equal when they mean the same, and refused with every reason at once."""

import pytest

from analysis.errors import TrainingError
from analysis.training.variants import VARIANTS, Variant


def test_settings_left_out_are_the_variants_defaults() -> None:
    assert Variant() == Variant("sft")
    assert Variant("lora").strength == 16
    assert Variant("restoring") == Variant("restoring", strength=20, every=30)
    assert Variant("restoring", layers=(3, 1, 3)) == Variant("restoring", layers=(1, 3))
    assert str(Variant("restoring", layers=(0, 1))) == "restoring 20, every 30, layers 0,1"


def test_a_variants_identity_holds_only_what_means_something_to_it() -> None:
    assert Variant().identity() == {"name": "sft"}
    assert Variant("freeze", modules=("v", "q")).identity() == {"name": "freeze", "modules": ("q", "v")}
    assert Variant(**Variant("kl", 0.5).identity()) == Variant("kl", 0.5)


def test_every_variant_has_a_source_and_a_default_it_accepts_itself() -> None:
    for name, about in VARIANTS.items():
        assert about.source and about.does.endswith(".")
        assert Variant(name, about.default) == Variant(name)


@pytest.mark.parametrize(
    ("asked", "problems"),
    [
        ({"name": "freeze", "strength": 2.0, "layers": (), "every": 3}, 3),
        ({"name": "l2sp", "strength": 1.5, "modules": ("q",)}, 2),
        ({"name": "lora", "strength": 1.5}, 1),
        ({"name": "restoring", "strength": float("nan"), "every": 0}, 2),
    ],
)
def test_what_a_variant_cannot_be_is_told_all_at_once(asked: dict[str, object], problems: int) -> None:
    with pytest.raises(TrainingError) as caught:
        Variant(**asked)  # type: ignore[arg-type]
    assert len(caught.value.items) == problems


def test_an_unknown_variant_is_answered_with_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="choose one of sft, lora"):
        Variant("dropout")  # type: ignore[arg-type]
