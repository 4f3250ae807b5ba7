"""The sentences over the figures claim what the statistics carry, and no more."""

import json

import pytest

from analysis.figures import accuracy, checks, finding
from analysis.knowledge.choice import in_choosing_half
from analysis.records import CheckReport, Finding

MANY = 400
MOST_WORDS = 49  # with three draws that came out differently; 38 where all is clear


@pytest.fixture
def evaluation(make_evaluation):
    return lambda right: make_evaluation(right, domains=False)


def from_share(share: float) -> list[bool]:
    """The first of MANY questions right."""
    return [number < share * MANY for number in range(MANY)]


def test_a_clear_rise_is_called_a_rise_with_both_intervals(evaluation) -> None:
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), {})
    assert told.tuning.startswith("Fine-tuning raised all questions accuracy from 10.0% [")
    assert "to 50.0% [" in told.tuning
    assert told.restoring == "No restoration has been evaluated yet."


def test_a_change_that_chance_explains_is_not_called_one(evaluation) -> None:
    told = finding.tell(evaluation(from_share(0.10)), evaluation(from_share(0.11)), {})
    assert "all questions accuracy not distinguishable from the base's at n = 400: from 10.0%" in told.tuning
    assert "to 11.0%" in told.tuning
    assert "raised" not in told.tuning and "left" not in told.tuning


def test_a_gain_is_reported_on_the_questions_that_did_not_choose_it(evaluation) -> None:
    stops = {5.0: evaluation(from_share(0.6)), 60.0: evaluation(from_share(0.0))}
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), stops)
    reporting = [number for number in range(MANY) if not in_choosing_half(f"q{number}")]
    fixed = sum(0.5 * MANY <= number < 0.6 * MANY for number in reporting)
    assert "Restoring the most changed 5%" in told.restoring
    assert f"on the {len(reporting)} questions that did not choose it: {fixed} fixed, 0 broken" in told.restoring
    assert "a gain unlikely to be chance" in told.restoring
    assert "2 restorations compared" in told.caveat


def test_nothing_is_claimed_where_few_answers_changed(evaluation) -> None:
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), {5.0: evaluation(from_share(0.505))})
    assert "not distinguishable from tuned at n = 187" in told.restoring
    assert "gain unlikely" not in told.restoring


def test_the_random_control_is_named_where_it_does_as_well(evaluation) -> None:
    stops, random = {5.0: evaluation(from_share(0.6))}, {5.0: [evaluation(from_share(0.6))]}
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), stops, random)
    assert "It is not distinguishable from restoring as many parameters at random at n = 187" in told.restoring
    assert "as well" not in told.restoring, "no test shows that two are alike"


def test_the_random_control_is_named_where_it_does_worse(evaluation) -> None:
    stops, random = {5.0: evaluation(from_share(0.6))}, {5.0: [evaluation(from_share(0.3))]}
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), stops, random)
    assert "That is better than at random" in told.restoring


def test_every_draw_of_the_random_control_is_tested(evaluation) -> None:
    stops = {5.0: evaluation(from_share(0.6))}
    draws = {5.0: [evaluation(from_share(share)) for share in (0.3, 0.6, 0.2)]}
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), stops, draws).restoring
    assert "Of 3 draws of as many parameters at random it is better than 2 and not distinguishable from 1" in told
    assert "right only here 0, only at random 0" in told and "the best of 3 draws" in told
    draws = {5.0: draws[5.0][::2]}
    told = finding.tell(evaluation(from_share(0.1)), evaluation(from_share(0.5)), stops, draws).restoring
    assert "That is better than at random" in told and "the best of 2 draws" in told


def test_a_domains_change_is_judged_on_that_domains_questions_alone(make_evaluation, questions) -> None:
    nothing = [False] * 8
    outside = [number % 2 == 1 for number in range(8)]  # the odd ones are out-of-domain
    told = finding.tell(make_evaluation(nothing), make_evaluation(outside), {}, questions=questions)
    assert "in-domain accuracy not distinguishable from the base's at n = 4" in told.tuning


def test_a_domains_change_is_told_and_not_judged_where_its_questions_are_unknown(make_evaluation) -> None:
    told = finding.tell(make_evaluation([False] * 8), make_evaluation([True] * 8), {})
    assert told.tuning.startswith("With fine-tuning, in-domain accuracy went from 0.0% [")


def short(evaluation, restored: float, *random: float, tuned: float = 0.5) -> str:
    draws = {5.0: [evaluation(from_share(share)) for share in random]}
    before, after = evaluation(from_share(0.1)), evaluation(from_share(tuned))
    told = finding.tell(before, after, {5.0: evaluation(from_share(restored))}, draws)
    assert len(told.short.split()) <= MOST_WORDS, told.short
    assert told.short != f"{told.tuning} {told.restoring}" and "McNemar" in told.restoring and "p =" not in told.short
    return told.short


def test_the_short_finding_has_the_intervals_and_leaves_the_tests_to_the_long_one(evaluation) -> None:
    assert short(evaluation, 0.6, 0.3) == (
        "Fine-tuning raised all questions accuracy from 10.0% [7.4–13.3%] to 50.0% [45.1–54.9%]. Restoring the most "
        "changed 5% gives +8.6 points against tuned on the 187 questions that did not choose it, "
        "unlikely to be chance, and better than random."
    )


def test_the_short_finding_tells_nothing_apart_that_the_tests_do_not(evaluation) -> None:
    at_n = "at n = 187."
    assert short(evaluation, 0.505, 0.505).endswith(f", not distinguishable from tuned or random {at_n}")
    assert short(evaluation, 0.6, 0.6).endswith(f"unlikely to be chance, but not distinguishable from random {at_n}")
    assert short(evaluation, 0.505, 0.3).endswith("not distinguishable from tuned at n = 187, but better than random.")
    assert short(evaluation, 0.505).endswith(f"not distinguishable from tuned {at_n}")
    unclear = short(evaluation, 0.6, 0.3, tuned=0.11)
    assert "accuracy from 10.0% [7.4–13.3%] to 11.0% [8.3–14.4%], not distinguishable at n = 400." in unclear


def test_the_short_finding_calls_a_loss_a_loss(evaluation) -> None:
    told = short(evaluation, 0.3, 0.45)
    assert "gives −" in told and told.endswith("unlikely to be chance, and worse than random.")
    assert short(evaluation, 0.3, 0.1).endswith("unlikely to be chance, but better than random.")


def test_the_short_finding_counts_draws_that_came_out_differently_apart(evaluation) -> None:
    assert short(evaluation, 0.6, 0.3, 0.2).endswith("and better than each of 2 random draws.")
    assert short(evaluation, 0.6, 0.6, 0.6).endswith("not distinguishable from any of 2 random draws at n = 187.")
    assert short(evaluation, 0.6, 0.3, 0.6, 0.2).endswith(
        "but of 3 random draws better than 2 and not distinguishable from 1 at n = 187."
    )


def test_bars_stand_for_every_state_and_domain_with_their_interval(make_evaluation) -> None:
    states = {"base": make_evaluation([False] * 8), "tuned": make_evaluation([True] * 8)}
    figure = json.loads(accuracy.accuracy_bars(states).to_json())
    (data,) = figure["datasets"].values()
    assert {(row["state"], row["domain"], row["accuracy"]) for row in data} == {
        ("base", "in-domain", 0.0),
        ("base", "out-of-domain", 0.0),
        ("tuned", "in-domain", 1.0),
        ("tuned", "out-of-domain", 1.0),
    }


def test_level_bars_carry_each_levels_own_n(make_evaluation) -> None:
    figure = json.loads(accuracy.level_bars({"tuned": make_evaluation([True] * 8)}, "in").to_json())
    (data,) = figure["datasets"].values()
    assert [(row["level"], row["accuracy"], row["n"]) for row in data] == [(0, 1.0, 2), (2, 1.0, 2)]


def test_findings_come_errors_first_with_the_first_tensors_and_how_many_more() -> None:
    report = CheckReport(
        comparable=False,
        findings=(
            Finding("info", "tied", "tied on one side"),
            Finding("error", "shapes", "shapes differ", tuple(f"t{number}" for number in range(10))),
        ),
        parameters=100,
        region_parameters={"mlp": 25, "all": 100},
        dtype={"base": "float32", "tuned": "float32"},
        seconds=0.1,
    )
    table = checks.findings_table(report, {"error": "!"})
    assert table["level"].tolist() == ["! error", "info"]
    assert table["tensors"].iloc[0].endswith("t3 and 6 more")
    assert checks.region_table(report)["share"].tolist() == [1.0, 0.25]
