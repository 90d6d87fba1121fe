"""The ranking of found rows as items to show.

Owns: `Ranked`, `Found`, the handling of missing files, and the map of a collection.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retrieval.index import VectorIndex, Where
from retrieval.item import Item

MORE = 4
"""The factor of rows requested again where some hits cannot be shown."""


@dataclass(frozen=True)
class Ranked:
    """One hit. score: the cosine, in [-1, 1]. path: of the item's file; None of a text without
    one."""

    item: Item
    score: float
    path: Path | None = None


@dataclass(frozen=True)
class Found:
    """The result of a search. hits: best first. missing: items whose files are gone. troubles:
    reasons why a collection was left out."""

    hits: tuple[Ranked, ...] = ()
    missing: tuple[Item, ...] = ()
    troubles: tuple[str, ...] = ()

    def best(self, k: int) -> "Found":
        """Return the k best hits, equals by id."""
        ranked = sorted(self.hits, key=lambda hit: (-hit.score, hit.item.id))
        return replace(self, hits=tuple(ranked[:k]))

    def without(self, item_id: str) -> "Found":
        return replace(self, hits=tuple(h for h in self.hits if h.item.id != item_id))


def rank(
    index: VectorIndex,
    items: Mapping[str, Item],
    path: Callable[[Item], Path | None],
    vector: np.ndarray,
    k: int,
    where: Where,
) -> Found:
    """Return the k items nearest to a vector "D" whose files are there.

    Raises: ValueError where k is not positive.

    """
    if k < 1:
        raise ValueError(f"ask for one result or more, not {k}")
    wanted = k
    while True:
        rows = index.search(vector, wanted, where)
        known = [(items[row.id], row.score) for row in rows if row.id in items]
        placed = [Ranked(item, score, path(item)) for item, score in known]
        hits = [hit for hit in placed if hit.path is None or hit.path.exists()]
        if len(hits) >= k or len(rows) < wanted:
            missing = [h.item for h in placed if h.path is not None and not h.path.exists()]
            return Found(tuple(hits), tuple(missing)).best(k)
        wanted *= MORE


def projection(vectors: np.ndarray) -> np.ndarray:
    """Project vectors "N D" onto their two principal components, float32 "N 2" in [0, 1].

    The same vectors give the same map: of each axis the largest coefficient is positive. Equal
    vectors are in the middle.


    """
    found = np.full((len(vectors), 2), 0.5, np.float32)
    if len(vectors) < 2:
        return found
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    for column, axis in enumerate(axes[:2]):
        along = centred @ (axis * np.sign(axis[np.abs(axis).argmax()]))
        low, high = along.min(), along.max()
        if high - low > np.finfo(np.float32).eps:
            found[:, column] = (along - low) / (high - low)
    return found
