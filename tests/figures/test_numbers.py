"""Numbers as they stand on pages: units, digits, and a dash for what is missing."""

import math

import pytest

from analysis.figures import numbers, stops


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.share(0.1234), "12.3%"),
        (numbers.percent(5.0), "5%"),
        (numbers.percent(2.5), "2.5%"),
        (numbers.percent(0.0), "0%"),
        (numbers.percent(10.0), "10%"),
        (numbers.interval((0.101, 0.146)), "10.1–14.6%"),
        (numbers.count(1234567), "1,234,567"),
        (numbers.short_count(2_048_000), "2.05M"),
        (numbers.short_count(8_030_261_248), "8.03B"),
        (numbers.short_count(12), "12"),
        (numbers.storage(65_300_000_000), "65.3 GB"),
        (numbers.storage(512), "512 B"),
        (numbers.significant(0.0012345), "0.00123"),
        (numbers.significant(math.inf), "∞"),
        (numbers.points(0.012), "+1.2 points"),
        (numbers.points(-0.05), "−5.0 points"),
        (numbers.points(-0.0001), "+0.0 points"),
        (numbers.delta(-0.05), "-5.0 points"),
        (numbers.signed(-0.314, 2), "−0.31"),
        (numbers.share(-0.05), "−5.0%"),
        (numbers.significant(-0.0012345), "−0.00123"),
        (numbers.significant(-math.inf), "−∞"),
        (numbers.duration(0.005), "5 ms"),
        (numbers.duration(0.42), "0.4 s"),
        (numbers.duration(75), "1 min 15 s"),
        (numbers.duration(7300), "2 h 1 min"),
        (numbers.probability(0.0004), "p < 0.001"),
        (numbers.probability(0.27), "p = 0.27"),
    ],
)
def test_a_number_is_written_with_its_unit(written: str, expected: str) -> None:
    assert written == expected


@pytest.mark.parametrize(
    "write",
    [
        *(numbers.share, numbers.percent, numbers.count, numbers.short_count, numbers.significant),
        *(numbers.points, numbers.delta, numbers.signed),
    ],
)
def test_a_missing_number_is_a_dash_and_never_0(write) -> None:  # type: ignore[no-untyped-def]
    assert write(None) == numbers.MISSING
    assert write(math.nan) == numbers.MISSING


def test_a_missing_interval_is_a_dash() -> None:
    assert numbers.interval(None) == numbers.MISSING
    assert numbers.interval((math.nan, math.nan)) == numbers.MISSING


def test_a_metric_that_fell_has_the_hyphen_by_which_streamlit_tells_a_fall(make_evaluation) -> None:  # type: ignore[no-untyped-def]
    (metric,) = stops.accuracy_metrics(
        make_evaluation([False] * 8, domains=False), make_evaluation([True] * 8, domains=False)
    )
    assert metric.delta == "-100.0 points"
