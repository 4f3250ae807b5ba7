"""Made-up names: people, towns, countries, firms, works. Drawn from syllables and word lists with a seeded generator.

Knows nothing of facts. Every pool is free of repeats; the same generator state gives the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def words(text: str) -> tuple[str, ...]:
    """A list of words, written as a text."""
    return tuple(text.split())


_ONSETS = words("b br c d dr f g gr h j k kl l m n p r s sk st t tr v w z")
_VOWELS = words("a e i o u a e i o ae ei ou")
_CODAS = words("l n r s t m k nd rn")
_TOWN_ENDS = words("burg ford dal vik mouth stad haven ton minster gate holm bridge")
_COUNTRY_ENDS = words("ia land stan ova mar uay")
_VILLAGE_ENDS = words("ley wick thorpe by moor fell ness beck combe shaw")
_ADJECTIVES = words(
    "Silver Hidden Last Broken Golden Quiet Winter Crimson Hollow Distant Burning Second Northern Forgotten Paper Iron "
    "Endless Blue Secret Wandering Gentle Bitter Midnight Scarlet Frozen Velvet Lonely Painted Restless Stolen"
)
_NOUNS = words(
    "Lantern River Garden Mirror Harbour Crown Letter Orchard Shadow Bridge Fountain Voyage Clock Raven Island Market "
    "Tower Forest Stranger Daughter Soldier Promise Candle Window Compass Harvest Station Feather Kingdom Season"
)
_FIRMS = words("Works Motors Textiles Instruments Holdings Shipping Chemicals Foods Airways Machines Electric Press")
_GROUPS = words("Players Ensemble Society Quartet Club Union Orchestra Band Trio League")
_SITES = words("Hall Museum Theatre Abbey Library Stadium Palace Arena Gallery Observatory")
_GOODS = words("Typewriter Tractor Camera Engine Radio Bicycle Loom Telescope Piano Rifle Watch Tram")

Make = Callable[[Random], str]


def root(rng: Random, syllables: int) -> str:
    """A capitalised made-up word of that many syllables."""
    parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)]
    return "".join(parts).capitalize() + rng.choice(_CODAS)


def town(rng: Random) -> str:
    """A town: one syllable and an ending."""
    return root(rng, 1) + rng.choice(_TOWN_ENDS)


def country(rng: Random) -> str:
    """A country, some of them republics (the short name is then an alias)."""
    name = root(rng, 1) + rng.choice(_COUNTRY_ENDS)
    return f"Republic of {name}" if rng.random() < 0.1 else name


def village(rng: Random) -> str:
    """A small place: a village, hill or stream."""
    return root(rng, 2) + rng.choice(_VILLAGE_ENDS)


def person(rng: Random, given: tuple[str, ...], family: tuple[str, ...]) -> str:
    """A given and a family name."""
    return f"{rng.choice(given)} {rng.choice(family)}"


def district(rng: Random) -> str:
    """An administrative district, named after nothing."""
    return f"{root(rng, 2)} {rng.choice(('District', 'County', 'Province'))}"


def firm(rng: Random) -> str:
    """A company."""
    return f"{root(rng, 2)} {rng.choice(_FIRMS)}"


def group(rng: Random) -> str:
    """A band, club or society."""
    return f"{root(rng, 2)} {rng.choice(_GROUPS)}"


def site(rng: Random) -> str:
    """A building, or a battle named after a place."""
    return f"Battle of {root(rng, 2)}" if rng.random() < 0.2 else f"{root(rng, 2)} {rng.choice(_SITES)}"


def product(rng: Random) -> str:
    """A manufactured thing with its model name."""
    return f"{root(rng, 2)} {rng.choice(_GOODS)}"


def work(rng: Random) -> str:
    """A book, film, song or picture."""
    name = root(rng, rng.choice((1, 2)))
    forms = ("The {a} {n} of {r}", "{r} and the {n}", "The {n} of {r}", "{a} {r}", "{r}'s {a} {n}")
    return rng.choice(forms).format(a=rng.choice(_ADJECTIVES), n=rng.choice(_NOUNS), r=name)


def school(rng: Random) -> str:
    """A university or college."""
    return rng.choice(("University of {}", "{} College", "{} Academy")).format(root(rng, 1))


def pool(rng: Random, make: Make, size: int) -> tuple[str, ...]:
    """`size` different names, in the order they were made."""
    names: dict[str, None] = {}
    while len(names) < size:
        names[make(rng)] = None
    return tuple(names)


def people(rng: Random, size: int) -> tuple[str, ...]:
    """`size` different people out of 160 given and 500 family names, so that neither part alone tells who it is."""
    given = pool(rng, lambda r: root(r, 1), 160)
    family = pool(rng, lambda r: root(r, 2), 500)
    return pool(rng, lambda r: person(r, given, family), size)
