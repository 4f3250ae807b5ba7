"""The bars' comparison in one sentence: short, and never stronger than its tests."""

from dataclasses import replace

import pytest

from analysis.figures.states_sentence import states_sentence
from analysis.figures.verdicts import of_steps
from analysis.records import Question

MANY = 80
CHOSEN = "Half chose k."
TWO_LINES = 128  # characters of a caption in half of a page 1,280 pixels wide


@pytest.fixture
def asked() -> list[Question]:
    return [Question(f"q{n}", "?", ("gold",), domain="in" if n % 2 == 0 else "out") for n in range(MANY)]


@pytest.fixture
def state(make_evaluation):
    """An evaluation of which the even questions (in-domain) and the odd ones are right up to a number each."""

    def make(inside: int, outside: int):
        right = [number // 2 < (outside if number % 2 else inside) for number in range(MANY)]
        made = make_evaluation(right)
        flat = {name: replace(domain, macro=None, macro95=None) for name, domain in made.by_domain.items()}
        return replace(made, by_domain=flat)  # without levels: tested by McNemar on each domain's own questions

    return make


def test_each_domain_is_told_from_the_state_before_it_only_where_its_test_does(state, asked) -> None:
    states = {"base": state(0, 0), "tuned": state(20, 20), "restored": state(25, 26)}
    assert states_sentence(of_steps(states, asked), chosen=CHOSEN) == (
        "Tuned beats base in both domains; restored beats tuned out-of-domain, "
        f"not distinguishable in-domain at n = 40. {CHOSEN}"
    ), "five answers alone can carry no difference, six can"


def test_a_fall_is_told_as_one_and_alike_domains_together(state, asked) -> None:
    states = {"base": state(20, 20), "tuned": state(5, 5), "restored": state(6, 4)}
    assert states_sentence(of_steps(states, asked), chosen=CHOSEN) == (
        "Tuned trails base in both domains; restored is not distinguishable from tuned at n = 40 and 40."
    ), "how k was chosen is a caveat of a claim, and none is made of restored"


def test_questions_without_domains_are_told_as_one(make_evaluation) -> None:
    right = [number < 20 for number in range(MANY)]
    states = {name: make_evaluation(rows, domains=False) for name, rows in (("base", [False] * MANY), ("tuned", right))}
    assert states_sentence(of_steps(states, ())) == "Tuned beats base."
    states["restored"] = states["tuned"]
    assert (
        states_sentence(of_steps(states, ()))
        == "Tuned beats base; restored is not distinguishable from tuned at n = 80."
    )


def test_nothing_is_claimed_where_a_domains_questions_are_unknown(state) -> None:
    assert states_sentence(of_steps({"base": state(0, 0), "tuned": state(20, 20)}, ())) == ""


def test_it_is_short_enough_for_two_lines(state, asked) -> None:
    for tuned, restored in (((20, 20), (30, 20)), ((20, 20), (20, 30)), ((20, 20), (20, 20)), ((0, 0), (0, 0))):
        states = {"base": state(0, 0), "tuned": state(*tuned), "restored": state(*restored)}
        told = states_sentence(of_steps(states, asked), chosen=CHOSEN)
        assert len(told) <= TWO_LINES, told
