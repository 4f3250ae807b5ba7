"""The figures' language: fixed colours, both papers, exports without a browser."""

import re

import altair as alt
import pandas as pd
import pyarrow as pa
import pytest
import vl_convert

from analysis.figures import style


def a_figure() -> style.Figure:
    table = pd.DataFrame([{"x": 1, "y": 2, "state": "base"}, {"x": 2, "y": 3, "state": "tuned"}])
    colour = alt.Color("state:N", scale=style.state_scale("base", "tuned"))
    return style.finish(alt.Chart(table).mark_line().encode(x="x:Q", y="y:Q", color=colour), "Right (%)", "n = 2")


def luminance(colour: str) -> float:
    """Relative luminance of a #RRGGBB colour, WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


INKS = (
    *style.COLOURS.values(),
    *style.STRATEGY_COLOURS.values(),
    *style.LEVEL_COLOURS,
    *style.KINDS,
    *(style.SLATE, style.SAND),
)


@pytest.mark.parametrize("colour", INKS)
@pytest.mark.parametrize("paper", ["light", "dark"])
def test_every_ink_stands_out_from_its_paper(colour: str, paper: style.Paper) -> None:
    shown = style.ON_DARK.get(colour, colour) if paper == "dark" else colour
    assert contrast(shown, style.PAPERS[paper]["background"]) >= 3.0


def test_the_quiet_text_is_readable_on_both_papers() -> None:
    for tones in style.PAPERS.values():
        assert contrast(tones["faint"], tones["background"]) >= 4.5


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def test_a_figure_on_a_page_has_no_background_of_its_own() -> None:
    assert style.on_screen(a_figure(), "dark")["config"]["background"] == "transparent"


def test_dark_paper_takes_the_lighter_inks_and_light_paper_the_plain_ones() -> None:
    dark, light = (str(style.on_screen(a_figure(), paper)) for paper in ("dark", "light"))
    assert style.ON_DARK[style.BASE] in dark and style.BASE not in dark
    assert style.BASE in light


def test_a_figure_for_a_file_carries_its_papers_text_and_grid() -> None:
    config = style.on_paper(a_figure(), "dark")["config"]
    assert config["background"] == style.PAPERS["dark"]["background"]
    assert config["axis"]["labelColor"] == style.PAPERS["dark"]["text"]
    assert config["title"]["subtitleColor"] == style.PAPERS["dark"]["faint"]


def test_the_largest_set_of_data_comes_first_as_streamlits_show_data_takes_it() -> None:
    """Its page shows `data ?? datasets[0].data`; the server keeps the order in which the specification names them."""
    from streamlit.testing.v1 import AppTest

    def page() -> None:
        import altair as alt
        import pandas as pd
        import streamlit as st

        from analysis.figures import style

        rule = alt.Chart(pd.DataFrame([{"at": 1}])).mark_rule().encode(x="at:Q")
        line = alt.Chart(pd.DataFrame({"x": [1, 2, 3], "y": [4, 5, 6]})).mark_line().encode(x="x:Q", y="y:Q")
        st.vega_lite_chart(style.on_screen(style.finish(alt.layer(rule, line), "Right (%)"), "light"))

    shown = AppTest.from_function(page).run()
    assert not shown.exception
    (chart,) = shown.get("vega_lite_chart")
    tables = [pa.ipc.open_stream(each.data.data).read_all() for each in chart.proto.datasets]
    assert [table.num_rows for table in tables] == [3, 1] and "y" in tables[0].column_names


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_a_kept_specification_is_ordered_on_a_page_and_left_as_it_was(paper: style.Paper) -> None:
    rule = alt.Chart(pd.DataFrame([{"at": 1}])).mark_rule().encode(x="at:Q")
    many = alt.Chart(pd.DataFrame({"x": [1, 2]})).mark_point().encode(x="x:Q")
    kept = style.specification(style.finish(alt.layer(rule, many), "Right (%)"))
    before = list(kept["datasets"])
    assert list(style.on_screen(kept, paper)["datasets"]) == before[::-1]
    assert list(kept["datasets"]) == before


def test_drawing_a_copy_leaves_the_figure_as_it_was() -> None:
    figure = a_figure()
    before = figure.to_json()
    style.on_paper(figure, "dark")
    style.on_screen(figure, "light")
    assert figure.to_json() == before


def test_the_accuracy_axis_begins_at_0_and_never_passes_100_percent() -> None:
    assert style.accuracy_scale([0.5]).domain == pytest.approx([0, 0.55])
    assert style.accuracy_scale([0.99]).domain == [0, 1.0]
    assert style.accuracy_scale([]).domain == pytest.approx([0, 0.099])


def test_a_long_title_is_broken_on_a_page_and_whole_for_readers_of_the_figure() -> None:
    figure = style.finish(alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x:Q"), "a long title " * 6)
    lines = style.on_screen(figure, "light")["title"]["text"]
    assert len(lines) == 2 and all(len(line) <= style.TITLE_LETTERS for line in lines)
    assert figure.to_dict()["title"]["text"] == "a long title " * 6


def test_a_long_line_under_a_title_is_broken_between_its_parts_and_the_figure_grows_by_it() -> None:
    note = "mean over mastery levels · n = 500 questions a run · lowest to highest of up to 3 runs"
    figure = style.finish(a_figure().properties(height=200), "Right (%)", [note, "dashed: plain fine-tuning"])
    shown = style.on_screen(figure, "light")
    assert shown["title"]["subtitle"] == [
        "mean over mastery levels · n = 500 questions a run",
        "lowest to highest of up to 3 runs",
        "dashed: plain fine-tuning",
    ]
    assert shown["height"] == 200 + style.SUBTITLE_LINE
    assert style.on_paper(figure)["title"]["subtitle"][0] == note  # a file is wide enough


def test_a_part_too_long_for_a_line_is_broken_between_words() -> None:
    note = "upright ticks: share of all weights, where a random draw would put them"
    lines = style.on_screen(style.finish(a_figure(), "Right (%)", note), "light")["title"]["subtitle"]
    assert len(lines) == 2 and " ".join(lines) == note
    assert max(map(len, lines)) <= style.SUBTITLE_LETTERS


def legend_columns_at(width: int) -> int:
    """Columns of a drawn legend of two entries, from where its entries stand."""
    legend = alt.Legend(orient="top", columns=style.legend_columns(2, 1, below=400))
    colour = alt.Color("state:N", scale=style.state_scale("base", "tuned"), legend=legend)
    figure = style.finish(a_figure().encode(color=colour).properties(width=width), "Right (%)")
    svg = vl_convert.vegalite_to_svg(style.specification(figure))
    entry = r'translate\(([^,)]*),[^)]*\)"><path class="background"[^>]*><g><g class="mark-symbol role-legend-symbol"'
    return len(set(re.findall(entry, svg)))


def test_a_legend_stands_in_fewer_columns_where_the_plot_is_narrow() -> None:
    assert legend_columns_at(399) == 1
    assert legend_columns_at(400) == 2


def test_names_along_an_axis_are_whole_in_a_file_which_knows_no_container() -> None:
    long = "a name of more letters than a phone has room for"
    table = pd.DataFrame({"name": [long], "y": [1]})
    axis = alt.Axis(labelLimit=style.label_limit(400, 60))
    figure = alt.Chart(table).mark_bar().encode(x="y:Q", y=alt.Y("name:N", axis=axis))
    assert long in vl_convert.vegalite_to_svg(style.on_paper(style.finish(figure, "Right (%)")))
