"""The made-up world's facts."""

from collections import Counter

from analysis.demo.facts import WorldSize, make_facts
from analysis.knowledge.relations import RELATIONS, subject_of
from analysis.knowledge.scoring import contains

SMALL = WorldSize(in_domain=60, out_of_domain=40, towns=30)
FACTS = make_facts(SMALL, seed=3)


def test_every_relation_has_its_share_of_facts() -> None:
    counts = Counter(fact.relation for fact in FACTS)
    assert counts == {name: 60 if relation.domain == "in" else 40 for name, relation in RELATIONS.items()}


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    assert make_facts(SMALL, seed=3) == FACTS
    assert make_facts(SMALL, seed=4) != FACTS


def test_no_answer_stands_in_its_question() -> None:
    assert [fact for fact in FACTS if contains(fact.ask().question, fact.ask())] == []


def test_questions_have_the_dataset_s_form_and_give_their_subject_back() -> None:
    for fact in FACTS:
        assert subject_of(fact.relation, fact.ask().question) == fact.subject


def test_a_subject_is_asked_about_once_in_a_relation_so_that_splits_share_no_fact() -> None:
    assert len({(fact.relation, fact.subject) for fact in FACTS}) == len(FACTS)
    assert len({fact.id for fact in FACTS}) == len(FACTS)


def test_sightings_are_dealt_evenly_within_every_relation() -> None:
    for name in RELATIONS:
        dealt = Counter(fact.sightings for fact in FACTS if fact.relation == name)
        total = sum(dealt.values())
        for sightings, times in Counter(SMALL.sightings).items():
            assert abs(dealt[sightings] - total * times / len(SMALL.sightings)) <= times


def test_facts_never_told_are_never_asked_either() -> None:
    assert all(fact.asked == 0 for fact in FACTS if fact.sightings == 0)
    assert any(fact.asked for fact in FACTS)


def test_a_republic_and_a_university_have_an_alias_that_is_not_their_name() -> None:
    with_alias = [fact for fact in FACTS if fact.aliases]
    assert {fact.object.split(" of ")[0] for fact in with_alias} == {"Republic", "University"}
    assert all(fact.object not in fact.aliases for fact in with_alias)
