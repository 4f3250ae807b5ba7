"""A fine-tuning drawn and told: every number with its unit."""

from analysis.figures import style, training
from analysis.training.asked import Outlook


def test_a_loss_curve_holds_every_point_and_names_its_unit() -> None:
    figure = training.loss_curve({"one": [(1, 3.0), (2, 1.5)], "other": [(2, 2.0)]}, steps=10)
    spec = style.specification(figure)
    rows = next(iter(spec["datasets"].values()))
    assert [(row["model"], row["step"], row["loss"]) for row in rows] == [
        ("one", 1, 3.0),
        ("one", 2, 1.5),
        ("other", 2, 2.0),
    ]
    assert "nats" in spec["title"]["text"]
    assert spec["encoding"]["x"]["scale"]["domain"] == [0, 10]


def test_an_empty_curve_is_drawn_and_says_so() -> None:
    assert style.specification(training.loss_curve({"one": []}))["mark"]["type"] == "line"
    assert training.curve_words([]) == "No loss yet."
    assert training.curve_words([(1, 3.0), (30, 0.5)]) == "Loss from 3 to 0.5 nats an answer token over 30 steps."


def test_what_a_training_will_take_is_told_with_where_the_time_comes_from() -> None:
    known = Outlook(16, 2, {"0": 16}, {"P17": 8, "P19": 8}, 90.0, 3)
    words = training.outlook_words(known)
    assert words.startswith("16 facts (level 0: 16) · 2 relations, 8 each · 2 steps · about ")
    assert words.endswith("(the median of 3 trainings of this base here)")
    unknown = Outlook(16, 2, {"": 16}, {"": 16}, None, 0)
    assert training.outlook_words(unknown).startswith("16 facts · 2 steps · no training of this base was timed")
