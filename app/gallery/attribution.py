"""Attribution of a search result: by how much the score falls where a word of the query, or a piece
of what was found, is left out. Measured with the model itself, one batch a side; nothing is
guessed.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.gallery.query import Query, without_each_piece, without_each_word
from engine.api.conversation import Part

Embed = Callable[[Sequence[tuple[Part, ...]]], np.ndarray]
"""`Engine.embed`."""


@dataclass(frozen=True)
class Attribution:
    """score: the cosine. words: (word, fall of the score without it). pieces: falls, in the order
    of `app.gallery.query.without_each_piece`. labels: of the pieces, where they are words."""

    score: float
    words: tuple[tuple[str, float], ...]
    pieces: tuple[float, ...]
    labels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def explain(embed: Embed, query: Query | None, asked: np.ndarray, item: Part) -> Attribution:
    """query: None where the question was another item. asked: its vector "D". Raises: ValueError,
    as embed does."""
    lacking = [] if query is None else without_each_word(query)
    pieces = without_each_piece(item)
    items = embed([(item,), *((piece,) for piece in pieces)])
    score = float(items[0] @ asked)
    words: list[tuple[str, float]] = []
    if lacking:
        vectors = embed([other.parts for _, other in lacking])
        falls = score - vectors @ items[0]
        words = [(word, float(f)) for (word, _), f in zip(lacking, falls, strict=True)]
    falls_of_pieces = score - items[1:] @ asked
    labels = tuple((item.text or "").split()) if item.text and pieces else ()
    return Attribution(score, tuple(words), tuple(falls_of_pieces.tolist()), labels)
