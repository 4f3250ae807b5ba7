"""The statement templates: enough of them, different ones, and each ending right before the object."""

import itertools
import re
from difflib import SequenceMatcher

import pytest

from analysis.errors import QuestionError
from analysis.knowledge.relations import RELATIONS
from analysis.knowledge.templates import PAPER_TEMPLATES, TEMPLATES, check_templates, fill


def test_every_relation_has_the_papers_number_of_templates() -> None:
    assert set(TEMPLATES) == set(RELATIONS)
    assert {name: len(group) for name, group in TEMPLATES.items()} == dict.fromkeys(RELATIONS, PAPER_TEMPLATES)


def test_our_own_templates_pass_the_check_a_users_file_gets() -> None:
    check_templates(TEMPLATES)


def test_no_template_ends_where_no_object_could_follow() -> None:
    endings = {text.split()[-1] for group in TEMPLATES.values() for text in group}
    assert not endings & {"a", "an"}  # the dataset's objects decide between them, so neither may stand there
    assert not [ending for ending in endings if ending[-1] in ".?!;\"'"]
    assert all(re.fullmatch(r"[\w'{}-]+[,:]?", ending) for ending in endings)


def test_templates_of_a_relation_are_no_near_duplicates() -> None:
    for name, group in TEMPLATES.items():
        for one, other in itertools.combinations(group, 2):
            assert SequenceMatcher(None, one, other).ratio() < 0.95, (name, one, other)
            assert set(one.split()) != set(other.split()), (name, one, other)


def test_filling_leaves_braces_in_a_subject_alone() -> None:
    assert fill("{subject} was born in", "{subject} {x} & Co.") == "{subject} {x} & Co. was born in"


def test_bad_templates_are_all_named_at_once() -> None:
    with pytest.raises(QuestionError) as caught:
        check_templates({"P19": ("born in", "{subject} is in ", "{subject} lies in", "{subject} lies in"), "P20": ()})
    assert len(caught.value.items) == 4
    assert any("born in" in item and "exactly once" in item for item in caught.value.items)
