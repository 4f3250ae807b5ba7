"""The made-up world: entities, the facts about them in EntityQuestions' 24 relations, their splits, and how often
each fact is to be told.

Subjects and objects are drawn independently, so a fact not told cannot be worked out, only guessed from how frequent
an object is. Knows no sentences (`statements.py`) and no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from analysis.demo import names
from analysis.knowledge.relations import RELATIONS
from analysis.records import Domain, Question, Split

SUBJECTS: dict[str, str] = {  # relation -> kind of subject
    **{"P17": "village", "P19": "person", "P20": "person", "P36": "district", "P69": "person", "P131": "village"},
    **{"P159": "firm", "P276": "site", "P495": "work", "P740": "group"},
    **{"P26": "person", "P40": "person", "P50": "work", "P106": "person", "P112": "group", "P127": "site"},
    **{"P136": "group", "P170": "work", "P175": "work", "P176": "product", "P264": "group", "P407": "work"},
    **{"P413": "person", "P800": "person"},
}
OBJECTS: dict[str, str] = {  # relation -> pool of objects
    **{"P17": "country", "P19": "town", "P20": "town", "P36": "town", "P69": "school", "P131": "district"},
    **{"P159": "town", "P276": "town", "P495": "country", "P740": "town"},
    **{"P26": "spouse", "P40": "child", "P50": "author", "P106": "job", "P112": "founder", "P127": "owner"},
    **{"P136": "genre", "P170": "creator", "P175": "performer", "P176": "maker", "P264": "label"},
    **{"P407": "language", "P413": "position", "P800": "masterpiece"},
}
JOBS = names.words(
    "blacksmith painter astronomer lawyer surgeon weaver journalist botanist sailor architect clockmaker baker "
    "translator geologist conductor tailor economist sculptor beekeeper chemist printer diplomat carpenter dancer "
    "engineer philosopher miner photographer judge gardener"
)
GENRES = names.words(
    "jazz polka blues tango reggae swing disco gospel techno ragtime bolero waltz flamenco ska punk rumba madrigal "
    "bluegrass samba calypso"
)
POSITIONS = names.words(
    "goalkeeper midfielder striker sweeper pitcher catcher shortstop winger hooker fullback quarterback "
    "linebacker centre prop setter libero"
)


@dataclass(frozen=True)
class WorldSize:
    """How large a world to make. Counts are facts a relation; `sightings` are dealt evenly, a pass over the corpus."""

    in_domain: int = 2_000
    out_of_domain: int = 400
    towns: int = 240
    sightings: tuple[int, ...] = (0, 0, 1, 1, 1, 2, 2, 3, 4)
    asked_fraction: float = 0.8  # share of the told facts that question lines are also made of


@dataclass(frozen=True)
class Fact:
    """One fact of the world. `sightings` counts the statements of it in one pass; `asked` its question lines."""

    id: str
    relation: str
    subject: str
    object: str
    aliases: tuple[str, ...]
    split: Split
    sightings: int
    asked: int

    @property
    def domain(self) -> Domain:
        """In-domain for the ten relations about places."""
        return RELATIONS[self.relation].domain

    def ask(self) -> Question:
        """The fact as a question in the dataset's form."""
        answers = (self.object, *self.aliases)
        text = RELATIONS[self.relation].ask(self.subject)
        return Question(self.id, text, answers, self.relation, self.subject, None, self.domain)


def make_facts(size: WorldSize, seed: int) -> tuple[Fact, ...]:
    """Every fact of the world, relation by relation; equal for equal size and seed."""
    rng = Random(seed)
    subjects = _subject_pools(rng, size)
    objects = _object_pools(rng, size)
    facts: list[Fact] = []
    for relation in RELATIONS:
        facts += _relation_facts(rng, size, relation, subjects[SUBJECTS[relation]], objects[OBJECTS[relation]])
    return tuple(facts)


def _subject_pools(rng: Random, size: WorldSize) -> dict[str, tuple[str, ...]]:
    many = size.in_domain + size.in_domain // 4  # relations share subjects, but not all of them
    makers = {"village": names.village, "district": names.district, "firm": names.firm, "site": names.site}
    makers |= {"work": names.work, "group": names.group, "product": names.product}
    return {"person": names.people(rng, many)} | {kind: names.pool(rng, make, many) for kind, make in makers.items()}


def _object_pools(rng: Random, size: WorldSize) -> dict[str, tuple[str, ...]]:
    towns = names.pool(rng, names.town, size.towns)
    person_kinds = ("spouse", "child", "author", "founder", "creator", "performer")
    persons = names.people(rng, 40 * len(person_kinds))
    pools = {kind: persons[40 * i : 40 * i + 40] for i, kind in enumerate(person_kinds)}
    countries = names.pool(rng, names.country, 60)
    pools |= {"town": towns, "country": countries, "district": names.pool(rng, names.district, 80)}
    pools |= {"school": names.pool(rng, names.school, 80), "masterpiece": names.pool(rng, names.work, 40)}
    pools |= {kind: names.pool(rng, names.firm, 40) for kind in ("owner", "maker", "label")}
    languages = tuple(dict.fromkeys(f"{name.split()[-1].rstrip('aiou')}ese" for name in countries[:30]))
    return pools | {"job": JOBS, "genre": GENRES, "language": languages, "position": POSITIONS}


def _relation_facts(
    rng: Random, size: WorldSize, relation: str, subjects: tuple[str, ...], objects: tuple[str, ...]
) -> Iterator[Fact]:
    inside = RELATIONS[relation].domain == "in"
    count = size.in_domain if inside else size.out_of_domain
    # A frequent object is frequent everywhere, as in the real data: weights fall with the root of the rank.
    weights = [(rank + 1) ** -0.5 for rank in range(len(objects))]
    chosen = rng.sample(subjects, count)
    told = _dealt(rng, size.sightings, count)
    splits = _splits(rng, count, test=0.055 if inside else 0.5)
    for number, (subject, sightings, split) in enumerate(zip(chosen, told, splits, strict=True)):
        target = _object_for(rng, RELATIONS[relation].ask(subject), objects, weights)
        asked = (sightings + 1) // 2 if rng.random() < size.asked_fraction else 0
        yield Fact(f"{relation}-{number:05d}", relation, subject, target, aliases_of(target), split, sightings, asked)


def _object_for(rng: Random, question: str, objects: tuple[str, ...], weights: list[float]) -> str:
    while True:  # an answer that stands in its question would be credited to a model that only repeats it
        target = rng.choices(objects, weights)[0]
        if not any(name.casefold() in question.casefold() for name in (target, *aliases_of(target))):
            return target


def _dealt(rng: Random, sightings: tuple[int, ...], count: int) -> list[int]:
    dealt = [sightings[i % len(sightings)] for i in range(count)]
    rng.shuffle(dealt)
    return dealt


def _splits(rng: Random, count: int, *, test: float) -> list[Split]:
    tests = max(1, round(count * test))
    devs = round(count * 0.02)
    sizes: dict[Split, int] = {"test": tests, "dev": devs, "train": count - tests - devs}
    splits = [split for split, number in sizes.items() for _ in range(number)]
    rng.shuffle(splits)
    return splits


def aliases_of(name: str) -> tuple[str, ...]:
    """Other accepted names: the country without its form of state, the university in its other order."""
    if name.startswith("Republic of "):
        return (name.removeprefix("Republic of "),)
    if name.startswith("University of "):
        return (f"{name.removeprefix('University of ')} University",)
    return ()
