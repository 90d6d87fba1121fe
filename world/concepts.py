"""The things that exist in the world: their names, plurals and colours, and the held-out pairs.

The tables hold what the domain has (`world.domain`): the 64 things of the small one to begin with,
419 in the large one. Owns: names, plurals, colours, which combinations training never sees. Does
not own: pictures (`world.image.sprites`).
"""

import re
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True)
class Concept:
    """One thing. code_point names the emoji; colourable things always have a colour word. form:
    "one"; "many" ("grapes"), which is counted; "pair" ("jeans") and "mass" ("bread"), which are not.
    """

    name: str
    code_point: str
    kind: str
    plural: str
    colourable: bool = False
    form: str = "one"

    @property
    def countable(self) -> bool:
        return self.form in ("one", "many")

    @property
    def verb(self) -> str:
        return "are" if self.form in ("many", "pair") else "is"


def _concepts() -> tuple[Concept, ...]:
    table = {
        "animal": "dog 1f436, cat 1f431, fox 1f98a foxes, lion 1f981, horse 1f434, cow 1f42e, pig 1f437,"
        " rabbit 1f430, bear 1f43b, panda 1f43c, frog 1f438, monkey 1f435, penguin 1f427, owl 1f989,"
        " chicken 1f414, turtle 1f422, fish 1f420 fish, bee 1f41d, butterfly 1f98b butterflies,"
        " octopus 1f419 octopuses, elephant 1f418, whale 1f433",
        "food": "apple 1f34e, banana 1f34c, strawberry 1f353 strawberries, grapes 1f347 grapes,"
        " watermelon 1f349, pizza 1f355, burger 1f354, doughnut 1f369, cake 1f382",
        "vehicle": "car 1f697, bus 1f68c buses, rocket 1f680, plane 2708-fe0f, boat 26f5, train 1f682,"
        " bicycle 1f6b2, helicopter 1f681",
        "nature": "tree 1f333, sunflower 1f33b, cactus 1f335 cactuses, mushroom 1f344, sun 2600-fe0f,"
        " moon 1f319, cloud 2601-fe0f, fire 1f525",
        "instrument": "guitar 1f3b8, drum 1f941, trumpet 1f3ba, piano 1f3b9, violin 1f3bb",
        "object": "house 1f3e0, clock 23f0, bell 1f514, crown 1f451, balloon 1f388, book 1f4d5,"
        " shirt 1f455, gem 1f48e",
        "shape": "heart 2764-fe0f, circle 1f534, square 1f7e5, star 2b50",
    }
    colourable = {"heart", "circle", "square", "star", "car", "balloon", "book", "shirt", "gem"}
    found: list[Concept] = []
    for kind, row in table.items():
        for item in row.split(","):
            name, code_point, *plural = item.split()
            form = "many" if plural == [name] and name == "grapes" else "one"
            many = (plural or [name + "s"])[0]
            found.append(Concept(name, code_point, kind, many, name in colourable, form))
    return tuple(found)


SMALL: tuple[Concept, ...] = _concepts()
"""The things of the small domain, which come first in the large one."""
CONCEPTS: list[Concept] = list(SMALL)
BY_NAME: dict[str, Concept] = {c.name: c for c in CONCEPTS}
CONCEPT_WORDS: dict[str, str] = {c.plural: c.name for c in CONCEPTS} | {n: n for n in BY_NAME}
"""Singular and plural -> the concept's name."""
SYNONYMS: dict[str, tuple[str, ...]] = {}
"""Concept's name -> other words by which it is asked for; none in the small domain."""
COLOURABLE: list[str] = [c.name for c in CONCEPTS if c.colourable]
"""Names of what can have a colour word."""

OBJECT_COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (232, 52, 58),
    "orange": (255, 134, 30),
    "yellow": (255, 208, 46),
    "green": (52, 180, 82),
    "blue": (44, 120, 236),
    "purple": (146, 78, 220),
    "pink": (255, 112, 176),
}
RELATIONS = ("above", "below", "left of", "right of")


def is_large() -> bool:
    """Return whether the domain is the large one."""
    return len(CONCEPTS) > len(SMALL)


def named_concepts(text: str) -> set[str]:
    """Return the concepts that a text names, singular or plural."""
    words = re.findall("[a-z]+", text.lower())
    return {CONCEPT_WORDS[w] for w in words if w in CONCEPT_WORDS}


def held_out(*pair: str) -> bool:
    """Return whether a pair, (colour, concept) or (concept, relation), is kept from training: one
    in eight."""
    return blake2b(("a" + "|".join(pair)).encode(), digest_size=4).digest()[0] % 8 == 5
