"""The open indexes of one gallery, one a generation of its manifest.

Owns: `IndexPool`. Does not own: the manifest (`retrieval.manifest`), the backends
(`retrieval.backends.by_uri`).
"""

from contextlib import suppress
from pathlib import Path

from retrieval.backends.by_uri import drop_index, open_index
from retrieval.embedder import Embedder
from retrieval.index import NeedsRebuildError, VectorIndex
from retrieval.manifest import Manifest

FOLDER = "index"
"""The index inside a gallery's folder, unless its manifest names another place."""


class IndexPool:
    """Open indexes by table; an index is opened on first use."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._folder = folder
        self._embedder = embedder
        self._open: dict[str, VectorIndex] = {}

    def uri(self, manifest: Manifest) -> str:
        """Return the place of a manifest's index."""
        return manifest.uri or str(self._folder / FOLDER)

    def searchable(self, manifest: Manifest) -> VectorIndex | None:
        """Return the index to search; None where the gallery is empty.

        Raises: NeedsRebuildError.
        """
        if not manifest.items:
            return None
        if manifest.digest != self._embedder.digest:
            raise NeedsRebuildError(
                f"this gallery was indexed by another checkpoint ({manifest.digest}, now "
                f"{self._embedder.digest}): rebuild it to search it"
            )
        return self.open(manifest)

    def open(self, manifest: Manifest, counted: bool = True) -> VectorIndex:
        """Open the index of a manifest. counted: require a row for every item.

        Raises: NeedsRebuildError.
        """
        index = self._open.get(manifest.table)
        if index is None:
            index = open_index(self.uri(manifest), manifest.table, manifest.width)
            missing = len(manifest.items) - index.count()
            if counted and missing > 0:
                raise NeedsRebuildError(
                    f"{missing} of {len(manifest.items)} items are not in the index: please "
                    "rebuild it"
                )
            self._open[manifest.table] = index
        return index

    def next_generation(self, old: Manifest) -> Manifest:
        """Return an empty successor of a manifest; rows that a killed writer left in its table are
        dropped."""
        new = Manifest(self._embedder.digest, old.uri, old.generation + 1)
        self._open.pop(new.table, None)
        drop_index(self.uri(new), new.table)
        return new

    def drop(self, manifest: Manifest) -> None:
        """Remove the index of a manifest, also an unreadable one."""
        self._open.pop(manifest.table, None)
        with suppress(NeedsRebuildError):
            drop_index(self.uri(manifest), manifest.table)

    def close(self) -> None:
        """Close all indexes."""
        while self._open:
            self._open.popitem()[1].close()
