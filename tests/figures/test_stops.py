"""Every order of restoring can be told apart on screen."""


def test_every_strategy_has_a_name_and_a_colour_of_its_own() -> None:
    from analysis.figures import stops, style
    from analysis.records import STRATEGIES

    assert set(stops.STRATEGY_NAMES) == set(STRATEGIES) == set(style.STRATEGY_COLOURS)
    assert len(set(style.STRATEGY_COLOURS.values())) == len(STRATEGIES)
