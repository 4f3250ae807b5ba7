"""Every way of restoring can be told apart on screen, and says where it comes from."""

from analysis.figures import strategies, style
from analysis.records import BLENDS, STRATEGIES, RestoreSpec
from analysis.records.weights import MAY_PICK_UNCHANGED


def test_every_strategy_has_names_a_colour_and_a_source_of_its_own() -> None:
    assert set(strategies.WORDS) == set(STRATEGIES) == set(style.STRATEGY_COLOURS)
    assert len(set(style.STRATEGY_COLOURS.values())) == len(STRATEGIES)
    assert set(style.STRATEGY_SHAPES) == set(STRATEGIES) and set(style.CHANGED_SHAPES) == set(MAY_PICK_UNCHANGED)
    for field in ("name", "short", "phrase", "line"):
        assert len({getattr(words, field) for words in strategies.WORDS.values()}) == len(STRATEGIES)
    assert {strategy for strategy in STRATEGIES if strategies.WORDS[strategy].kind == "Blend"} == set(BLENDS)


def test_a_strategy_is_listed_behind_its_kind_and_explained_with_its_source() -> None:
    assert strategies.grouped_name("random") == "Control: random draw"
    assert strategies.explanation("drop-rescale").endswith("Source: [DARE](https://arxiv.org/abs/2311.03099).")
    assert strategies.strategy_name("of-the-future") == "of-the-future"


def test_a_curve_is_named_shortly_and_says_when_it_is_among_the_changed_only() -> None:
    assert strategies.series_name(RestoreSpec(5)) == "relative top"
    assert strategies.series_name(RestoreSpec(5, "random", among="changed")) == "random, changed only"


def test_layers_are_written_as_people_write_them() -> None:
    assert strategies.ranges((0, 1, 2, 5, 7, 8)) == "0–2, 5, 7–8"
    assert strategies.ranges(()) == ""
