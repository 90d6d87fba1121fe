"""The items that ship, as far as they can be searched: what has no vector of this checkpoint gets
one in the background."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.api.errors import DeviceError
from retrieval.embedder import Embedder, embed_each
from retrieval.index import PUBLIC, Where
from retrieval.item import Item
from retrieval.pack import Pack, listed, part_of, shipped
from retrieval.ranking import Found

AT_ONCE = 4
"""Items that are embedded while a query waits."""


class BundledItems:
    """A `retrieval.combined.Collection` whose items are all known and whose vectors come later.
    trouble: a sentence where something is wrong with its files. growing: whether vectors are being
    made."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self.trouble: str | None = None
        self._embedder = embedder
        self._vectors: dict[str, np.ndarray] = {}
        self._pack: Pack | None = None
        self._begun = threading.Lock()
        self.growing = False
        self._refused = 0
        self.items: Mapping[str, Item] = {}
        try:
            self.items = listed(folder)
            self._vectors = dict(shipped(folder, embedder.digest))
        except ValueError as error:
            self.trouble = str(error)
        self._publish()

    @property
    def ready(self) -> int:
        """The number of items with vectors."""
        return 0 if self._pack is None else len(self._pack.items)

    def begin(self) -> None:
        """Gives vectors to those without, in a thread; a second call does nothing."""
        if self._begun.acquire(blocking=False) and len(self._vectors) < len(self.items):
            self.growing = True
            threading.Thread(target=self.embed, daemon=True, name="gallery").start()

    def embed(self) -> None:
        """Gives vectors to those without."""
        left = [item for i, item in self.items.items() if i not in self._vectors]
        try:
            for start in range(0, len(left), AT_ONCE):
                self._embed(left[start : start + AT_ONCE])
        except DeviceError as error:
            self.trouble = str(error)
        finally:
            self.growing = False

    def _embed(self, items: Sequence[Item]) -> None:
        good: list[Item] = []
        parts = []
        for item in items:
            try:
                parts.append(part_of(self.folder, item))
                good.append(item)
            except ValueError as error:
                self._refuse(str(error))
        for item, found in zip(good, embed_each(self._embedder, parts), strict=True):
            if isinstance(found, str):
                self._refuse(found)
            else:
                self._vectors[item.id] = found
        self._publish()

    def _refuse(self, why: str) -> None:
        self._refused += 1
        self.trouble = f"{self._refused} of {len(self.items)} cannot be found: {why}"

    def _publish(self) -> None:
        if self._vectors.keys() & self.items.keys():
            self._pack = Pack(self.folder, self.items, self._vectors)

    def path(self, item: Item) -> Path | None:
        return self.folder / item.file if item.file else None

    def search(self, vector: np.ndarray, k: int, where: Where = PUBLIC) -> Found:
        """The k nearest of those that are ready."""
        return Found() if self._pack is None else self._pack.search(vector, k, where)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        return {} if self._pack is None else self._pack.vectors(ids)
