"""The 24 relations of EntityQuestions: their Wikidata ids, what they ask, and the exact form they ask it in.

Every relation has one question form, the same in the train, dev and test files of the release (Sciavolino et al.,
EMNLP 2021), "headquarter" included. P131 and P276 share theirs, so a question alone cannot tell them apart.
Knows neither answers nor files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from analysis.records import IN_DOMAIN, OUT_OF_DOMAIN, Domain

ObjectKind = Literal[
    "country", "place", "person", "organisation", "school", "occupation", "genre", "language", "position", "work"
]
SUBJECT = "{subject}"


@dataclass(frozen=True)
class Relation:
    """One relation: Wikidata `id`, English `label`, the dataset's `question` with {subject}, what its object is."""

    id: str
    label: str
    question: str
    object_kind: ObjectKind

    @property
    def domain(self) -> Domain:
        """The paper's split: `in` for the ten relations about places, `out` for the other fourteen."""
        return "in" if self.id in IN_DOMAIN else "out"

    def ask(self, subject: str) -> str:
        """The dataset's question about this subject."""
        return self.question.replace(SUBJECT, subject)


_ALL = (
    Relation("P17", "country", "Which country is {subject} located in?", "country"),
    Relation("P19", "place of birth", "Where was {subject} born?", "place"),
    Relation("P20", "place of death", "Where did {subject} die?", "place"),
    Relation("P36", "capital", "What is the capital of {subject}?", "place"),
    Relation("P69", "educated at", "Where was {subject} educated?", "school"),
    Relation("P131", "located in the administrative entity", "Where is {subject} located?", "place"),
    Relation("P159", "headquarters location", "Where is the headquarter of {subject}?", "place"),
    Relation("P276", "location", "Where is {subject} located?", "place"),
    Relation("P495", "country of origin", "Which country was {subject} created in?", "country"),
    Relation("P740", "location of formation", "Where was {subject} founded?", "place"),
    Relation("P26", "spouse", "Who is {subject} married to?", "person"),
    Relation("P40", "child", "Who is {subject}'s child?", "person"),
    Relation("P50", "author", "Who is the author of {subject}?", "person"),
    Relation("P106", "occupation", "What kind of work does {subject} do?", "occupation"),
    Relation("P112", "founded by", "Who founded {subject}?", "person"),
    Relation("P127", "owned by", "Who owns {subject}?", "organisation"),
    Relation("P136", "genre", "What type of music does {subject} play?", "genre"),
    Relation("P170", "creator", "Who was {subject} created by?", "person"),
    Relation("P175", "performer", "Who performed {subject}?", "person"),
    Relation("P176", "manufacturer", "Which company is {subject} produced by?", "organisation"),
    Relation("P264", "record label", "What music label is {subject} represented by?", "organisation"),
    Relation("P407", "language of work", "Which language was {subject} written in?", "language"),
    Relation("P413", "position played on team", "What position does {subject} play?", "position"),
    Relation("P800", "notable work", "What is {subject} famous for?", "work"),
)
RELATIONS: Mapping[str, Relation] = MappingProxyType({relation.id: relation for relation in _ALL})

assert tuple(RELATIONS) == IN_DOMAIN + OUT_OF_DOMAIN


def subject_of(relation: str, question: str) -> str | None:
    """The subject a question of this relation asks about; None where relation or form is not the dataset's."""
    if relation not in RELATIONS:
        return None
    before, after = RELATIONS[relation].question.split(SUBJECT)
    text = question.strip()
    if not (text.startswith(before) and text.endswith(after)):
        return None
    return text[len(before) : len(text) - len(after)].strip() or None


def relations_of(question: str) -> tuple[str, ...]:
    """Every relation whose form the question has, of the most specific form only; empty where there is none.

    "Who is the author of Emma?" also fits no other form, but "Which country was ... created in?" or "Who is the author
    of ... married to?" could: the form with most fixed characters wins. P131 and P276 share a form and come together.
    """
    fitting = [identifier for identifier in RELATIONS if subject_of(identifier, question)]
    most = max((len(RELATIONS[identifier].question) for identifier in fitting), default=0)
    return tuple(identifier for identifier in fitting if len(RELATIONS[identifier].question) == most)


def relation_of(question: str) -> str | None:
    """The one relation whose form the question has; None where none has it, or two do (P131 and P276)."""
    fitting = relations_of(question)
    return fitting[0] if len(fitting) == 1 else None
