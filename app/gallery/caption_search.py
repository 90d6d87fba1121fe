"""Finding by the words of captions, where a checkpoint does not find by meaning."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from retrieval.item import Item
from retrieval.ranking import Found, Ranked

IDLE = frozenset("a an and at by for in is it of on or that the there this to what with".split())
"""Words that tell nothing apart."""


def words_of(text: str) -> list[str]:
    """Return its words in small letters, each once, in order; the idle ones only where there are no
    others."""
    found = list(dict.fromkeys(re.findall(r"\w+", text.lower())))
    return [word for word in found if word not in IDLE] or found


def by_words(words: str, items: Iterable[Item], path: Callable[[Item], Path | None]) -> Found:
    """Items with any of the words in captions or tags; the score is the share of them. Of equals
    the shortest caption comes first; files that are gone are left out and named."""
    wanted = words_of(words)
    ranked: list[Ranked] = []
    missing: list[Item] = []
    for item in items:
        there = set(words_of(f"{item.caption} {item.text}")) | set(item.tags)
        score = sum(word in there for word in wanted) / max(len(wanted), 1)
        file = path(item) if score else None
        if file is not None and not file.exists():
            missing.append(item)
        elif score:
            ranked.append(Ranked(item, score, file))
    return Found(tuple(ranked), tuple(missing))
