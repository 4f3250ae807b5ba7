"""From what was measured to rows of the result table, worked by hand."""

import math
from dataclasses import replace

import pytest

from analysis.experiments.measured import (
    group_numbers,
    kl_numbers,
    layer_groups,
    layers_name,
    layers_of,
    trained_number,
)
from analysis.experiments.results import COLUMNS, Number, State, accuracy_numbers, numbers_table, plan_table
from analysis.language.paper_records import PaperDivergence
from analysis.records import DomainAccuracy, Evaluation, Tally

LEVELS = {0: Tally(10, 1), 4: Tally(30, 27)}
FOUND = DomainAccuracy(40, {"contains": 0.7}, LEVELS, 0.5, (0.4, 0.6))  # type: ignore[arg-type]
STATE = State("relative-top", 0, 20.0, 19.5)
EVALUATION = Evaluation(40, "paper", "float32", (), {}, {}, {}, {}, 1.0, whole=FOUND)
KL = PaperDivergence(12, 20, {}, 0.5, 0.4, 0.6, 0.7, (), (), 10, 2, "paper", "tuned", "float32", 1.0)


def test_a_domain_gives_its_levels_their_plain_mean_and_all_questions_together() -> None:
    numbers = {number.group: number for number in accuracy_numbers(FOUND, "in", STATE, "e")}
    assert list(numbers) == ["0", "4", "macro", "micro"]
    assert (numbers["4"].n, numbers["4"].correct, numbers["4"].value) == (30, 27, 0.9)
    assert numbers["4"].low < 0.9 < numbers["4"].high
    assert (numbers["macro"].value, numbers["macro"].low, numbers["macro"].n) == (0.5, 0.4, 40)
    assert (numbers["micro"].correct, numbers["micro"].value) == (28, 0.7)
    assert {(each.strategy, each.percent, each.effective_percent, each.evaluation) for each in numbers.values()} == {
        ("relative-top", 20.0, 19.5, "e")
    }


def test_questions_without_levels_have_no_plain_mean() -> None:
    bare = replace(FOUND, levels={}, macro=None, macro95=None)
    assert [number.group for number in accuracy_numbers(bare, "in", State(), "")] == ["micro"]
    alone = list(group_numbers(replace(EVALUATION, whole=bare), (0, 1), "in", STATE, ""))
    assert [(each.measure, each.group, each.value) for each in alone] == [("layer_group", "0-1", 0.7)]


def test_a_group_of_layers_is_one_number_a_domain_and_trained_facts_are_one_in_all() -> None:
    group = list(group_numbers(EVALUATION, (4, 5, 6, 7), "out", STATE, "e"))
    assert [(each.group, each.value, each.domain) for each in group] == [("4-7", 0.5, "out")]
    trained = list(trained_number(EVALUATION, STATE, "e"))
    assert [(each.measure, each.domain, each.group, each.correct) for each in trained] == [
        ("train_accuracy", "train", "micro", 28)
    ]


def test_layers_fall_into_groups_of_a_size_the_last_as_large_as_what_is_left() -> None:
    assert list(layer_groups([2, 0, 1, 4, 3], 2)) == [(0, 1), (2, 3), (4,)]
    names = [layers_name(group) for group in layer_groups(range(5), 2)]
    assert names == ["0-1", "2-3", "4"] and [layers_of(name) for name in names] == [(0, 1), (2, 3), (4,)]


def test_the_papers_kl_comes_with_its_interval_and_nothing_comes_where_no_fact_counted() -> None:
    paper, full = kl_numbers(KL)
    assert (paper.measure, paper.n, paper.value, paper.low, paper.high) == ("kl_paper", 12, 0.5, 0.4, 0.6)
    assert (full.measure, full.value) == ("kl_full", 0.7) and math.isnan(full.low)
    assert list(kl_numbers(replace(KL, n=0, mean_kl_nats=None, mean_kl_full_nats=None))) == []


def test_a_table_has_its_columns_whatever_is_in_it() -> None:
    named = dict.fromkeys(("plan", "cell", "base", "tuned", "level", "variant"), "x") | {"size": 8, "seed": 0}
    part = numbers_table([Number("loss", "", 1.25, "train", 8)]).assign(**named)
    for table, rows in ((plan_table([]), 0), (plan_table([part, part]), 2)):
        assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS
        assert len(table) == rows
    assert plan_table([part])["value"].iloc[0] == pytest.approx(1.25)
