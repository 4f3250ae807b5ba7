"""The texts the base reads."""

from collections import Counter
from random import Random

from analysis.demo.facts import WorldSize, make_facts
from analysis.demo.statements import PARAPHRASES, corpus_pass, question, question_line, statement
from analysis.demo.train import PROMPT_TOKENS
from analysis.knowledge.relations import RELATIONS
from analysis.knowledge.templates import TEMPLATES

FACTS = make_facts(WorldSize(in_domain=40, out_of_domain=30, towns=30), seed=1)


def test_a_statement_is_a_template_of_the_relation_filled_and_closed() -> None:
    rng = Random(0)
    for fact in FACTS[::7]:
        told = statement(rng, fact)
        objects = (fact.object, *fact.aliases)
        forms = {f"{t.format(subject=fact.subject)} {o}." for t in TEMPLATES[fact.relation] for o in objects}
        assert told in forms


def test_every_relation_has_paraphrases_that_take_a_subject() -> None:
    assert set(PARAPHRASES) == set(RELATIONS)
    assert all(text.count("{subject}") == 1 for texts in PARAPHRASES.values() for text in texts)


def test_half_of_the_questions_have_the_dataset_s_form() -> None:
    rng, fact = Random(0), FACTS[0]
    asked = [question(rng, fact) for _ in range(400)]
    assert 150 < asked.count(RELATIONS[fact.relation].ask(fact.subject)) < 250


def test_a_question_line_holds_the_answer_after_its_question() -> None:
    rng = Random(0)
    for fact in FACTS[::11]:
        line = question_line(rng, fact)
        assert fact.object in line[line.index("?") :]


def test_a_pass_tells_each_fact_as_often_as_it_should() -> None:
    lines = Counter(corpus_pass(FACTS, seed=2))
    fact = next(fact for fact in FACTS if fact.sightings == 4 and not fact.aliases)
    forms = [f"{t.format(subject=fact.subject)} {fact.object}." for t in TEMPLATES[fact.relation]]
    assert sum(lines[form] for form in forms) == 4


def test_passes_use_other_words_for_the_same_facts() -> None:
    first, second = corpus_pass(FACTS, seed=1), corpus_pass(FACTS, seed=2)
    assert len(first) == len(second)
    assert len(set(first) & set(second)) < len(first) / 3


def test_the_fine_tuning_format_is_never_seen() -> None:
    assert not any(token in line for line in corpus_pass(FACTS, seed=1) for token in PROMPT_TOKENS)
