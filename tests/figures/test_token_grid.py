"""The grid's data: every text once, in the order asked for, aligned where it is to be."""

from dataclasses import replace

import pytest

from analysis.figures.reading import Shown
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_grid import ORDERS, Order, grid
from analysis.records import DivergenceReport, PromptDivergence
from tests.figures.test_tokens import make_report, report, token, unpacked

__all__ = ["report"]  # a fixture


@pytest.fixture
def columns(report: DivergenceReport) -> TokenColumns:
    plain = PromptDivergence("three", (token("<s>", 0, None, special=True), token("So", 1, 0.9)))
    return TokenColumns.of(make_report(*report.prompts, plain))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("given", ["one", "two", "three"]),
        ("mean", ["three", "one", "two"]),  # 0.9, 0.8, 0.6
        ("largest", ["one", "two", "three"]),
        ("first", ["one", "two", "three"]),  # no answer: last
        ("length", ["one", "two", "three"]),
    ],
)
def test_texts_come_in_the_order_asked_for(columns: TokenColumns, order: Order, expected: list[str]) -> None:
    assert [text["id"] for text in grid(columns, order=order)["texts"]] == expected


def test_every_order_holds_every_text_once(columns: TokenColumns) -> None:
    for order in ORDERS:
        assert sorted(text["id"] for text in grid(columns, order=order)["texts"]) == ["one", "three", "two"]


def test_first_answer_tokens_stand_in_one_column(columns: TokenColumns) -> None:
    data = grid(columns, align="answer")
    assert data["anchor"] == 4
    assert {text["id"]: text["offset"] for text in data["texts"]} == {"one": 0, "two": 2, "three": 4}
    assert {text["offset"] for text in grid(columns)["texts"]} == {0}


def test_the_grids_colours_are_the_reading_views(columns: TokenColumns) -> None:
    data = grid(columns, Shown("log_prob_change_nats"))
    assert data["signed"]
    assert unpacked(grid(columns), "classes")[:8] == [-1, 0, 1, -1, 11, -1, 1, 6]


def test_an_empty_report_is_an_empty_grid(report: DivergenceReport) -> None:
    assert grid(TokenColumns.of(replace(report, prompts=())), align="answer")["texts"] == []
