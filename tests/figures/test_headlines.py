"""The one number an evaluation is shown by, and its name."""

import math

import pytest

from analysis.figures.headlines import LEVEL_MEAN, SHARE_RIGHT, headline, levels, scopes
from analysis.knowledge.statistics import wilson
from analysis.records import DomainAccuracy, Evaluation

HALF = [True, False] * 4


def test_with_levels_the_headline_is_their_mean_with_its_bootstrap_interval(make_evaluation) -> None:
    number = headline(make_evaluation(HALF, macro={"in": 0.8}), "in")
    assert (number.value, number.measure, number.n) == (0.8, LEVEL_MEAN, 4)
    assert number.interval95 == pytest.approx((0.7, 0.9))


def test_without_domains_the_headline_is_the_share_right_with_wilsons_interval(make_evaluation) -> None:
    evaluation = make_evaluation(HALF, domains=False)
    assert scopes(evaluation) == ("all",)
    number = headline(evaluation, "all")
    assert (number.value, number.measure) == (0.5, SHARE_RIGHT)
    assert number.interval95 == wilson(4, 8)


def test_a_domain_without_levels_falls_back_on_the_share_right(make_evaluation) -> None:
    plain = DomainAccuracy(n=4, accuracy={"contains": 0.75}, levels={}, macro=None, macro95=None)
    evaluation = with_domain(make_evaluation(HALF), plain)
    number = headline(evaluation, "in")
    assert (number.value, number.measure) == (0.75, SHARE_RIGHT)
    assert number.interval95 == wilson(3, 4)


def test_a_domain_nobody_asked_about_is_unscored_and_never_0(make_evaluation) -> None:
    number = headline(make_evaluation(HALF, domains=False), "out")
    assert math.isnan(number.value)
    assert number.interval95 is None


def test_both_domains_are_shown_where_both_were_asked(make_evaluation) -> None:
    assert scopes(make_evaluation(HALF)) == ("in", "out")


def test_levels_come_in_order_and_only_where_there_are_some(make_evaluation) -> None:
    evaluation = make_evaluation(HALF)
    assert list(levels(evaluation, "in")) == [0, 2]
    assert levels(evaluation, "all") == {}


def with_domain(evaluation: Evaluation, domain: DomainAccuracy) -> Evaluation:
    from dataclasses import replace

    return replace(evaluation, by_domain={"in": domain})
