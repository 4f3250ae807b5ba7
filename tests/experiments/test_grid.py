"""A plan laid out as cells, how long they take, and the command that makes a tuned model again."""

from dataclasses import replace

import pytest

from analysis.experiments.command import command_of
from analysis.experiments.estimate import GUESSED_SECONDS, Rates, rates_from, wall_seconds, work_of
from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Measuring, Plan, Restoring, Training
from analysis.experiments.survey import Survey
from analysis.training.variants import Variant

TRAINING = Training(("0", "mix:0+4"), (16, 0), (0, 1), (Variant(), Variant("l2sp", 0.1)), learning_rate=3e-4)
PLAN = Plan(
    "mine", "b", "q", "m.parquet", train=TRAINING, restore=Restoring((20, 5), ("relative-top", "random"), (0, 1))
)
FOUND = Survey("b", "c", ("t", "i", "o"), {0: 50, 4: 30}, 20, 10, 4, 1, 1, 1)


def test_a_cell_is_one_tuned_model_and_the_base_is_one_too() -> None:
    cells = cells_of(PLAN)
    assert [cell.kind for cell in cells].count("base") == 1
    assert len({cell.name for cell in cells}) == len(cells) == 1 + 2 * 2 * 2 * 2
    assert cells[1].name == "level-0-16-seed-0"
    assert cells[-1].name == "mix-0+4-all-seed-1-l2sp-strength=0.1"


def test_only_strategies_that_draw_lots_take_every_seed() -> None:
    stops = [(stop.strategy, stop.percent, stop.seed) for stop in cells_of(PLAN)[1].stops()]
    assert stops == [
        *(("relative-top", 5, 0), ("relative-top", 20, 0)),
        *(("random", 5, 0), ("random", 20, 0), ("random", 5, 1), ("random", 20, 1)),
    ]


def test_two_plans_that_ask_the_same_of_a_model_share_its_cell() -> None:
    other = Plan(
        "other", "b", "q", "m.parquet", train=Training(("0",), (16,), (1,), learning_rate=3e-4), restore=PLAN.restore
    )
    assert set(cells_of(other)) < set(cells_of(PLAN))


def test_the_command_has_every_setting_that_is_not_the_default() -> None:
    plain, last = cells_of(PLAN)[1], cells_of(PLAN)[-1]
    assert command_of(plain) == (
        "palimpsest sft b level-0-16-seed-0 --questions q --mastery m.parquet --level 0 --size 16 --seed 0 "
        "--learning-rate 0.0003 --threads 1 --device cpu"
    )
    assert "--mix 0=0.5,4=0.5 --seed 1" in command_of(last)
    assert "--variant l2sp --strength 0.1" in command_of(last)


def test_precision_is_the_devices_and_is_part_of_what_is_trained() -> None:
    here, there = cells_of(PLAN)[1], cells_of(PLAN, "cuda")[1]
    assert (here.precision, there.precision) == ("float32", "bfloat16")
    assert here.training() != there.training()
    assert command_of(there).endswith("--precision bfloat16 --threads 1 --device cuda")
    asked = replace(PLAN, train=replace(TRAINING, precision="float32", accumulate=2, gradient_checkpointing=True))
    written = command_of(cells_of(asked, "cuda")[1])
    assert "--precision float32 --gradient-checkpointing --accumulate 2" in written


def test_a_mix_of_thirds_is_written_so_that_it_adds_up_when_it_is_read_again() -> None:
    thirds = replace(cells_of(PLAN)[1], level="mix:0+2+4")
    written = command_of(thirds).partition("--mix ")[2].split()[0]
    assert sum(float(part.partition("=")[2]) for part in written.split(",")) == 1.0


def test_the_work_of_a_cell_counts_every_state_that_is_asked() -> None:
    cell = cells_of(PLAN)[1]
    # tuned and six stops, 20 + 10 questions each, and one group of four layers; 16 facts at three stops
    assert work_of(cell, FOUND) == {"train": 16, "ask": 30 * (7 + 1) + 16 * 3, "profile": 1, "kl": 1}
    assert work_of(cells_of(PLAN)[0], FOUND) == {"ask": 30}


def test_rates_are_seconds_over_units_and_what_was_never_done_is_guessed() -> None:
    spent = [({"ask": 2.0, "train": 1.0}, {"ask": 100, "train": 10}), ({"ask": 4.0}, {"ask": 200, "kl": 0})]
    rates = rates_from(spent, "two cells")
    assert rates == Rates({"ask": 0.02, "train": 0.1}, "two cells")
    assert rates.of({"ask": 50, "kl": 1}) == pytest.approx(1.0 + GUESSED_SECONDS["kl"])
    assert rates_from([], "none") is None


def test_cells_on_several_places_take_the_longest_place() -> None:
    assert wall_seconds([3, 3, 3], 1) == 9
    assert wall_seconds([3, 3, 3], 2) == 6
    assert wall_seconds([5, 1, 1, 1], 2) == 5
    assert wall_seconds([], 2) == 0


def test_facts_trained_on_are_asked_of_the_tuned_model_too_wherever_they_are_of_restored_ones() -> None:
    def asked(*percents: float) -> tuple[float, ...]:
        return cells_of(replace(PLAN, measure=Measuring(train_percents=percents)))[1].measure.train_percents

    assert (asked(20, 5), asked(20, 0), asked()) == ((0, 20, 5), (20, 0), ())
    plan = replace(PLAN, measure=Measuring(train_percents=(5, 20), layer_groups=0))
    assert work_of(cells_of(plan)[1], FOUND)["ask"] == 30 * 7 + 16 * 3


def test_a_plan_without_layer_groups_or_facts_asked_again_counts_none() -> None:
    plan = Plan(
        "mine",
        "b",
        "q",
        train=TRAINING,
        restore=Restoring((), ()),
        measure=Measuring(train_percents=(), layer_groups=0),
    )
    assert work_of(cells_of(plan)[1], FOUND)["ask"] == 30
