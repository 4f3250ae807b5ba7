"""Where fine-tuning wrote: the grid, the tensors, the concentration beside its null."""

import json

import numpy as np
import pytest

from analysis.figures import concentration, updates
from analysis.weights.tables import Concentration, TensorRow


def tensor(name: str, layer: int | None, module: str, parameters: int, mean: float, l2: float) -> TensorRow:
    return TensorRow(
        parameters=parameters,
        mean_relative=mean,
        mean_absolute=mean / 10,
        l2=l2,
        changed_fraction=mean / 2,
        infinite=0,
        restored={},
        name=name,
        layer=layer,
        module=module,
    )


ROWS = (
    tensor("a", 0, "q", 100, 0.1, 3.0),
    tensor("b", 0, "q", 300, 0.5, 4.0),
    tensor("c", 1, "down", 200, 0.9, 1.0),
    tensor("d", None, "embed", 50, 0.2, 2.0),
)
CURVE = Concentration(
    percent=np.array([0.0, 1.0, 5.0, 10.0, 100.0]),
    share_relative=np.array([0.0, 0.5, 0.8, 0.9, 1.0]),
    share_absolute=np.array([0.0, 0.1, 0.2, 0.3, 1.0]),
    share_null=np.array([0.0, 0.4, 0.7, 0.85, 1.0]),
    parameters=1000,
    null_parameters=1000,
)


def drawn(figure) -> dict:
    return json.loads(figure.to_json())


def test_a_cell_weighs_its_tensors_by_their_parameters() -> None:
    table = updates.grid_table(ROWS).set_index(["layer", "module"])
    # (100 * 0.1 + 300 * 0.5) / 400 = 0.4; sqrt(3^2 + 4^2) = 5
    assert table.loc[("0", "q"), "mean_relative"] == pytest.approx(0.4)
    assert table.loc[("0", "q"), "l2"] == pytest.approx(5.0)
    assert table.loc[("0", "q"), "parameters"] == 400


@pytest.mark.parametrize("measure", list(updates.MEASURES))
def test_the_grid_colours_one_cell_a_layer_and_module(measure: updates.Measure) -> None:
    figure = drawn(updates.layer_module_grid(ROWS, measure))
    assert figure["encoding"]["color"]["field"] == measure
    assert updates.MEASURES[measure].title in figure["title"]["text"]
    (data,) = figure["datasets"].values()
    assert {(row["layer"], row["module"]) for row in data} == {("0", "q"), ("1", "down"), ("none", "embed")}


def test_layer_0_is_at_the_bottom_and_what_is_in_no_layer_below_it() -> None:
    figure = drawn(updates.layer_module_grid(ROWS, "l2"))
    assert figure["encoding"]["y"]["sort"] == ["1", "0", "none"]


def test_a_click_on_a_cell_names_layer_and_module() -> None:
    figure = drawn(updates.layer_module_grid(ROWS, "l2"))
    assert figure["params"][0]["name"] == updates.CELL_CLICK
    assert figure["params"][0]["select"]["fields"] == ["layer", "module"]


def test_the_grid_in_words_names_the_most_and_the_least_changed_cell() -> None:
    words = updates.grid_words(ROWS, "mean_relative")
    assert "largest in layer 1, down (0.9)" in words
    assert "smallest in embed outside the layers (0.2)" in words
    assert words.endswith("a few base weights near zero can carry it.")
    assert "base weights near zero" not in updates.grid_words(ROWS, "l2"), "no ratio, no caveat"


def test_the_tensor_table_narrows_to_a_clicked_cell() -> None:
    assert updates.tensor_table(ROWS)["tensor"].tolist() == ["a", "b", "c", "d"]
    assert updates.tensor_table(ROWS, "0", "q")["tensor"].tolist() == ["a", "b"]
    assert updates.tensor_table(ROWS, "none", "embed")["tensor"].tolist() == ["d"]


def test_the_concentration_curve_has_r_its_null_and_d() -> None:
    (data,) = drawn(concentration.concentration_curve(CURVE))["datasets"].values()
    at_five = {row["what"]: row["share"] for row in data if row["percent"] == 5.0}
    assert at_five == {"relative change r": 0.8, "r, changes shuffled (null)": 0.7, "absolute change |d|": 0.2}


def test_the_concentration_table_stands_beside_the_papers() -> None:
    table = concentration.concentration_table(CURVE).set_index("percent")
    assert table.loc[5, "share_relative"] == pytest.approx(0.8)
    assert table.loc[3, "share_relative"] == pytest.approx(0.65)  # halfway from 0.5 at 1% to 0.8 at 5%
    assert table.loc[5, "paper"] == pytest.approx(0.8224)


def test_the_concentration_in_words_never_leaves_out_the_null() -> None:
    words = concentration.concentration_words(CURVE)
    assert "80.0%" in words and "20.0%" in words and "70.0%" in words


def test_an_estimated_null_says_how_much_it_was_drawn_from() -> None:
    from dataclasses import replace

    figure = drawn(concentration.concentration_curve(replace(CURVE, null_parameters=64)))
    assert "null estimated from 64" in figure["title"]["subtitle"][0]


def test_the_arithmetic_stands_on_every_figure_and_table() -> None:
    for figure in (
        updates.layer_module_grid(ROWS, "l2", arithmetic="paper"),
        concentration.concentration_curve(CURVE, arithmetic="paper"),
    ):
        assert "arithmetic: paper" in drawn(figure)["title"]["subtitle"]
    for table in (
        updates.tensor_table(ROWS, arithmetic="paper"),
        concentration.concentration_table(CURVE, arithmetic="paper"),
    ):
        assert set(table["arithmetic"]) == {"paper"}


def test_past_the_cliff_nothing_more_really_changes() -> None:
    table = concentration.concentration_table(CURVE, (5, 20, 60), changed_percent=12.5)
    assert table["effective_percent"].tolist() == [5.0, 12.5, 12.5]
    marked = drawn(concentration.concentration_curve(CURVE, changed_percent=12.5))
    assert any(row.get("cliff") == 12.5 for rows in marked["datasets"].values() for row in rows)
    whole = drawn(concentration.concentration_curve(CURVE, changed_percent=100.0))
    assert not any("cliff" in row for rows in whole["datasets"].values() for row in rows)
