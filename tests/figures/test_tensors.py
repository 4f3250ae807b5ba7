"""Every tensor at a glance: what is drawn is the record, zeros have a place, names are never read as HTML."""

import itertools
import math
import subprocess
import sys
from html import escape

import numpy as np
import pytest

from analysis.figures import plotly_style, style, tensors
from analysis.weights.tables import TensorRow
from tests.figures.test_style import contrast

HOSTILE = "layers.3.<a href='https://x'>&lt;b&gt;</a><br>%{x}.weight"


def tensor(name: str, module: str, parameters: int, mean: float, changed: float, layer: int | None = 0) -> TensorRow:
    return TensorRow(
        parameters=parameters,
        mean_relative=mean,
        mean_absolute=mean / 10,
        l2=3 * mean,
        changed_fraction=changed,
        infinite=0,
        restored={20.0: parameters // 4},
        name=name,
        layer=layer,
        module=module,
    )


ROWS = (
    tensor("a", "q", 400, 0.1, 0.5),
    tensor("b", "down", 300, 0.02, 0.25),
    tensor("c", "q", 100, 0.5, 1.0, layer=None),
    tensor("d", "norm", 8, 0.0, 0.0),
)


def traces(rows: tuple[TensorRow, ...] = ROWS, measure: str = "mean_relative") -> dict[str, dict]:
    drawn = tensors.tensor_scatter(rows, measure).to_plotly_json()["data"]  # type: ignore[arg-type]
    return {trace["name"]: trace for trace in drawn}


def test_a_trace_a_module_kind_holds_the_records_own_values_in_the_order_of_a_decoder() -> None:
    drawn = traces()
    assert list(drawn) == ["q", "down", "norm"]
    assert list(drawn["q"]["x"]) == [50.0, 100.0]
    assert list(drawn["q"]["y"]) == [0.1, 0.5]
    assert list(drawn["q"]["marker"]["size"]) == [400, 100]


def test_the_hover_tells_name_layer_parameters_and_what_20_percent_restore() -> None:
    words = list(traces()["q"]["customdata"][0])
    assert words == ["a", "layer 0", "400", "50.0%", "0.1", "0.3", "100 (25.0%)"]
    assert traces()["q"]["customdata"][1][1] == "outside the layers"


@pytest.mark.parametrize(("measure", "values"), [("l2", [0.3, 1.5]), ("changed_fraction", [0.1, 0.5])])
def test_the_height_follows_the_pages_measure_but_never_repeats_the_share_changed(measure: str, values: list) -> None:
    assert list(traces(ROWS, measure)["q"]["y"]) == pytest.approx(values)


def test_zero_stands_below_every_positive_value_on_a_line_labelled_0() -> None:
    figure = tensors.tensor_scatter(ROWS)
    (floor,) = traces()["norm"]["y"]
    assert figure.layout.yaxis.type == "log"
    assert 0 < floor < 0.02
    assert dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))[floor] == "0"
    low, high = figure.layout.yaxis.range
    assert 10**low < floor and 10**high > 0.5


def test_every_other_label_of_that_axis_is_its_value() -> None:
    axis = tensors.tensor_scatter(ROWS).layout.yaxis
    assert [float(words) for words in axis.ticktext[1:]] == pytest.approx(list(axis.tickvals[1:]))


def test_without_zeros_the_axis_is_plotlys_own() -> None:
    axis = tensors.tensor_scatter(ROWS[:3]).layout.yaxis
    assert axis.type == "log" and axis.tickvals is None


@pytest.mark.parametrize("rows", [(), ROWS[3:]])
def test_a_region_of_nothing_or_of_unchanged_tensors_is_drawn_too(rows: tuple[TensorRow, ...]) -> None:
    figure = tensors.tensor_scatter(rows)
    assert all(math.isfinite(y) and y > 0 for trace in figure.data for y in trace.y)


def test_a_tensors_name_is_never_read_as_html() -> None:
    (trace,) = traces((tensor(HOSTILE, "<b>kind", 10, 0.1, 0.5),)).values()
    assert trace["customdata"][0][0] == escape(HOSTILE)
    assert trace["name"] == "&lt;b&gt;kind"
    assert HOSTILE not in trace["hovertemplate"]


def test_a_selection_gives_back_the_names_as_they_are_in_the_file() -> None:
    (trace,) = traces((tensor(HOSTILE, "q", 10, 0.1, 0.5),)).values()
    assert tensors.picked([{"customdata": list(trace["customdata"][0])}]) == {HOSTILE}
    assert tensors.picked([]) == frozenset()


def test_the_figure_in_words_counts_the_tensors_and_names_the_strongest() -> None:
    words = tensors.scatter_words(ROWS)
    assert words.startswith("4 tensors, 1 of them unchanged; between 0.0% and 100.0%")
    assert "argest mean relative change |s − p| / |p|: c (0.5)" in words
    assert "argest length of the update, L2: c (1.5)" in words, "not told which is drawn: both"
    assert "no tensors" in tensors.scatter_words(())


def test_the_words_speak_of_the_measure_that_is_drawn_upward() -> None:
    lengths, ratios, shares = (
        tensors.scatter_words(ROWS, kind) for kind in ("l2", "mean_relative", "changed_fraction")
    )
    assert lengths.endswith("Largest length of the update, L2: c (1.5).") and "relative" not in lengths
    assert "L2" not in ratios and "a few base weights near zero can carry it" in ratios
    assert shares == ratios, "the share changed lies along the bottom"


def test_thousands_of_tensors_are_drawn_by_webgl() -> None:
    many = tuple(tensor(f"t{n}", "q", 10, 0.1, 0.5) for n in range(tensors.DRAWN_AS_SVG + 1))
    assert tensors.tensor_scatter(many).data[0].type == "scattergl"
    assert tensors.tensor_scatter(many[1:]).data[0].type == "scatter"


def test_nothing_lies_behind_the_figure_and_the_camera_writes_svg() -> None:
    layout = tensors.tensor_scatter(ROWS).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    camera = plotly_style.config("glance")["toImageButtonOptions"]
    assert (camera["format"], camera["filename"]) == ("svg", "palimpsest-glance")


def test_equal_counts_have_equal_areas_whatever_the_symbol() -> None:
    q, down = (plotly_style.area_marker(plotly_style.module_ink(kind), [9], 9) for kind in ("q", "down"))
    # plotly's radius is sqrt(size / 2 / sizeref); its diamond reaches 1.3 radii out
    radius_q, radius_down = (math.sqrt(9 / 2 / marker["sizeref"]) for marker in (q, down))
    assert math.pi * radius_q**2 == pytest.approx(2 * (1.3 * radius_down) ** 2)
    assert 2 * radius_q == pytest.approx(plotly_style.LARGEST_MARKER)


@pytest.mark.parametrize("ink", [*plotly_style.MODULE_INKS.values(), plotly_style.OTHER_INK])
def test_every_module_colour_stands_out_from_both_papers(ink: plotly_style.Ink) -> None:
    assert all(contrast(ink.colour, tones["background"]) >= 3.0 for tones in style.PAPERS.values())


# Machado, Oliveira, Fernandes 2009, severity 1: linear RGB as seen without the middle or the long cones.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)


def seen(colour: str, eyes: np.ndarray) -> np.ndarray:
    """The sRGB colour, 0-255, that such eyes see."""
    linear = (np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255) ** 2.2
    return 255 * np.clip(eyes @ linear, 0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("eyes", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["all", "deuteranopia", "protanopia"])
def test_kinds_that_share_a_symbol_differ_in_colour_for_every_eye(eyes: np.ndarray) -> None:
    for first, second in itertools.combinations(plotly_style.MODULE_INKS.values(), 2):
        if first.symbol == second.symbol:
            assert np.linalg.norm(seen(first.colour, eyes) - seen(second.colour, eyes)) > 60, (first, second)


def test_the_module_loads_no_plotly_before_a_figure_is_drawn() -> None:
    code = "import sys, analysis.figures.tensors; print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
