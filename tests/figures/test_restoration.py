"""The accuracy curve and what stands beside it: stops, places, levels."""

import json
from dataclasses import replace

import pytest

from analysis.figures import places, restoration, stop_levels, stop_verdicts, stops, style
from analysis.figures.verdicts import Verdict
from analysis.records import STRATEGIES, Question, Realised, RestoreSpec
from analysis.records.weights import MAY_PICK_UNCHANGED

NONE, SOME, ALL = [False] * 8, [True, False] * 4, [True] * 8


def drawn(figure) -> dict:
    return json.loads(figure.to_json())


def flat(evaluation):
    """The same evaluation of questions without mastery levels."""
    domains = {name: replace(found, macro=None, macro95=None) for name, found in evaluation.by_domain.items()}
    return replace(evaluation, by_domain=domains)


def data_of(figure) -> list[dict]:
    return [row for rows in drawn(figure)["datasets"].values() for row in rows]


def test_the_curve_has_one_dot_a_stop_and_begins_at_the_tuned_model(make_stop, make_evaluation) -> None:
    known = (make_stop(5, SOME), make_stop(20, ALL))
    figure = restoration.accuracy_curve(known, scope="in", base=make_evaluation(NONE), tuned=make_evaluation(SOME))
    dots = {(row["percent"], row["accuracy"]) for row in data_of(figure) if "mcnemar_p" in row}
    assert dots == {(0.0, 1.0), (5.0, 1.0), (20.0, 1.0)}


def test_base_and_tuned_are_lines_that_carry_their_names_and_values(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve((), scope="out", base=make_evaluation(NONE), tuned=make_evaluation(ALL))
    labels = {row.get("label") for row in data_of(figure)}
    assert {"base in this prompt 0.0%", "tuned 100.0%"} <= labels


def test_a_control_with_several_seeds_is_their_mean_and_a_band_on_the_same_axes(make_stop, make_evaluation) -> None:
    known = (make_stop(5, SOME), make_stop(5, SOME, strategy="random"), make_stop(5, NONE, strategy="random", seed=1))
    figure = restoration.accuracy_curve(known, scope="in", tuned=make_evaluation(SOME))
    joined = {(row["order"], row["percent"]): row for row in data_of(figure) if "seeds" in row}
    random = joined["random", 5.0]
    assert (random["accuracy"], random["lowest"], random["highest"], random["seeds"]) == (0.5, 0.0, 1.0, 2)
    assert joined["relative top", 5.0]["seeds"] == 1
    kinds = [layer["mark"]["type"] for layer in drawn(figure)["layer"]]
    assert kinds.count("area") == kinds.count("line") == 1
    assert "bands over seeds" in drawn(figure)["title"]["subtitle"][2]


def test_the_axis_may_be_the_share_really_changed(make_stop, make_evaluation) -> None:
    known = (make_stop(20, SOME), make_stop(60, ALL, strategy="interpolation"))
    figure = restoration.accuracy_curve(
        known, scope="in", tuned=make_evaluation(SOME), axis="effective_percent", changed_percent=40.0
    )
    told = drawn(figure)
    fields = {layer["encoding"]["x"]["field"] for layer in told["layer"] if layer["mark"]["type"] in ("point", "line")}
    assert fields == {"effective_percent"}
    scales = [layer["encoding"]["x"]["scale"]["domain"] for layer in told["layer"] if "x" in layer["encoding"]]
    assert all(domain == [0, pytest.approx(40.8)] for domain in scales) and scales


def test_on_the_way_to_the_base_stand_only_the_stops_that_were_looked_at(make_stop, make_evaluation) -> None:
    seen, plain = make_stop(60, ALL, strategy="interpolation"), make_stop(20, SOME)
    seen = replace(seen, count=replace(seen.count, realised=Realised(0, 0, 400, 0, 400, 1.0, 4.0)))
    figure = restoration.accuracy_curve(
        (seen, plain), scope="in", tuned=make_evaluation(SOME), axis="moved_percent", changed_percent=40.0
    )
    dots = {(row["order"], row["moved_percent"]) for row in data_of(figure) if "mcnemar_p" in row}
    assert dots == {("relative top", 0.0), ("interpolation", 0.0), ("interpolation", 25.0)}
    assert not any("cliff" in row for row in data_of(figure))


def test_controls_of_both_kinds_and_blends_are_curves_of_their_own(make_stop, make_evaluation) -> None:
    known = (
        make_stop(5, SOME, strategy="random"),
        make_stop(5, SOME, strategy="random", among="changed"),
        make_stop(5, SOME, strategy="spectral"),
    )
    told = drawn(restoration.accuracy_curve(known, scope="in", tuned=make_evaluation(SOME)))
    line = next(layer for layer in told["layer"] if layer["mark"]["type"] == "line")
    dashed = {
        row["order"]: row["dashed_as"] for rows in told["datasets"].values() for row in rows if "dashed_as" in row
    }
    assert dashed == {"random": "ranked", "random, changed only": "changed only", "spectral": "blend"}
    scale = line["encoding"]["strokeDash"]["scale"]
    assert len(set(map(tuple, scale["range"]))) == len(scale["domain"]) == 3
    assert line["encoding"]["color"]["legend"]["columns"] == 2  # long names: fewer beside each other


def test_every_curve_that_can_be_drawn_has_a_mark_of_its_own_and_its_legend_shows_it(
    make_stop, make_evaluation
) -> None:
    known = [make_stop(5, SOME, strategy=strategy) for strategy in STRATEGIES]
    known += [make_stop(5, SOME, strategy=strategy, among="changed") for strategy in MAY_PICK_UNCHANGED]
    told = drawn(restoration.accuracy_curve(known, scope="in", tuned=make_evaluation(SOME)))
    dots = next(layer for layer in told["layer"] if layer["mark"]["type"] == "point")
    scale = dots["encoding"]["shape"]["scale"]
    assert len(set(scale["range"])) == len(scale["domain"]) == len(known) == 13
    assert dots["encoding"]["shape"]["legend"] == dots["encoding"]["color"]["legend"], "one legend, not two"


def test_show_data_and_screen_readers_get_the_stops_not_the_slider_or_the_cliff(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve(
        (make_stop(5, SOME), make_stop(20, ALL)),
        scope="in",
        base=make_evaluation(NONE),
        tuned=make_evaluation(SOME),
        current_percent=20,
        changed_percent=40.0,
    )
    first = next(iter(style.on_screen(figure, "light")["datasets"].values()))
    assert [row["percent"] for row in first] == [0.0, 5.0, 20.0]
    assert "mcnemar_p" in first[0], "of two sets of three rows, the one that says more"


def test_the_arithmetic_stands_under_the_title_where_something_was_ranked(make_stop, make_evaluation) -> None:
    ranked = restoration.accuracy_curve((make_stop(5, SOME, arithmetic="paper"),), scope="in")
    assert "arithmetic: paper" in drawn(ranked)["title"]["subtitle"][0]
    blended = restoration.accuracy_curve((make_stop(5, SOME, strategy="spectral"),), scope="in")
    assert "arithmetic" not in drawn(blended)["title"]["subtitle"][0]


def test_the_cliff_is_marked_and_shaded_from_the_changed_share_on(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve((), scope="in", tuned=make_evaluation(SOME), changed_percent=40.0)
    cliff = next(row for row in data_of(figure) if "from" in row)
    assert (cliff["from"], cliff["to"], cliff["cliff"]) == (40.0, 100.0, "cliff: 40% changed")
    assert "rule" in [layer["mark"]["type"] for layer in drawn(figure)["layer"]]
    flat = restoration.accuracy_curve((), scope="in", tuned=make_evaluation(SOME), changed_percent=100.0)
    assert not any("from" in row for row in data_of(flat))


def test_a_click_on_a_dot_names_its_order_seed_and_percent(make_stop, make_evaluation) -> None:
    figure = restoration.accuracy_curve((make_stop(5, SOME),), scope="in", tuned=make_evaluation(SOME))
    clicks = [param for param in drawn(figure)["params"] if param["name"] == restoration.STOP_CLICK]
    assert clicks[0]["select"]["fields"] == ["strategy", "among", "seed", "percent"]


def test_a_curve_without_anything_evaluated_says_so() -> None:
    assert "nothing has been asked" in drawn(restoration.accuracy_curve((), scope="in"))["title"]["subtitle"]


def test_the_shares_of_layers_and_of_modules_add_up_to_all_that_is_restored(make_count) -> None:
    count = make_count(RestoreSpec(20))
    for figure in (places.layer_bars(count), places.module_bars(count)):
        assert sum(row["share"] for row in data_of(figure)) == pytest.approx(1.0)
    assert drawn(places.layer_bars(count))["title"]["subtitle"] == [stops.spec_words(count.spec)]
    assert "75.0%, lies in layer 1" in places.layer_words(count)
    assert "80.0%, lies in module down" in places.module_words(count)


def test_restoring_nothing_draws_empty_bars_and_says_so(make_count) -> None:
    count = make_count(RestoreSpec(0))
    assert [row["share"] for row in data_of(places.layer_bars(count))] == [0.0, 0.0]
    assert places.layer_words(count) == "Nothing is restored at 0%."


def test_the_cliff_is_passed_only_where_k_exceeds_the_changed_share(make_count) -> None:
    assert make_count(RestoreSpec(5)).changed_percent == 40.0
    assert not stops.past_cliff(make_count(RestoreSpec(40)))
    assert stops.past_cliff(make_count(RestoreSpec(41)))
    assert not stops.past_cliff(make_count(RestoreSpec(90, strategy="random")))


def test_metrics_give_the_change_against_tuned_in_points(make_evaluation) -> None:
    metrics = stops.accuracy_metrics(make_evaluation(ALL), make_evaluation(SOME))
    assert [metric.label for metric in metrics] == ["In-domain (n = 4)", "Out-of-domain (n = 4)"]
    assert [(metric.value, metric.delta) for metric in metrics] == [
        ("100.0%", "+0.0 points"),
        ("100.0%", "+100.0 points"),
    ]
    assert {metric.direction for metric in metrics} == {"unclear"}, "untested, nothing is said of the change"


def test_a_metrics_change_has_a_direction_only_where_its_test_carries_one(make_stop, make_evaluation) -> None:
    tuned, stop = make_evaluation(NONE, domains=False), make_stop(5, SOME)
    few, many = make_evaluation(SOME, domains=False), make_evaluation(ALL, domains=False)
    assert stop_verdicts.against_tuned(stop, few, tuned, ())["all"].direction == "unclear", "4 of 8 changed side"
    against = stop_verdicts.against_tuned(make_stop(5, ALL), many, tuned, ())
    (metric,) = stops.accuracy_metrics(many, tuned, against)
    assert (metric.delta, metric.direction) == ("+100.0 points", "up")


def test_a_domain_without_levels_is_tested_on_its_own_questions(make_stop, make_evaluation) -> None:
    asked = [Question(f"q{n}", "?", ("gold",), domain="in" if n % 2 == 0 else "out") for n in range(40)]
    tuned, best = flat(make_evaluation([False] * 40)), flat(make_evaluation([True, False] * 20))
    stop = replace(make_stop(5, [True, False] * 20), evaluation=best)
    against = stop_verdicts.against_tuned(stop, best, tuned, asked)
    assert (against["in"].direction, against["in"].n) == ("up", 20)
    assert (against["out"].direction, against["out"].n) == ("unclear", 20)
    told = stop_verdicts.judged((stop,), "in", tuned, asked, {stop.spec: best}.get)
    assert "more than tuned (20 fixed, 0 broken" in stops.curve_words((stop,), "in", None, tuned, told)
    assert "than tuned" not in stops.curve_words((stop,), "in", None, tuned), "untested, nothing is claimed"


def test_the_level_table_has_a_column_for_each_state_that_was_asked(make_evaluation) -> None:
    table = stop_levels.level_table("in", make_evaluation(NONE), make_evaluation(ALL), None)
    bounds = ["base_low", "base_high", "tuned_low", "tuned_high"]
    assert list(table.columns) == ["level", "n", "base", "tuned", *bounds]
    assert stop_levels.written(table)["tuned"].tolist() == ["100.0% [34–100]"] * 2, "Wilson, 2 of 2"
    assert table["tuned"].tolist() == [1.0, 1.0]
    assert table["n"].tolist() == [2, 2]


def test_the_stops_table_holds_both_domains_and_the_flips(make_stop) -> None:
    table = stops.sweep_table((make_stop(20, ALL), make_stop(5, SOME)), ("in", "out"))
    assert table["percent"].tolist() == [5.0, 20.0]
    assert table["accuracy_out"].tolist() == [0.0, 1.0]
    assert table["fixed"].tolist() == [4, 8]
    assert set(table["arithmetic"]) == {"exact"} and set(table["changed_percent"]) == {40.0}


def test_a_stop_is_named_in_words() -> None:
    assert stops.spec_words(RestoreSpec(5)) == "top 5% by relative change, transformer, exact arithmetic"
    assert (
        stops.spec_words(RestoreSpec(2.5, strategy="random", region="mlp", seed=2))
        == "random 2.5%, mlp, exact arithmetic, seed 2"
    )
    assert stops.spec_words(RestoreSpec(100, layers=(0, 1, 2, 3))).endswith("layers 0–3, exact arithmetic")
    assert stops.spec_words(RestoreSpec(60, "spectral")) == "weakest 60% of singular directions, transformer"
    narrow = RestoreSpec(5, "absolute-bottom", scope="tensor", modules=("q", "k"), among="changed", arithmetic="paper")
    assert stops.spec_words(narrow) == (
        "bottom 5% by absolute change, of the changed weights, transformer, in each tensor, k q, paper arithmetic"
    )


def test_only_stops_over_the_same_parameters_ranked_alike_are_beside_each_other(make_stop) -> None:
    known = tuple(
        make_stop(5, SOME, **spec)
        for spec in (
            {},
            {"strategy": "random", "among": "changed"},
            {"arithmetic": "paper"},
            {"scope": "tensor"},
            {"layers": (1,)},
            {"modules": ("q",)},
            {"region": "mlp"},
            {"strategy": "spectral"},
        )
    )
    kept = stops.beside(known, RestoreSpec(20, strategy="relative-bottom"))
    assert [known.index(stop) for stop in kept] == [0, 1, 7]
    assert [known.index(stop) for stop in stops.beside(known, RestoreSpec(20, "spectral"))] == [0, 1, 2, 3, 7]


def test_what_rounding_made_of_a_blend_is_told_in_shares_of_the_changed(make_count) -> None:
    spec = RestoreSpec(50, strategy="interpolation")
    seen = Realised(100, 200, 100, 0, 200, 1.0, 4.0)
    words = stops.rounding_words(replace(make_count(spec), realised=seen))
    assert "of 400 changed weights: 25.0% the base's, 50.0% the tuned, 25.0% between the two." in words
    assert "25.0% of the squared distance" in words
    assert stops.rounding_words(make_count(RestoreSpec(5))) == ""


def test_the_curve_in_words_names_the_best_stop(make_stop, make_evaluation) -> None:
    words = stops.curve_words((make_stop(5, NONE), make_stop(20, SOME)), "in", make_evaluation(NONE), None)
    assert "Base in this prompt: 0.0%" in words
    assert "At 20% restored: 100.0% [90.0–110.0%]" in words
    assert "It is the best of 2, chosen on these very questions, and tends to look worse on others" in words


def test_the_curves_finding_names_the_control_beside_the_best_stop(make_stop, make_evaluation) -> None:
    known = (make_stop(5, NONE), make_stop(20, SOME), make_stop(20, NONE, strategy="random"))
    random = stop_verdicts.Draw(0.0, Verdict("unclear", 4, "1 fixed, 0 broken", 0.8))
    told = stop_verdicts.Judged(draws=(random,))
    words = stops.curve_finding(known, "in", make_evaluation(NONE), told)
    assert words.startswith("Best of 2 stops, 20% restored: 100.0% right [90.0–110.0%]")
    assert "not distinguishable at n = 4 from as many at random (p = 1)" in words
    assert "Chosen here, it tends to look worse on other questions." in words
    assert "Tuned: 0.0% [" in words and "more than" not in words
    whole = stops.curve_words(known, "in", None, make_evaluation(NONE), told)
    assert "It is not distinguishable from as many parameters at random at n = 4 (one draw: 0.0%; 1 fixed" in whole
    assert stops.curve_finding((), "in", make_evaluation(NONE)) == stops.curve_words(
        (), "in", None, make_evaluation(NONE)
    )


def test_every_draw_of_the_control_is_tested_and_the_verdict_told_in_words(make_evaluation) -> None:
    best = make_evaluation([True] * 20 + [False] * 20, domains=False)
    alike = make_evaluation([False] + [True] * 20 + [False] * 19, domains=False)
    far = make_evaluation([False] * 40, domains=False)
    words = stop_verdicts.control_words(stop_verdicts.against_draws(best, [alike], "all", ()))
    assert words.startswith("It is not distinguishable from as many parameters at random at n = 40 (one draw: 50.0%;")
    assert "McNemar" in words
    words = stop_verdicts.control_words(stop_verdicts.against_draws(best, [far, far], "all", ()))
    assert words.startswith("That is more than as many parameters at random give (2 draws: 0.0% to 0.0%;")
    words = stop_verdicts.control_words(stop_verdicts.against_draws(best, [alike, far, far], "all", ()))
    assert words.startswith(
        "Of 3 draws of as many parameters at random it is more than 2 and not distinguishable from 1 at n = 40 "
        "(3 draws: 0.0% to 50.0%; against the highest 1 fixed, 1 broken"
    )
    assert stop_verdicts.control_words(()) == ""


def test_the_best_of_eight_stops_is_more_than_tuned_or_random_only_once_corrected_for_choosing(make_stop) -> None:
    """Six questions fixed, none broken, have p = 0.031; as the best of eight p = 0.25, and nothing is claimed."""
    six = make_stop(20, [True] * 6 + [False] * 34)
    others = [make_stop(percent, [False] * 40) for percent in (1, 3, 5, 10, 40, 60, 80)]
    tested = Verdict("up", 40, "6 fixed, 0 broken, McNemar p = 0.031", 0.03125)
    told = stop_verdicts.Judged(tested, (stop_verdicts.Draw(0.0, tested),))
    alone, of_eight = (stops.best_words(known, "in", told) for known in ([six], [*others, six]))
    assert "more than tuned (6 fixed" in alone and "That is more than as many parameters at random give" in alone
    assert (
        "not distinguishable from tuned at n = 40 (6 fixed, 0 broken, McNemar p = 0.031; as the best of 8: p = 0.25)"
        in of_eight
    )
    assert "It is not distinguishable from as many parameters at random at n = 40" in of_eight
    assert "more than" not in of_eight


def test_only_random_draws_of_as_many_of_the_same_parameters_are_a_stops_control(make_stop) -> None:
    best = make_stop(20, SOME)
    draws = [make_stop(20, NONE, strategy="random", seed=seed) for seed in (0, 1)]
    others = [
        make_stop(5, NONE, strategy="random"),
        make_stop(20, NONE, strategy="random", among="changed"),
        make_stop(20, NONE, strategy="random", region="mlp"),
    ]
    assert stop_verdicts.controls((best, *others, *draws), best) == tuple(draws)
