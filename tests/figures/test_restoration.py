"""The accuracy curve and what stands beside it: stops, places, levels."""

import json

import pytest

from analysis.figures import places, restoration, stops
from analysis.records import RestoreSpec

NONE, SOME, ALL = [False] * 8, [True, False] * 4, [True] * 8


def drawn(figure) -> dict:
    return json.loads(figure.to_json())


def data_of(figure) -> list[dict]:
    return [row for rows in drawn(figure)["datasets"].values() for row in rows]


def test_the_curve_has_one_dot_a_stop_and_begins_at_the_tuned_model(make_stop, make_evaluation) -> None:
    known = (make_stop(5, SOME), make_stop(20, ALL))
    figure = restoration.accuracy_curve(known, scope="in", base=make_evaluation(NONE), tuned=make_evaluation(SOME))
    dots = {(row["percent"], row["accuracy"]) for row in data_of(figure) if "strategy" in row}
    assert dots == {(0.0, 1.0), (5.0, 1.0), (20.0, 1.0)}


def test_base_and_tuned_are_lines_that_carry_their_names_and_values(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve((), scope="out", base=make_evaluation(NONE), tuned=make_evaluation(ALL))
    labels = {row.get("label") for row in data_of(figure)}
    assert {"base in this prompt 0.0%", "tuned 100.0%"} <= labels


def test_the_random_control_is_on_the_same_axes_as_a_mean_over_seeds(make_stop, make_evaluation) -> None:
    known = (make_stop(5, SOME), make_stop(5, SOME, strategy="random"), make_stop(5, NONE, strategy="random", seed=1))
    figure = restoration.accuracy_curve(known, scope="in", tuned=make_evaluation(SOME))
    lines = [layer for layer in drawn(figure)["layer"] if layer["mark"]["type"] == "line"]
    assert lines[0]["encoding"]["y"]["aggregate"] == "mean"
    assert {row["strategy"] for row in data_of(figure) if "strategy" in row} == {"relative-top", "random"}


def test_the_cliff_is_shaded_from_the_changed_share_on(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve((), scope="in", tuned=make_evaluation(SOME), changed_percent=40.0)
    assert {"from": 40.0, "to": 100.0, "note": "nothing more to restore"} in data_of(figure)
    flat = restoration.accuracy_curve((), scope="in", tuned=make_evaluation(SOME), changed_percent=100.0)
    assert not any("from" in row for row in data_of(flat))


def test_a_click_on_a_dot_names_its_order_seed_and_percent(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve((make_stop(5, SOME),), scope="in", tuned=make_evaluation(SOME))
    clicks = [param for param in drawn(figure)["params"] if param["name"] == restoration.STOP_CLICK]
    assert clicks[0]["select"]["fields"] == ["strategy", "seed", "percent"]


def test_a_curve_without_anything_evaluated_says_so() -> None:
    assert "nothing has been asked" in drawn(restoration.accuracy_curve((), scope="in"))["title"]["subtitle"]


def test_the_shares_of_layers_and_of_modules_add_up_to_all_that_is_restored(make_count) -> None:
    count = make_count(RestoreSpec(20))
    for figure in (places.layer_bars(count), places.module_bars(count)):
        assert sum(row["share"] for row in data_of(figure)) == pytest.approx(1.0)
    assert "75.0%, lies in layer 1" in places.layer_words(count)
    assert "80.0%, lies in module down" in places.module_words(count)


def test_restoring_nothing_draws_empty_bars_and_says_so(make_count) -> None:
    count = make_count(RestoreSpec(0))
    assert [row["share"] for row in data_of(places.layer_bars(count))] == [0.0, 0.0]
    assert places.layer_words(count) == "Nothing is restored at 0%."


def test_the_cliff_is_passed_only_where_k_exceeds_the_changed_share(make_count) -> None:
    assert stops.changed_percent(make_count(RestoreSpec(5))) == 40.0
    assert not stops.past_cliff(make_count(RestoreSpec(40)))
    assert stops.past_cliff(make_count(RestoreSpec(41)))
    assert not stops.past_cliff(make_count(RestoreSpec(90, strategy="random")))


def test_metrics_give_the_change_against_tuned_in_points(make_evaluation) -> None:
    metrics = stops.accuracy_metrics(make_evaluation(ALL), make_evaluation(SOME))
    assert [metric.label for metric in metrics] == ["In-domain (n = 4)", "Out-of-domain (n = 4)"]
    assert [(metric.value, metric.delta, metric.moved) for metric in metrics] == [
        ("100.0%", "+0.0 points", False),
        ("100.0%", "+100.0 points", True),
    ]


def test_the_level_table_has_a_column_for_each_state_that_was_asked(make_evaluation) -> None:
    table = stops.level_table("in", make_evaluation(NONE), make_evaluation(ALL), None)
    assert list(table.columns) == ["level", "n", "base", "tuned"]
    assert table["tuned"].tolist() == [1.0, 1.0]
    assert table["n"].tolist() == [2, 2]


def test_the_stops_table_holds_both_domains_and_the_flips(make_stop) -> None:
    table = stops.sweep_table((make_stop(20, ALL), make_stop(5, SOME)), ("in", "out"))
    assert table["percent"].tolist() == [5.0, 20.0]
    assert table["accuracy_out"].tolist() == [0.0, 1.0]
    assert table["fixed"].tolist() == [4, 8]


def test_a_stop_is_named_in_words() -> None:
    assert stops.spec_words(RestoreSpec(5)) == "top 5% by relative change, transformer"
    assert stops.spec_words(RestoreSpec(2.5, strategy="random", region="mlp", seed=2)) == "random 2.5%, mlp, seed 2"
    assert stops.spec_words(RestoreSpec(100, layers=(0, 1, 2, 3))).endswith("layers 0–3")


def test_the_curve_in_words_names_the_best_stop(make_stop, make_evaluation) -> None:
    words = stops.curve_words((make_stop(5, NONE), make_stop(20, SOME)), "in", make_evaluation(NONE), None)
    assert "Base in this prompt: 0.0%" in words
    assert "Best of 2 stops: 100.0% at 20%" in words
