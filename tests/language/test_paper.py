"""The paper's measurement against a plain reading of its definition, and what it leaves out, with the reason."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from analysis.errors import QuestionError
from analysis.knowledge.prompts import encode_prompt, encode_text, resolve_prompt
from analysis.language.generate import greedy
from analysis.language.paper import bootstrap_mean, measure_paper
from analysis.language.paper_cases import LATE, NO_STATEMENT, NOT_SAID, TOO_LONG, Statement, answer_place
from analysis.records import Question
from tests.language.two_states import TwoStates, logits_of, make_pair, make_tokenizer

STATEMENTS = {"P19": Statement("{subject} was born in", 0.75), "P20": Statement("{subject} died in", 0.5)}
PROMPT = resolve_prompt("paper")


@pytest.fixture(scope="module")
def pair() -> TwoStates:
    tokenizer = make_tokenizer(["Where was Ann Lee born? Ann Lee was born in Paris.", "Bo Cray was born in Arvel"])
    return make_pair(tokenizer, max_position_embeddings=128)


def told(pair: TwoStates, subject: str, relation: str) -> list[str]:
    """The base's greedy completion of the relation's statement, token by token."""
    pair.enter("base")
    ids = encode_text(pair.lm.tokenizer, STATEMENTS[relation].text.replace("{subject}", subject))
    (answer,) = greedy(pair.lm, [ids], max_new_tokens=12)
    return [pair.lm.tokenizer.decode([token]) for token in answer.token_ids]


def fact(subject: str, answer: str, relation: str = "P19", **others: Any) -> Question:
    fields = {"id": f"{relation} {subject}", "question": f"Where was {subject} born?", "level": 4, **others}
    return Question(answers=(answer,), relation=relation, subject=subject, **fields)


def answer_at(pair: TwoStates, place: int, relation: str = "P19") -> tuple[str, str]:
    """A subject and what the base tells of it at this place (a token, from 0) and nowhere before."""
    for subject in ("Ann Lee", "Bo Cray", "Lee", "Cray", "Arvel", "Paris", "Ann", "Bo"):
        pieces = told(pair, subject, relation)
        text = pieces[place].strip()
        if text and text.isascii() and text.isprintable() and text.casefold() not in "".join(pieces[:place]).casefold():
            return subject, text
    raise AssertionError("no subject is told of so: choose others")


@pytest.mark.parametrize("begins", [0, 2])
def test_a_facts_kl_is_the_papers_formula_where_both_begin_the_answer(pair: TwoStates, begins: int) -> None:
    subject, answer = answer_at(pair, begins)
    asked = fact(subject, answer)
    found = measure_paper(pair, [asked], STATEMENTS, PROMPT)
    statement = encode_text(pair.lm.tokenizer, f"{subject} was born in")
    pair.enter("base")
    (completion,) = greedy(pair.lm, [statement], max_new_tokens=12)
    base = logits_of(pair, "base", [*statement, *completion.token_ids[:begins]])[-1]
    tuned = logits_of(pair, "tuned", encode_prompt(pair.lm.tokenizer, PROMPT, asked.question))[-1]
    ten = tuned.topk(10).indices
    expected = kl_divergence(Categorical(logits=tuned[ten]), Categorical(logits=base[ten]))
    (row,) = found.rows
    assert row.kl_nats == pytest.approx(float(expected), abs=1e-5)
    whole = kl_divergence(Categorical(logits=tuned), Categorical(logits=base))
    assert row.kl_full_nats == pytest.approx(float(whole), abs=1e-5)
    assert (row.begins, row.statement, found.n, found.asked) == (begins, f"{subject} was born in", 1, 1)
    assert row.tuned_probability == pytest.approx(float(tuned.softmax(-1).max()), abs=1e-6)
    given = tuned.softmax(-1)[base.argmax()]
    assert row.tuned_probability_of_base_choice == pytest.approx(float(given), abs=1e-6)


def test_every_fact_counts_or_is_left_out_for_a_reason(pair: TwoStates) -> None:
    late = fact(*answer_at(pair, 3))
    facts = [
        fact(*answer_at(pair, 0)),
        late,
        fact("Ann Lee", "nowhere to be found", id="never said"),
        fact("Ann Lee", "Paris", relation="P36"),
        fact("Ann Lee" * 40, "Paris", id="long"),
        fact(*answer_at(pair, 0, "P20"), relation="P20"),
    ]
    found = measure_paper(pair, facts, STATEMENTS, PROMPT)
    assert found.dropped == {NO_STATEMENT: 1, TOO_LONG: 1, NOT_SAID: 1, LATE.format(3): 1}
    assert found.n + sum(found.dropped.values()) == found.asked == len(facts)
    assert [(row.relation, row.n) for row in found.by_relation] == [("P19", 1), ("P20", 1)]
    assert found.mean_kl_nats == pytest.approx(np.mean([row.kl_nats for row in found.rows]))
    assert found.low is not None and found.high is not None and found.low <= found.mean_kl_nats <= found.high
    nearer = measure_paper(pair, facts, STATEMENTS, PROMPT, near=4)
    assert LATE.format(4) not in nearer.dropped and nearer.n == found.n + 1


def test_each_state_is_visited_once(pair: TwoStates) -> None:
    asked = fact(*answer_at(pair, 0))
    pair.entered.clear()
    measure_paper(pair, [asked], STATEMENTS, PROMPT)
    assert pair.entered == ["base", "tuned"]


def test_nothing_that_counts_is_told_as_missing_not_as_zero(pair: TwoStates) -> None:
    found = measure_paper(pair, [fact("Ann Lee", "nowhere to be found")], STATEMENTS, PROMPT)
    assert (found.n, found.mean_kl_nats, found.low, found.rows) == (0, None, None, ())
    assert [(row.n, row.mean_kl_nats) for row in found.by_relation] == [(0, None)]


def test_facts_of_another_level_and_none_at_all_are_refused(pair: TwoStates) -> None:
    with pytest.raises(QuestionError, match="level 4") as caught:
        measure_paper(pair, [fact("Ann Lee", "Paris", level=3)], STATEMENTS, PROMPT)
    assert caught.value.items == ("P19 Ann Lee",)
    with pytest.raises(QuestionError, match="level 4"):
        measure_paper(pair, [], STATEMENTS, PROMPT)


def test_an_answer_begins_at_its_own_first_token(pair: TwoStates) -> None:
    ids = pair.lm.tokenizer(" was Paris in", add_special_tokens=False)["input_ids"]
    pieces = [pair.lm.tokenizer.decode([token]) for token in ids]
    begin, end = answer_place(pair.lm, fact("x", "Paris"), ids) or (None, None)
    assert begin is not None and "".join(pieces[begin:end]).strip() == "Paris"
    assert answer_place(pair.lm, fact("x", "Rome"), ids) is None


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, 400).tolist()
    low, high = bootstrap_mean(values)
    assert low is not None and high is not None
    half = 1.96 * np.std(values) / math.sqrt(400)
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)
    assert bootstrap_mean([1.0]) == (None, None)
    assert bootstrap_mean(values) == bootstrap_mean(values)


def test_a_model_against_itself_in_another_wording_is_not_zero_but_the_same_wording_is(pair: TwoStates) -> None:
    asked = fact(*answer_at(pair, 0), question=answer_at(pair, 0)[0])
    same = measure_paper(pair, [asked], STATEMENTS, resolve_prompt("{question} was born in"), state="base")
    assert same.rows[0].kl_nats == pytest.approx(0.0, abs=1e-9)
    other = measure_paper(pair, [asked], STATEMENTS, PROMPT, state="base")
    assert other.rows[0].kl_nats > 1e-3 and torch.isfinite(torch.tensor(other.rows[0].kl_full_nats))
