"""Several collections searched as one: the bundled items, and those that visitors keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from retrieval.index import PUBLIC, NeedsRebuildError, Where
from retrieval.item import Item
from retrieval.ranking import Found, projection


class Collection(Protocol):
    """`retrieval.gallery.Gallery` or `retrieval.pack.Pack`."""

    @property
    def items(self) -> Mapping[str, Item]: ...

    def path(self, item: Item) -> Path | None: ...

    def search(self, vector: np.ndarray, k: int, where: Where) -> Found: ...

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Place:
    """The position of an item on the map: x and y in [0, 1]."""

    item: Item
    x: float
    y: float


@dataclass(frozen=True)
class Together:
    """Collections; of an item that is in several, the first one's counts. One that cannot be
    searched is left out, and the sentence why is in `Found.troubles`."""

    collections: tuple[Collection, ...]

    def find(self, item_id: str, where: Where = PUBLIC) -> tuple[Item, Path | None]:
        """Return an item and its file. Raises: ValueError where this viewer sees no such item."""
        for collection in self.collections:
            item = collection.items.get(item_id)
            if item is not None and where.admits(item.record):
                return item, collection.path(item)
        raise ValueError("this item is not in the gallery any more")

    def search(self, vector: np.ndarray, k: int = 10, where: Where = PUBLIC) -> Found:
        """Return the k nearest items to a vector "D", best first.

        Raises: ValueError where k is not positive.

        """
        found = Found()
        for collection in self.collections:
            try:
                more = collection.search(vector, k, where)
            except NeedsRebuildError as error:
                found = Found(found.hits, found.missing, (*found.troubles, str(error)))
                continue
            known = {hit.item.id for hit in found.hits}
            fresh = tuple(hit for hit in more.hits if hit.item.id not in known)
            found = Found((*found.hits, *fresh), (*found.missing, *more.missing), found.troubles)
        return found.best(k)

    def like(self, item_id: str, k: int = 10, where: Where = PUBLIC) -> Found:
        """Return the k items nearest to an item, without it.

        Raises: ValueError where this viewer sees no such item.

        """
        self.find(item_id, where)
        vector = self._vectors([item_id]).get(item_id)
        if vector is None:
            raise ValueError("this item cannot be compared: please rebuild the gallery")
        return self.search(vector, k + 1, where).without(item_id).best(k)

    def places(self, where: Where = PUBLIC) -> list[Place]:
        """Return the map of the items that a viewer sees."""
        items = {
            i: item
            for collection in reversed(self.collections)
            for i, item in collection.items.items()
            if where.admits(item.record)
        }
        vectors = self._vectors(list(items))
        if not vectors:
            return []
        points = projection(np.stack(list(vectors.values()))).tolist()
        return [Place(items[i], x, y) for i, (x, y) in zip(vectors, points, strict=True)]

    def _vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for collection in self.collections:
            try:
                found |= collection.vectors([i for i in ids if i not in found])
            except NeedsRebuildError:
                continue
        return found
