"""The domain: which things, colours and places there are.

"small" is the domain of the shipped checkpoint: 64 things, of which nine have a colour, and five
places. "large" has 419 things, eleven colours on most of them, and fifteen places. A process is in
one domain; the tables of `world.concepts` and `world.image.scenes` hold what it has. Owns: `take`.
Does not own: the table of further things (`world.things`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from world.concepts import (
    BY_NAME,
    COLOURABLE,
    CONCEPT_WORDS,
    CONCEPTS,
    OBJECT_COLOURS,
    SMALL,
    SYNONYMS,
    Concept,
    is_large,
)
from world.image.backdrops import PLACES as PAINTED
from world.image.drawings import DRAWINGS
from world.image.recolouring import TARGETS
from world.image.scenes import PLACES
from world.per_domain import forget
from world.things import SYNONYMS as OTHERS
from world.things import THINGS

DOMAINS = ("small", "large")
NEVER_TINTED = ("food", "nature")
"""Kinds of which a colour word would be odd, or says another thing."""
_SMALL_COLOURS, _SMALL_COLOURABLE = dict(OBJECT_COLOURS), tuple(COLOURABLE)
_SMALL_PLACES = tuple(PLACES)


def take(name: str) -> None:
    """Go over to a domain. Raises: ValueError for an unknown name."""
    if name not in DOMAINS:
        raise ValueError(f"there is no domain {name!r}: choose of {', '.join(DOMAINS)}")
    large = name == "large"
    things = _large() if large else SMALL
    CONCEPTS[:] = things
    _fill(BY_NAME, {c.name: c for c in things})
    _fill(SYNONYMS, {n: tuple(said.split()) for n, said in OTHERS.items()} if large else {})
    others = {word: name for name, words in SYNONYMS.items() for word in words}
    _fill(CONCEPT_WORDS, others | {c.plural: c.name for c in things} | {n: n for n in BY_NAME})
    tinted = [c.name for c in things if c.colourable or c.kind not in NEVER_TINTED]
    COLOURABLE[:] = tinted if large else _SMALL_COLOURABLE
    _fill(OBJECT_COLOURS, TARGETS if large else _SMALL_COLOURS)
    PLACES[:] = PAINTED if large else _SMALL_PLACES
    forget()


def domain_of(concepts: Sequence[str]) -> str:
    """Return the domain of a checkpoint whose facts list these concepts."""
    return "large" if len(concepts) > len(SMALL) else "small"


@contextmanager
def domain(name: str) -> Iterator[None]:
    """Be in a domain, then in the one before."""
    before = "large" if is_large() else "small"
    take(name)
    try:
        yield
    finally:
        take(before)


def _fill(table: dict, content: dict) -> None:
    table.clear()
    table.update(content)


def _large() -> tuple[Concept, ...]:
    """Return the things of the small domain and those of the table."""
    points = {drawing.name: drawing.code_point for drawing in DRAWINGS}
    found = list(SMALL)
    for kind, row in THINGS.items():
        found += [_concept(item.strip(), kind, points) for item in row.split(",")]
    return tuple(found)


def _concept(item: str, kind: str, points: dict[str, str]) -> Concept:
    form = {"*": "pair", "+": "mass"}.get(item[-1], "one")
    named, _, plural = item.rstrip("*+").partition("/")
    name, _, drawing = named.partition("=")
    many = plural or (name if form != "one" else name + "s")
    return Concept(name, points[drawing or name], kind, many, False, form)
