"""The things of a prompt that a checkpoint of a small world never learned, and what is nearest.

A checkpoint says in its facts what it knows: `concepts`, the names of things, and `words`, whatever
else it was told of. Any other noun of the shipped tree of common nouns is a thing that it cannot
draw. Two nouns are near where their paths in that tree part late (Wu and Palmer 1994,
arXiv:cmp-lg/9406033). Owns: `NounTree`, `KnownThings`. Does not own: how the tree is made
(`world.text.nouns`).
"""

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[2] / "assets" / "words" / "nouns.txt.gz"
OFFERED, LEAST_LIKE = 2, 0.79
"""Known things that are offered, at most, and how like they must be, from 0 to 1."""
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True)
class UnknownThing:
    """A word of a prompt, and the names of known things that are nearest to it, nearest first."""

    word: str
    nearest: tuple[str, ...]


class NounTree:
    """The tree of common nouns; each stands where its commonest sense does."""

    def __init__(self, parents: Sequence[int], places: Mapping[str, int]) -> None:
        self._parents, self._places = parents, places

    @classmethod
    def load(cls, file: Path = TREE) -> "NounTree":
        """Read the file of `world.text.nouns`; an empty tree where there is none."""
        if not file.exists():
            return cls((), {})
        rows = [
            line.split("\t") for line in gzip.decompress(file.read_bytes()).decode().splitlines()
        ]
        places = {word: place for place, row in enumerate(rows) for word in row[1].split()}
        return cls([int(row[0] or 0) for row in rows], places)

    def __contains__(self, word: str) -> bool:
        return word in self._places

    def path(self, word: str) -> tuple[int, ...]:
        """The places from the root to a noun."""
        place = self._places[word]
        found = [place]
        while place:
            place = self._parents[place]
            found.append(place)
        return tuple(reversed(found))


class KnownThings:
    """The things that a checkpoint knows, among all nouns. names: of things; words: others that are
    no riddle to it."""

    def __init__(self, names: Sequence[str], words: Sequence[str], tree: NounTree) -> None:
        self._tree, self._known = tree, {*names, *words}
        self._paths = {name: tree.path(name) for name in names if name in tree}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "KnownThings | None":
        """Read a checkpoint's facts; None for one that does not list what it knows."""
        names, words = facts.get("concepts"), facts.get("words")
        if not isinstance(names, list) or not isinstance(words, list):
            return None
        return cls([*map(str, names)], [*map(str, words)], _tree())

    def unknown(self, text: str) -> tuple[UnknownThing, ...]:
        """The things that a text names and that are not known, each once, in order."""
        text = text.lower()
        for name in sorted((n for n in self._known if " " in n), key=len, reverse=True):
            text = text.replace(name, " ")
        nouns = {word: self._noun(word) for word in _WORD.findall(text)}
        return tuple(UnknownThing(word, self._nearest(n)) for word, n in nouns.items() if n)

    def _noun(self, word: str) -> str | None:
        """The word as the tree has it; None where it is known or no noun."""
        forms = [word, *_singulars(word)]
        if any(form in self._known for form in forms):
            return None
        return next((form for form in forms if form in self._tree), None)

    def _nearest(self, noun: str) -> tuple[str, ...]:
        path = self._tree.path(noun)
        like = {name: _likeness(path, other) for name, other in self._paths.items()}
        ranked = sorted(like, key=lambda name: -like[name])
        return tuple(name for name in ranked[:OFFERED] if like[name] >= LEAST_LIKE)


def _likeness(one: Sequence[int], other: Sequence[int]) -> float:
    shared = next(
        (depth for depth, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return 2 * shared / (len(one) + len(other))


def _singulars(word: str) -> list[str]:
    """Return the nouns that a plural may be the plural of."""
    endings = {"ies": "y", "ves": "f", "es": "", "s": ""}
    return [
        word[: -len(many)] + one
        for many, one in endings.items()
        if word.endswith(many) and len(word) > len(many) + 1
    ]


@cache
def _tree() -> NounTree:
    return NounTree.load()
