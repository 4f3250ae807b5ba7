"""Figures and tables of a plan, from result tables small enough to work out; each is a valid specification."""

import pandas as pd
import pytest

from analysis.experiments.spread import layers_name, of_variant, variant_of
from analysis.figures import experiments as look
from analysis.figures import experiments_concentration as concentration
from analysis.figures import experiments_divergence as divergence
from analysis.figures import experiments_places as places
from analysis.figures import experiments_restoration as restoring
from analysis.figures import experiments_runs as runs
from analysis.figures import experiments_sizes as sizes
from analysis.figures import experiments_ways as ways
from analysis.figures import style
from analysis.records import Change, Flips
from tests.experiments.tables import made, number, restored, seeds


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Levels 0 and 4 at 1,920, two seeds, restored two ways; KL, concentration, places and a LoRA beside them."""
    kl = {"measure": "kl_paper", "group": "4", "n": 40}
    null = {"measure": "concentration_null", "domain": ""}
    place = {"strategy": "relative-top", "percent": 20.0, "domain": ""}
    return made(
        *restored("0", 1920, {0: [0.04, 0.06], 20: [0.10, 0.20], 60: [0.01, 0.01]}),
        *restored("4", 1920, {0: [0.40, 0.44], 20: [0.48, 0.50], 60: [0.10, 0.12]}),
        *seeds("4", 1920, [0.45, 0.47], strategy="random", percent=20.0),
        *[number("4", 1920, share, group=str(level)) for level, share in enumerate((0.0, 0.1, 0.4, 0.7, 0.8))],
        number("", 0, 0.02, variant="base"),
        number("4", 1920, 0.43, variant="lora", low=0.40, high=0.46),
        *seeds("4", 1920, [0.97, 0.99], measure="train_accuracy", domain="train", group="micro"),
        *seeds("0", 240, [2.2, 2.4], **kl),
        *seeds("0", 1920, [2.5, 2.7], **kl),
        number("0", 1920, 0.84, measure="concentration", group="5", domain=""),
        number("0", 1920, 0.83, group="5", **null),
        *[
            number("0", 1920, share, measure="restored_layer", group=str(layer), **place)
            for layer, share in ((10, 0.7), (2, 0.3))
        ],
        *[
            number("0", 1920, share, measure="restored_module", group=kind, **place)
            for kind, share in (("q", 0.2), ("down", 0.8))
        ],
        *seeds("4", 1920, [0.02, 0.04], measure="layer_group", group="0-3"),
        *seeds("4", 1920, [0.40, 0.45], measure="layer_group", group="4-7"),
    )


def data_of(figure: style.Figure, *columns: str) -> list[dict[str, object]]:
    """The rows of every data set of a valid specification that has these columns."""
    sets = figure.to_dict()["datasets"].values()
    return [row for rows in sets for row in rows if set(columns) <= set(row)]


def cell_of(figure: style.Figure, row: str, column: str) -> dict[str, object]:
    """One cell of a grid."""
    return next(cell for cell in data_of(figure, "row", "column") if (cell["row"], cell["column"]) == (row, column))


def test_accuracy_by_size_has_mean_spread_and_the_papers_value_where_it_is_held(table: pd.DataFrame) -> None:
    rows = sizes.size_rows(table, "in").set_index("level")
    assert list(rows.loc["0", ["mean", "low", "high", "runs", "paper"]]) == [pytest.approx(0.05), 0.04, 0.06, 2, 0.4547]
    figure = sizes.size_curve(table, "in")
    assert data_of(figure, "mean", "x")
    assert "the base in this prompt: 2.0%" in figure.title.subtitle[-1]  # type: ignore[union-attr]
    assert sizes.size_rows(table, "out").empty


def test_the_level_grid_writes_the_mean_the_interval_and_the_papers_mean_apart(table: pd.DataFrame) -> None:
    figure = sizes.level_grid(table, 1920, "in")
    assert cell_of(figure, "level 4", "4")["text"] == "80.0"
    assert cell_of(figure, "level 0", "mean")["detail"] == "[4–6]"
    paper_cell = cell_of(figure, "level 0", sizes.PAPER_COLUMN)
    assert (paper_cell["text"], paper_cell["fill"]) == ("45.47", style.RANDOM)


def test_gains_and_losses_are_told_by_sign_and_by_colour(table: pd.DataFrame) -> None:
    figure = restoring.restoration_grid(table, "in")
    gain, loss = cell_of(figure, "level 0 · 1,920", "20%"), cell_of(figure, "level 4 · 1,920", "60%")
    assert (gain["text"], gain["detail"], gain["fill"]) == ("15.0", "▲ 10.0", look.BETTER)
    assert gain["against"] == "+10.0 points (single runs +6.0 to +14.0)"
    assert gain["paper"] == "54.81%"
    assert (loss["detail"], loss["fill"]) == ("▼ 31.0", look.WORSE)
    start = cell_of(figure, "level 4 · 1,920", "0%")
    assert (start["detail"], start["fill"]) == ("tuned", style.RANDOM)


def test_the_papers_own_grid_holds_its_numbers_and_no_others() -> None:
    cells = data_of(restoring.paper_grid(), "row", "column")
    assert len(cells) == 18  # two whole rows of eight, two cells of level 4 at 240
    assert (
        next(cell for cell in cells if cell["row"] == "level 4 · 240" and cell["column"] == "20%")["detail"] == "▼ 7.5"
    )


def test_a_restoration_curve_holds_every_order_and_the_training_set_only_what_was_asked(table: pd.DataFrame) -> None:
    rows = data_of(restoring.restoration_curve(table, "4", 1920, "in"), "order", "mean")
    assert {row["order"] for row in rows} == {"largest relative change first", "random draw"}
    trained = restoring.restored_rows(table, "train")
    assert list(trained["mean"]) == [pytest.approx(0.98)] and list(trained["change"]) == [0.0]
    held = restoring.restoration_table(table, "in")
    assert held[held["strategy"] == "random"]["paper"].isna().all()


def test_kl_is_in_nats_and_too_few_training_sets_make_no_correlation(table: pd.DataFrame) -> None:
    rows = divergence.kl_rows(table).set_index("size")
    assert rows.loc[1920, "mean"] == pytest.approx(2.6)
    assert data_of(divergence.kl_curve(table), "mean", "x")
    assert "at least four training sets" in str(divergence.accuracy_scatter(table).to_dict()["title"]["subtitle"])
    assert set(divergence.divergence_table(table)["over"]) == {"ten largest logits (the paper's)"}


def test_concentration_stands_over_its_null_and_over_the_papers_row(table: pd.DataFrame) -> None:
    figure = concentration.concentration_grid(table)
    assert cell_of(figure, "level 0 · 1,920", "5%")["detail"] == "(83.0)"
    assert cell_of(figure, concentration.PAPER_ROW, "5%")["text"] == "82.24"
    assert "84.0%, and 83.0%" in concentration.null_words(table)
    held = concentration.concentration_table(table).set_index("what")
    assert held.loc["relative change r", "paper"] == 0.8224
    assert data_of(concentration.concentration_lines(table, "0", 1920), "top", "what")


def test_places_are_ordered_and_carry_what_a_random_draw_would_put_there(table: pd.DataFrame) -> None:
    layers = places.place_rows(table, "restored_layer", 20.0)
    assert list(layers["group"]) == ["2", "10"]  # by number, not by text
    modules = places.place_rows(table, "restored_module", 20.0)
    assert list(modules["group"]) == ["down", "q"] and modules["paper"].iloc[0] == 0.2891
    rows = data_of(places.place_bars(table, "restored_module", 20.0, {"down": 0.6}), "weights", "group")
    assert next(row for row in rows if row["group"] == "down")["weights"] == 0.6


def test_a_group_of_layers_is_held_against_the_tuned_model(table: pd.DataFrame) -> None:
    figure = places.group_grid(table, "in")
    assert cell_of(figure, "level 4 · 1,920", "layers 0-3")["detail"] == "▼ 39.0"
    assert cell_of(figure, "level 4 · 1,920", "layers 4-7")["text"] == "42.5"


def test_every_way_is_listed_plain_first_with_its_control(table: pd.DataFrame) -> None:
    found = ways.way_table(table, "4", 1920, 20.0, "in")
    assert list(found["way"]) == [
        "Plain fine-tuning",
        "LoRA",
        "Plain fine-tuning, then relative top 20%",
        "Plain fine-tuning, then random 20%",
    ]
    assert list(found["kind"]) == ["runs", "questions", "runs", "runs"]
    assert data_of(ways.way_dots(table, "4", 1920, 20.0, "in"), "way", "mean")
    assert list(ways.paper_ways()["right"]) == [0.588, 0.5782, 0.6221]


def test_a_cell_leads_to_its_runs_and_only_to_those(table: pd.DataFrame) -> None:
    fields = {"level": "4", "size": 1920, "strategy": "relative-top", "percent": 20.0, "domain": "in"}
    behind = runs.behind(table, fields)
    assert list(behind["value"]) == [0.48, 0.50]
    assert runs.cell_words(fields) == "level 4, 1,920 samples, 20% restored by largest relative change first, in-domain"
    assert runs.run_words(behind.iloc[0].to_dict()) == "seed 0 · 48.0% [–] · n = 100"
    assert list(runs.behind(table, fields | {"percent": 0.0})["value"]) == [0.40, 0.44]  # 0% is the tuned model
    assert list(runs.behind(table, {"level": "4", "size": 1920, "domain": "train"})["value"]) == [0.97, 0.99]


def test_the_runs_table_has_a_row_a_state_and_filters(table: pd.DataFrame) -> None:
    every = runs.run_table(table)
    assert len(every) == len(every.drop_duplicates(["cell", "strategy", "percent"])) == 16
    assert "level 4 · 1,920 · seed 1 · random 20%" in set(every["run"]) and "base" in set(every["run"])
    assert set(runs.filtered(every, levels=["0"], strategies=[""])["run"]) == {
        "level 0 · 1,920 · seed 0",
        "level 0 · 1,920 · seed 1",
    }
    assert len(runs.filtered(every)) == 16


def test_two_runs_are_told_apart_no_further_than_the_test_carries() -> None:
    change = Change(0.02, (-0.01, 0.05))
    words = runs.compared_words(
        100, change, None, Flips(fixed=5, broken=3, still_right=40, still_wrong=52, mcnemar_p=0.73)
    )
    assert words == (
        "n = 100, the same questions. Share right: +2.0 points [−1.0 to +5.0]. "
        "McNemar p = 0.73: not distinguishable at n = 100."
    )
    # hundreds of flips, and an interval that leaves out 0: the exact test alone decides, and the sentence says so
    many = Flips(fixed=230, broken=190, still_right=40, still_wrong=40, mcnemar_p=0.057)
    assert runs.compared_words(500, Change(0.08, (0.001, 0.159)), None, many).endswith(
        "McNemar p = 0.057: not distinguishable at n = 500 by this exact test, whatever the intervals."
    )
    told = Flips(fixed=230, broken=150, still_right=80, still_wrong=40, mcnemar_p=0.0001)
    assert runs.compared_words(500, Change(0.16, (0.08, 0.24)), None, told).endswith("unlikely to be chance.")


def test_small_changes_are_seen_and_text_reads_on_the_strongest_fill() -> None:
    assert look.strength(0.0, 0.5) == 0.05 and look.strength(0.5, 0.5) == 0.5
    assert look.strength(0.01, 0.5) > 0.1
    assert look.change_mark(0.0004) == "= 0" and look.change_colour(float("nan")) == style.RANDOM


def test_the_papers_numbers_stand_beside_in_domain_cells_alone(table: pd.DataFrame) -> None:
    """Table 4a is in-domain: out of it and on the training set the paper's numbers are others, not held here."""
    out = pd.concat([table, table.assign(domain="out")], ignore_index=True)
    assert cell_of(restoring.restoration_grid(out, "in"), "level 0 · 1,920", "20%")["paper"] == "54.81%"
    assert cell_of(restoring.restoration_grid(out, "out"), "level 0 · 1,920", "20%")["paper"] == "–"
    trained = made(*restored("0", 1920, {0: [0.9], 20: [0.8]}, measure="train_accuracy", domain="train", group="micro"))
    assert cell_of(restoring.restoration_grid(trained, "train"), "level 0 · 1,920", "20%")["paper"] == "–"


def lying(layers: int, percent: float = 20.0) -> pd.DataFrame:
    """A run whose restored parameters lie evenly in so many layers."""
    place = {"measure": "restored_layer", "strategy": "relative-top", "percent": percent, "domain": ""}
    return made(*[number("0", 1920, 1 / layers, group=str(layer), **place) for layer in range(layers)])


def test_the_papers_shares_stand_beside_as_many_layers_at_its_percentage_alone(table: pd.DataFrame) -> None:
    same = places.place_rows(lying(32), "restored_layer", 20.0).set_index("group")["paper"]
    assert (same["0"], same["31"], same.notna().sum()) == (0.0377, 0.0284, 2)
    assert places.unlike_paper(lying(32), 20.0) == ""
    assert places.place_rows(lying(4), "restored_layer", 20.0)["paper"].isna().all()
    assert "of 32 layers, where an even share is 3.1%; of 4 it is 25.0%" in places.unlike_paper(lying(4), 20.0)
    five = table.assign(percent=table["percent"].replace(20.0, 5.0))
    assert places.place_rows(five, "restored_module", 5.0)["paper"].isna().all()
    assert "of the most changed 20%" in places.unlike_paper(five, 5.0)


def clicked(figure: style.Figure, row: str, column: str) -> dict[str, object]:
    """What a click on this cell names, by the figure's own parameter."""
    cell = cell_of(figure, row, column)
    fields = next(param["select"]["fields"] for param in figure.to_dict()["params"] if param["name"] == look.CELL_CLICK)
    return {name: cell[name] for name in fields}


def test_every_cell_leads_to_runs_whose_numbers_make_its_own(table: pd.DataFrame) -> None:
    at = "level 4 · 1,920"
    asked = clicked(sizes.level_grid(table, 1920, "in"), "level 4", "3")
    assert list(runs.behind(table, asked)["value"]) == [0.7]
    assert runs.cell_words(asked) == "level 4, 1,920 samples, asked about facts of level 3, in-domain"
    held = clicked(concentration.concentration_grid(table), "level 0 · 1,920", "5%")
    assert list(runs.behind(table, held)["value"]) == [0.84]
    assert runs.run_words(runs.behind(table, held).iloc[0].to_dict()) == "seed 0 · 84.0%"
    group = clicked(places.group_grid(table, "in"), at, "layers 0-3")
    assert list(runs.behind(table, group)["value"]) == [0.02, 0.04]
    assert "layers 0-3 restored" in runs.cell_words(group)


def test_points_and_bars_lead_to_their_own_numbers_too(table: pd.DataFrame) -> None:
    nats = {"level": "0", "size": 240, "measure": "kl_paper", "group": "4"}
    assert list(runs.behind(table, nats)["value"]) == [2.2, 2.4]
    assert runs.run_words(runs.behind(table, nats).iloc[0].to_dict()) == "seed 0 · 2.200 nats [–] · n = 40"
    bar = {"measure": "restored_layer", "group": "10", "strategy": "relative-top", "percent": 20.0}
    found = runs.behind(table, bar)
    assert list(found["value"]) == [0.7] and runs.cell_words(bar).startswith("all training sets, 20% restored")
    assert runs.run_words(found.iloc[0].to_dict(), named=True) == "level 0 · 1,920 · seed 0 · 70.0%"
    dot = {"level": "4", "size": 1920, "measure": "accuracy", "group": "macro", "seed": 1}
    assert list(runs.behind(table, dot)["value"]) == [0.44] and "seed 1" in runs.cell_words(dot)
    for figure, fields in (
        (divergence.kl_curve(table), ["level", "size", "measure", "group"]),
        (divergence.accuracy_scatter(table), ["level", "size", "measure", "group", "seed"]),
        (places.place_bars(table, "restored_module", 20.0), ["measure", "group", "strategy", "percent"]),
        (concentration.concentration_lines(table, "0", 1920), ["level", "size", "measure", "group"]),
    ):
        spec = figure.to_dict()
        assert [param["select"]["fields"] for param in spec["params"] if param["name"] == look.CELL_CLICK] == [fields]
        assert any(set(fields) <= set(row) for rows in spec["datasets"].values() for row in rows)


def test_a_cell_of_the_papers_leads_to_no_run(table: pd.DataFrame) -> None:
    level = clicked(sizes.level_grid(table, 1920, "in"), "level 4", sizes.PAPER_COLUMN)
    share = clicked(concentration.concentration_grid(table), concentration.PAPER_ROW, "5%")
    for fields in (level, share):
        assert runs.is_papers(fields) and not len(runs.behind(table, fields))


def test_a_plan_without_mastery_levels_is_drawn_over_all_questions_together_and_says_so() -> None:
    plain = made(*restored("all", 0, {0: [0.2, 0.3], 20: [0.4, 0.5]}, group="micro"), number("", 0, 0.1, group="micro"))
    plain.loc[plain["level"] == "", "variant"] = "base"
    assert list(sizes.size_rows(plain, "in")["mean"]) == [0.25]
    assert "all questions together, which carry no mastery levels" in str(
        sizes.size_curve(plain, "in").to_dict()["title"]
    )
    assert cell_of(sizes.level_grid(plain, 0, "in"), "all facts", "all together")["text"] == "25.0"
    assert cell_of(restoring.restoration_grid(plain, "in"), "all facts · all", "20%")["detail"] == "▲ 20.0"
    assert list(ways.way_rows(plain, "all", 0, 20.0, "in")["mean"]) == [0.25, 0.45]
    assert list(runs.run_table(plain)["in_domain"]) == [0.1, 0.2, 0.4, 0.3, 0.5]
    assert list(runs.behind(plain, {"level": "all", "size": 0})["value"]) == [0.2, 0.3]


def test_the_sentences_over_figures_hold_numbers_spread_and_n_and_tell_the_two_grids_apart(table: pd.DataFrame) -> None:
    top, random = (restoring.grid_words(table, "in", strategy) for strategy in ("relative-top", "random"))
    assert "from −31.0 points (level 4 · 1,920, 60%) to +10.0 points (level 0 · 1,920, 20%)" in top
    assert "Every run gained in 2 of 4 cells and lost in 2" in top and "n = 100 questions a run" in top
    assert top != random and "random draw" in random
    curve = restoring.curve_words(table, "4", 1920, "in")
    assert "42.0% [40.0–44.0%] as tuned; 20% restored by largest relative change first 49.0% [48.0–50.0%]" in curve
    without = table[(table["percent"] != 0) | (table["strategy"] != "")]
    assert "not asked as tuned; 20% restored" in restoring.curve_words(without, "4", 1920, "in")
    assert "level 0 5.0% [4.0–6.0%]" in sizes.level_words(table, 1920, "in")
    assert "LoRA 43.0% [40.0–46.0%]" in ways.way_sentence(table, "4", 1920, 20.0, "in")
    assert "the largest part lies in layer 10: 70.0% (one run)" in places.place_words(table, "restored_layer", 20.0)
    assert "layers 0-3 −39.0 points to −39.0 points" in places.group_words(table, "in")
    alone = concentration.null_words(table, "0", 1920)
    assert alone.startswith("Trained on level 0 · 1,920, the most changed 5% hold 84.0%, and 83.0% where")
    assert "one run: no spread over runs" in alone


def test_the_share_of_the_most_changed_is_told_with_its_spread_over_runs() -> None:
    rows = [
        row
        for measure, shares in (("concentration", [0.80, 0.90]), ("concentration_null", [0.70, 0.74]))
        for row in seeds("0", 60, shares, measure=measure, group="5", domain="")
    ]
    words = concentration.null_words(made(*rows))
    assert "hold 85.0% [80.0–90.0%], and 72.0% [70.0–74.0%] where" in words
    assert "means of 2 runs, in brackets lowest to highest" in words


def test_a_table_of_one_way_of_training_is_drawn_with_its_own_numbers_and_none_of_the_papers() -> None:
    """LoRA and a pull toward the base on the paper's own training set, each with its own accuracy."""
    lora = restored("0", 1920, {0: [0.3, 0.32], 20: [0.4, 0.42]}, variant="lora")
    pulled = restored("0", 1920, {0: [0.5, 0.52], 20: [0.6, 0.62]}, variant="l2sp strength=0.05")
    plain = restored("0", 1920, {0: [0.1, 0.12], 20: [0.2, 0.22]})
    every = made(number("", 0, 0.02, variant="base"), *plain, *lora, *pulled)
    table = of_variant(every, "l2sp strength=0.05")
    assert (variant_of(every), variant_of(table)) == ("sft", "l2sp strength=0.05")
    assert list(sizes.size_rows(table, "in")["mean"]) == [pytest.approx(0.51)]
    assert sizes.base_accuracy(table, "in") == 0.02
    figure = restoring.restoration_grid(table, "in")
    assert cell_of(figure, "level 0 · 1,920", "20%")["text"] == "61.0"
    assert cell_of(figure, "level 0 · 1,920", "20%")["paper"] == "–"
    assert cell_of(restoring.restoration_grid(every, "in"), "level 0 · 1,920", "20%")["paper"] == "54.81%"
    told = "models trained by: Pull toward the base (L2-SP) (strength=0.05)"
    for drawn in (figure, sizes.size_curve(table, "in"), restoring.restoration_curve(table, "0", 1920, "in")):
        assert told in drawn.title.subtitle and look.PAPER_NOTE not in drawn.title.subtitle
    assert "level 0 · 1,920 · Pull toward the base" in restoring.curve_words(table, "0", 1920, "in")


def test_the_papers_numbers_are_left_out_where_its_kind_of_facts_was_not_trained_on(table: pd.DataFrame) -> None:
    for drawn, beside in (
        (sizes.size_curve, sizes.size_curve(table, "in")),
        (restoring.restoration_grid, restoring.restoration_grid(table, "in")),
    ):
        assert drawn(table, "in", papers=False).to_dict() != beside.to_dict()
    assert sizes.size_rows(table, "in", papers=False)["paper"].isna().all()
    assert restoring.restoration_table(table, "in", papers=False)["paper"].isna().all()
    assert places.place_rows(table, "restored_module", 20.0, papers=False)["paper"].isna().all()
    assert concentration.concentration_table(table, papers=False)["paper"].isna().all()
    drawn = concentration.concentration_grid(table, papers=False)
    assert all(cell["row"] != concentration.PAPER_ROW for cell in data_of(drawn, "row", "column"))


def test_kl_of_another_way_is_told_by_its_ends_and_its_correlation() -> None:
    told = {"measure": "kl_paper", "group": "4", "n": 40, "variant": "lora"}
    rows = [*seeds("0", 60, [2.0, 2.2], **told), *seeds("0", 240, [2.4, 2.6], **told)]
    words = divergence.kl_words(made(*rows))
    assert words.startswith(
        "KL(tuned || base) in nats · LoRA: level 0 2.10 [2.00–2.20] at 60, 2.50 [2.40–2.60] at 240 "
    )
    assert "a correlation needs at least four training sets" in words


def test_every_level_and_mix_of_a_figure_has_a_shape_of_its_own() -> None:
    levels = ["0", "4", "all", "mix:0+4"]
    told = look.shape_scale(levels).to_dict()
    assert len(set(told["range"])) == len(levels) == len(told["domain"])


def test_a_layer_alone_is_called_one() -> None:
    assert (layers_name("0"), layers_name("0-3")) == ("layer 0", "layers 0-3")
