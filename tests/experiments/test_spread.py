"""A setting's mean and spread: worked on paper, single runs told from several, and what may be called apart."""

import math

from analysis.experiments.spread import (
    compared,
    level_name,
    measured,
    over_runs,
    size_name,
    size_order,
    spread_kind,
    with_restored_start,
)
from tests.experiments.tables import made, number, restored, seeds


def test_several_runs_spread_from_lowest_to_highest_and_one_run_keeps_its_own_interval() -> None:
    table = made(*seeds("0", 240, [0.08, 0.06, 0.10]), number("4", 240, 0.42, low=0.38, high=0.46))
    rows = over_runs(table, ("level", "size")).set_index("level")
    assert [round(rows.loc["0", name], 6) for name in ("mean", "low", "high")] == [0.08, 0.06, 0.10]
    assert list(rows.loc["0", ["kind", "runs", "n"]]) == ["runs", 3, 100]
    assert list(rows.loc["4", ["mean", "low", "high", "kind"]]) == [0.42, 0.38, 0.46, "questions"]
    assert spread_kind(rows) == (
        "lowest to highest of up to 3 runs; of single runs the 95% interval over the questions of one run"
    )


def test_spreads_that_touch_are_not_apart_and_one_without_bounds_is_unknown() -> None:
    low, high, between = {"low": 0.1, "high": 0.2}, {"low": 0.3, "high": 0.4}, {"low": 0.2, "high": 0.3}
    assert (compared(low, high), compared(high, low), compared(low, between)) == ("below", "above", "overlap")
    assert compared(low, {"low": math.nan, "high": math.nan}) == "unknown"


def test_every_order_of_restoring_starts_at_the_same_tuned_model() -> None:
    table = made(
        *restored("0", 240, {0: [0.1, 0.2], 20: [0.3, 0.4]}), number("0", 240, 0.15, strategy="random", percent=20)
    )
    rows = with_restored_start(measured(table, "accuracy"), ("relative-top", "random"))
    at = rows[rows["percent"] == 0].groupby("strategy")["value"].apply(list).to_dict()
    assert at == {"relative-top": [0.1, 0.2], "random": [0.1, 0.2]}
    assert sorted(rows[rows["percent"] == 20]["value"]) == [0.15, 0.3, 0.4]


def test_all_facts_come_last_and_settings_have_names() -> None:
    assert size_order([0, 1920, 60, 60]) == [60, 1920, 0]
    assert (size_name(1920), size_name(0)) == ("1,920", "all")
    assert (level_name("0"), level_name("all"), level_name("mix:0+4")) == ("level 0", "all facts", "levels 0+4")
