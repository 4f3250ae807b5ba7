"""The dataset's question forms: whose subject is recovered, and which relation a bare question belongs to."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from analysis.knowledge.relations import RELATIONS, relation_of, relations_of, subject_of
from analysis.records import IN_DOMAIN, OUT_OF_DOMAIN

RELEASE = Path(
    os.environ.get("PALIMPSEST_ENTITYQUESTIONS")
    or Path(__file__).resolve().parents[3] / "shared/data/entityquestions/dataset.zip"
)


def released(split: str) -> list[tuple[str, str]]:
    if not RELEASE.is_file():
        pytest.skip(f"the EntityQuestions release is not here: {RELEASE.name} (set PALIMPSEST_ENTITYQUESTIONS)")
    with zipfile.ZipFile(RELEASE) as archive:
        return [
            (identifier, row["question"])
            for identifier in RELATIONS
            for row in json.loads(archive.read(f"dataset/{split}/{identifier}.{split}.json"))
        ]


def test_there_are_ten_relations_in_domain_and_fourteen_out_of_it() -> None:
    assert {r.id for r in RELATIONS.values() if r.domain == "in"} == set(IN_DOMAIN)
    assert {r.id for r in RELATIONS.values() if r.domain == "out"} == set(OUT_OF_DOMAIN)


def test_asking_and_reading_back_gives_the_subject_for_every_relation() -> None:
    for subject in ("Ada", "Who is the author of", "O'Hara's child? (film)", "{subject} & {x}"):
        for relation in RELATIONS.values():
            assert subject_of(relation.id, relation.ask(subject)) == subject


@pytest.mark.parametrize(
    ("relation", "question"),
    [
        ("P19", "Where was  born?"),  # no subject
        ("P19", "Where was Ada educated?"),  # another relation's form
        ("P19", "where was Ada born"),  # not the dataset's form
        ("P1", "Where was Ada born?"),  # no relation of the dataset
        ("P106", ""),
    ],
)
def test_a_question_in_another_form_has_no_subject(relation: str, question: str) -> None:
    assert subject_of(relation, question) is None


def test_a_bare_question_tells_its_relation_by_the_most_specific_form() -> None:
    assert relation_of("Who is the author of Emma?") == "P50"
    assert relation_of("What is the capital of Peru?") == "P36"
    assert relation_of("Who is Ada married to?") == "P26"
    assert relation_of("Where is the headquarter of Acme?") == "P159"
    assert relation_of("How tall is Ada?") is None


def test_the_two_relations_with_one_form_are_not_told_apart() -> None:
    assert relations_of("Where is the Louvre located?") == ("P131", "P276")
    assert relation_of("Where is the Louvre located?") is None


def test_every_released_test_question_gives_its_subject_and_its_relation() -> None:
    rows = released("test")
    without_subject = [row for row in rows if subject_of(*row) is None]
    astray = [row for row in rows if row[0] not in relations_of(row[1])]
    assert len(rows) == 22_075
    assert without_subject == []
    assert astray == []


@pytest.mark.slow
def test_train_and_dev_questions_have_the_same_forms() -> None:
    for split, n in (("dev", 22_068), ("train", 176_560)):
        rows = released(split)
        assert len(rows) == n
        assert [row for row in rows if subject_of(*row) is None] == []
