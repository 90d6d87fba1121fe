"""A tiny reader of captions, written from the grammar and not from the writer's code.

caption := objects [background]; it returns facts, and fails on any word that it does not know.
"""

import re
from dataclasses import dataclass

NUMBERS = {"two": 2, "three": 3, "four": 4}
SIZES = ("small", "big")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
GROUNDS = ("white", "grey", "black", "blue", "green", "yellow", "pink", "purple", "orange")
RELATIONS = {
    "on top of": "above", "above": "above", "over": "above",
    "below": "below", "under": "below", "beneath": "below",
    "to the left of": "left of", "on the left of": "left of", "left of": "left of",
    "to the right of": "right of", "on the right of": "right of", "right of": "right of",
}  # fmt: skip
PLACES = {
    "in the night sky": "night", "at night": "night", "up in the sky": "sky", "in the sky": "sky",
    "on the grass": "grass", "in a meadow": "grass", "at sea": "sea", "by the sea": "sea",
    "in a room": "room", "inside a room": "room",
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """count objects of one kind; size "" where none is named."""

    count: int
    size: str
    colour: str | None
    noun: str


@dataclass(frozen=True)
class Facts:
    """What a caption states. ground: () unnamed, a place's name, or one or two colours."""

    things: tuple[Thing, ...]
    relation: str | None
    ground: tuple[str, ...]


def facts_of(words: str) -> Facts:
    """The facts of a caption; raises AssertionError where it is not one."""
    words, ground = _split_ground(words)
    for phrase in sorted(RELATIONS, key=len, reverse=True):
        sides = re.split(rf" {phrase} ", words)
        if len(sides) == 2:
            return Facts(tuple(_thing(s) for s in sides), RELATIONS[phrase], ground)
    return Facts(tuple(_thing(s) for s in re.split(r", | and | with ", words)), None, ground)


def _split_ground(words: str) -> tuple[str, tuple[str, ...]]:
    colour = "|".join(GROUNDS)
    patterns = (
        rf" (?:on|with) an? ({colour}) background$",
        rf" on a gradient from ({colour}) to ({colour})$",
        rf" on an? ({colour}) and ({colour}) gradient$",
        rf" on ({colour})$",
    )
    for pattern in patterns:
        if match := re.search(pattern, words):
            return words[: match.start()], match.groups()
    for phrase in sorted(PLACES, key=len, reverse=True):
        if words.endswith(" " + phrase):
            return words[: -len(phrase) - 1], (PLACES[phrase],)
    return words, ()


def _thing(words: str) -> Thing:
    first, *rest = words.split()
    if first in NUMBERS:
        count = NUMBERS[first]
    elif first in ("a", "an"):
        count = 1
        assert (first == "an") == (rest[0][0] in "aeiou"), words
    else:
        count, rest = 1, [first, *rest]
    size = rest.pop(0) if rest[0] in SIZES else ""
    colour = rest.pop(0) if rest[0] in COLOURS else None
    assert len(rest) == 1, f"unknown words {rest} in {words!r}"
    return Thing(count, size, colour, rest[0])
