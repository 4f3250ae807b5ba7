"""The paper's numbers: as many as are held, each with its table, and nothing made up between them."""

import dataclasses

import pytest

from analysis.experiments import paper


def test_the_restoration_rows_are_those_of_table_4a_percent_by_percent() -> None:
    row = [
        paper.find(paper.RESTORATION, level="4", size=1920, percent=percent)
        for percent in (0.0, 1.0, 3.0, 5.0, 10.0, 20.0, 40.0, 60.0)
    ]
    assert [round(100 * each.value, 2) for each in row if each] == [
        *(55.22, 55.88, 56.76, 57.34, 58.24, 58.66, 56.50, 0.60)
    ]
    assert {each.strategy for each in row[1:] if each} == {"relative-top"} and row[0] and row[0].strategy == ""


def test_single_runs_and_means_over_training_sets_are_told_apart() -> None:
    mean = paper.find(paper.SIZES, level="0", size=1920)
    single = paper.find(paper.RESTORATION, level="0", size=1920, percent=0.0)
    assert mean and single and (mean.value, single.value) == (0.4547, 0.4496)
    assert mean.setting != single.setting


@pytest.mark.parametrize("value", paper.every(), ids=lambda value: f"{value.table}-{value.group}-{value.percent}")
def test_every_number_is_a_share_and_names_its_table(value: paper.PaperValue) -> None:
    assert 0 <= value.value <= 1 and value.table.startswith(("Table", "Figure"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.value = 0.5  # type: ignore[misc]


def test_the_modules_add_up_to_the_whole_and_what_is_not_held_is_absent() -> None:
    assert sum(value.value for value in paper.MODULES) == pytest.approx(1.0, abs=2e-4)
    assert paper.find(paper.LAYERS, group="16") is None
    assert paper.find(paper.RESTORATION, level="2", size=1920) is None
    assert not [value for value in paper.every() if value.table in ("Table 6", "Table 11")]
    assert "not held here" in paper.told("Table 6") and paper.told("Table 10") == ""


def test_what_the_paper_does_not_tell_of_its_ways_is_left_open() -> None:
    assert {(value.domain, value.level, value.size) for value in paper.WAYS} == {("", "", -1)}
    assert "domain are not told" in paper.WAYS[0].setting
