"""Filters and scores of tasks, worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import QuestionError
from analysis.knowledge.task_scores import (
    Filter,
    Metric,
    apply_filters,
    read_filter,
    read_metric,
    rouge,
    score,
    summarise,
)

# the clean-up of GSM8K's task file: commas, dollar signs, all up to the marks, a closing full stop
SUMS = read_metric(
    {"metric": "exact_match", "ignore_case": True, "regexes_to_ignore": [",", r"\$", r"(?s).*#### ", r"\.$"]}
)


def test_a_regex_takes_the_match_asked_for_or_says_that_it_found_none() -> None:
    strict = read_filter({"function": "regex", "regex_pattern": r"#### (\-?[0-9\.\,]+)"})
    last = Filter("regex", r"(-?[$0-9.,]{2,})|(-?[0-9]+)", group=-1)
    assert apply_filters("3 + 4 = 7\n#### 1,234", [strict, Filter("take_first")]) == "1,234"
    assert apply_filters("so 12 and then 7", [last]) == "7"
    assert apply_filters("no number here", [strict]) == "[invalid]"
    assert apply_filters(" Yes ", [Filter("remove_whitespace"), Filter("lowercase")]) == "yes"
    with pytest.raises(QuestionError, match="majority_vote"):
        read_filter({"function": "majority_vote"})


def test_exact_match_follows_the_tasks_own_clean_up() -> None:
    assert score("1,234", "They have 1,200 + 34.\n#### 1234", SUMS) == 1.0
    assert score("$72.", "#### 72", SUMS) == 1.0
    assert score("73", "#### 72", SUMS) == 0.0
    assert score("the end!", "The end", Metric("exact_match", True, True)) == 1.0
    assert score("the end", "The end", Metric("exact_match")) == 0.0


def test_rouge_worked_by_hand() -> None:
    told, wanted = "the cat sat on the mat", "the cat lay on a mat"
    assert rouge(told, wanted, "rouge1") == pytest.approx(2 * 4 / 12)  # the, cat, on, mat
    assert rouge(told, wanted, "rouge2") == pytest.approx(2 * 1 / 10)  # "the cat"
    assert rouge(told, wanted, "rougeL") == pytest.approx(2 * 4 / 12)  # the cat … on … mat
    assert rouge("b a", "a b", "rougeL") == pytest.approx(2 * 1 / 4)
    assert rouge("", wanted, "rouge1") == 0.0


@given(st.lists(st.sampled_from("abcd"), min_size=2), st.lists(st.sampled_from("abcd"), min_size=2))
def test_rouge_is_symmetric_in_f1_bounded_and_one_for_equal_texts(first: list[str], second: list[str]) -> None:
    one, other = " ".join(first), " ".join(second)
    for name in ("rouge1", "rouge2", "rougeL"):
        assert rouge(one, other, name) == pytest.approx(rouge(other, one, name))
        assert 0 <= rouge(one, other, name) <= 1
        assert rouge(one, one, name) == pytest.approx(1)


def test_a_mean_has_wilsons_interval_for_matches_and_a_normal_one_for_rouge() -> None:
    matches = summarise([1.0, 1.0, 0.0, 1.0], Metric("exact_match"), "none")
    assert (matches.value, matches.n) == (0.75, 4)
    assert (matches.low, matches.high) == pytest.approx((0.3006, 0.9544), abs=1e-3)
    rouges = summarise([0.2, 0.4], Metric("rougeL"), "none")
    assert rouges.high == pytest.approx(0.3 + 1.96 * math.sqrt(0.02 / 2))
