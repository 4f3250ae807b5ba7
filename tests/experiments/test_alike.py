"""Two plans stand side by side only where nothing but their training relations sets them apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.experiments.alike import unlike
from analysis.experiments.plan import Measuring, Plan, Training
from analysis.experiments.plan_file import read_plan
from analysis.training.variants import Variant

DEMO = Path(__file__).resolve().parents[2] / "demo"
PLACES = Plan("places", "base", "facts", train=Training(sizes=(60, 240)), measure=Measuring(500, 400))
OTHERS = Plan("others", "base", "facts", train=Training(sizes=(60,), relations=("P26",)), measure=Measuring(400, 500))


def test_the_shipped_plans_on_places_and_on_other_relations_are_alike() -> None:
    assert unlike(read_plan(DEMO / "plan.toml"), read_plan(DEMO / "other_domain.toml")) == ()
    assert unlike(PLACES, OTHERS) == (), "sizes that one alone has are left out of the comparison"


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (replace(PLACES, base="another"), "base another against base"),
        (replace(PLACES, prompt="plain"), "prompt plain against paper"),
        (
            replace(PLACES, train=replace(PLACES.train, learning_rate=3e-4)),
            "learning rate 0.0003 against 1e-05",
        ),
        (replace(PLACES, train=replace(PLACES.train, seeds=(0,))), "seeds 0 against 0, 1, 2, 3, 4"),
        (replace(PLACES, train=replace(PLACES.train, sizes=(960,))), "no size in common (960 against 60)"),
        (replace(PLACES, measure=Measuring(200, 400)), "questions about places 200 against 500"),
        (replace(PLACES, train=replace(PLACES.train, variants=(Variant("lora"),))), "no plain fine-tuning in places"),
    ],
)
def test_every_other_setting_that_differs_is_told(places: Plan, told: str) -> None:
    assert unlike(places, OTHERS) == (told,)
