"""A gallery: a folder with items, their media, and an index to find them by.

The manifest is the truth; the index is made from it and can be made again. A write goes to the
files, then to the index, then to the manifest: a crash leaves at most rows that no item stands for,
which are never shown. Owns: `Gallery`. Does not own: the manifest's file (`retrieval.manifest`),
what a folder of one's own becomes (`retrieval.folder`), the shipped items (`retrieval.pack`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from engine.api.conversation import Part
from retrieval.backends.by_uri import drop_index, make_place, open_index
from retrieval.draft import Draft, Progress, Report, kept
from retrieval.embedder import BATCH, Embedder, embed_each
from retrieval.index import PUBLIC, NeedsRebuildError, VectorIndex, Where
from retrieval.item import Item
from retrieval.manifest import FILE, Manifest, locked, write_whole
from retrieval.media import read_part
from retrieval.ranking import Found, rank

INDEX = "index"
TIDY_AFTER = 50
"""Writes to the index; each leaves small files behind."""


class Gallery:
    """Open to several threads and processes at once; one at a time writes."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self._embedder = embedder
        self._seen: tuple[tuple[int, ...], Manifest] | None = None
        self._indexes: dict[str, VectorIndex] = {}
        self._writes = 0

    @classmethod
    def open(cls, folder: Path | str, embedder: Embedder, uri: str = "") -> "Gallery":
        """The gallery in a folder; it is made where there is none. uri: where its index is, see
        `retrieval.backends.by_uri`; "" is in the folder, or wherever it was made.

        Raises: ValueError with one sentence where it cannot be read or made.
        """
        gallery = cls(Path(folder), embedder)
        if not (gallery.folder / FILE).exists():
            gallery._make(uri)
        if uri not in ("", gallery.manifest.uri):
            raise ValueError(
                f"the index of {gallery.folder} is at {gallery._uri(gallery.manifest)}, "
                f"not at {uri}: make a new gallery for that"
            )
        return gallery

    def _make(self, uri: str) -> None:
        """An empty one, unless somebody else just made one there."""
        make_place(uri)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder):
                if not (self.folder / FILE).exists():
                    Manifest(self._embedder.digest, uri).save(self.folder)
        except OSError as error:
            raise ValueError(
                f"a gallery cannot be made at {self.folder} ({error.strerror}): choose another "
                "folder"
            ) from error

    @property
    def manifest(self) -> Manifest:
        """The manifest now on disk, by any writer. Raises: ValueError where it cannot be read."""
        with _explained(self.folder):
            mark = self._mark()
            if self._seen is None or self._seen[0] != mark:
                self._seen = (mark, Manifest.load(self.folder))
            return self._seen[1]

    def _mark(self) -> tuple[int, ...]:
        """Another one for every state of the list."""
        stat = (self.folder / FILE).stat()
        return (stat.st_ino, stat.st_mtime_ns, stat.st_size)

    def _save(self, manifest: Manifest) -> None:
        """By whoever holds the lock."""
        manifest.save(self.folder)
        self._seen = (self._mark(), manifest)

    @property
    def items(self) -> Mapping[str, Item]:
        """By id, in the order in which they came."""
        return self.manifest.items

    @property
    def trouble(self) -> str | None:
        """A message that says why it cannot be searched and what to do; None where it can."""
        try:
            self._ready(self.manifest)
        except NeedsRebuildError as error:
            return str(error)
        return None

    def path(self, item: Item) -> Path | None:
        """The path of its file, which may be gone; None for a text without one."""
        return self.folder / item.file if item.file else None

    def add(self, drafts: Iterable[Draft], progress: Progress | None = None) -> Report:
        """Embed and store new items in batches; finished batches stay stored.

        Raises: NeedsRebuildError, or ValueError where nothing can be written.
        """
        self._ready(self.manifest)
        left = iter(drafts)
        report = Report()
        while batch := list(islice(left, BATCH)):
            report += self._add(batch)
            if progress is not None:
                progress(len(batch))
        return report

    def _add(self, batch: Sequence[Draft]) -> Report:
        known = self.items
        fresh = {d.item.id: d for d in batch if d.item.id not in known}
        vectors = embed_each(self._embedder, [d.part for d in fresh.values()])
        found = list(zip(fresh.values(), vectors, strict=True))
        refused = tuple((d.item.name, why) for d, why in found if isinstance(why, str))
        good = [(d, v) for d, v in found if not isinstance(v, str)]
        if good:
            with self._writing() as manifest:
                self._put(manifest, good)
        return Report(len(good), len(batch) - len(fresh), refused)

    def _put(self, manifest: Manifest, good: Sequence[tuple[Draft, np.ndarray]]) -> None:
        """Media, then rows, then the list."""
        index = self._ready(manifest)
        if index is None:
            manifest = self._begun(manifest)
            manifest = replace(manifest, width=len(good[0][1]))
            index = self._opened(manifest)
        for draft, _ in good:
            if draft.content is not None:
                file = self.folder / draft.item.file
                file.parent.mkdir(exist_ok=True)
                write_whole(file, draft.content)
        index.add([d.item.record for d, _ in good], np.stack([v for _, v in good]))
        added = {d.item.id: d.item for d, _ in good}
        self._save(replace(manifest, items={**manifest.items, **added}))
        self._writes += 1
        if self._writes % TIDY_AFTER == 0:
            index.optimize()

    def keep(
        self,
        part: Part,
        owner: str,
        caption: str = "",
        tags: tuple[str, ...] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> Item:
        """Add a visitor's generation as an item that only they find; its file has the provenance.

        Raises: ValueError where it cannot be embedded or written, NeedsRebuildError.
        """
        draft = kept(part, owner, caption, tags, provenance or {})
        known = self.items.get(draft.item.id)
        if known is not None:
            return known
        for _, why in self.add([draft]).refused:
            raise ValueError(why)
        return draft.item

    def amend(self, items: Sequence[Item]) -> None:
        """Replace the metadata of existing items; the index records stay unchanged."""
        if items:
            with self._writing() as manifest:
                newer = {item.id: item for item in items if item.id in manifest.items}
                self._save(replace(manifest, items={**manifest.items, **newer}))

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items, and the files that the gallery owns; return the number of items."""
        with self._writing() as manifest:
            gone = {i: manifest.items[i] for i in ids if i in manifest.items}
            left = {i: item for i, item in manifest.items.items() if i not in gone}
            self._save(replace(manifest, items=left))
            with suppress(NeedsRebuildError):  # then its rows go with the next rebuild
                index = self._opened(manifest) if manifest.width else None
                if index is not None:
                    index.delete(list(gone))
            for item in gone.values():
                if item.file and not Path(item.file).is_absolute():
                    (self.folder / item.file).unlink(missing_ok=True)
        return len(gone)

    def rebuild(self, progress: Progress | None = None) -> Report:
        """Makes the index anew from the files; until it is done, the old one is used. What cannot
        be read any more is taken out of the gallery and reported.

        Raises: ValueError where nothing can be written.
        """
        with self._writing() as old:
            self._embedder.embed([(Part(text="a"),)])  # raises where a rebuild would lose all
            new = self._begun(old)
            left, report = iter(old.items.values()), Report()
            while batch := list(islice(left, BATCH)):
                new, some = self._rebuilt(new, batch)
                report += some
                if progress is not None:
                    progress(len(batch))
            if new.width:
                self._opened(new).optimize()
            self._save(new)
        self._indexes.pop(old.table, None)
        with suppress(NeedsRebuildError):
            drop_index(self._uri(old), old.table)
        return report

    def _begun(self, old: Manifest) -> Manifest:
        """An empty one that follows another, its table free of what a killed writer left there."""
        new = Manifest(self._embedder.digest, old.uri, old.generation + 1)
        self._indexes.pop(new.table, None)
        drop_index(self._uri(new), new.table)
        return new

    def _rebuilt(self, new: Manifest, batch: Sequence[Item]) -> tuple[Manifest, Report]:
        parts: dict[str, Part] = {}
        refused: dict[str, str] = {}
        for item in batch:
            path = self.path(item)
            try:
                parts[item.id] = (
                    Part(text=item.text) if path is None else read_part(path, item.modality)
                )
            except ValueError as error:
                refused[item.id] = str(error)
        vectors = dict(zip(parts, embed_each(self._embedder, list(parts.values())), strict=True))
        refused |= {i: why for i, why in vectors.items() if isinstance(why, str)}
        rows = {i: v for i, v in vectors.items() if not isinstance(v, str)}
        items = {item.id: item for item in batch if item.id in rows}
        if items:
            new = replace(new, width=len(rows[next(iter(rows))]), items={**new.items, **items})
            index = self._opened(new, counted=False)
            index.add([item.record for item in items.values()], np.stack([rows[i] for i in items]))
        names = {item.id: item.name for item in batch}
        return new, Report(len(items), 0, tuple((names[i], why) for i, why in refused.items()))

    def search(self, vector: np.ndarray, k: int = 10, where: Where = PUBLIC) -> Found:
        """The k nearest items to a vector "D"; those whose files are gone are left out and named.

        Raises: NeedsRebuildError, or ValueError where k is not positive.
        """
        manifest = self.manifest
        index = self._ready(manifest)
        if index is None:
            return Found()
        return rank(index, manifest.items, self.path, vector, k, where)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors "D" of items. Raises: NeedsRebuildError."""
        index = self._ready(self.manifest)
        return {} if index is None else index.vectors(ids)

    def close(self) -> None:
        """Lets go of its index; it is opened again when it is needed."""
        while self._indexes:
            self._indexes.popitem()[1].close()

    def _uri(self, manifest: Manifest) -> str:
        return manifest.uri or str(self.folder / INDEX)

    def _ready(self, manifest: Manifest) -> VectorIndex | None:
        """The index that can be searched; None where the gallery is empty.

        Raises: NeedsRebuildError.
        """
        if not manifest.items:
            return None
        if manifest.digest != self._embedder.digest:
            raise NeedsRebuildError(
                f"this gallery was indexed by another checkpoint ({manifest.digest}, now "
                f"{self._embedder.digest}): rebuild it to search it"
            )
        return self._opened(manifest)

    def _opened(self, manifest: Manifest, counted: bool = True) -> VectorIndex:
        index = self._indexes.get(manifest.table)
        if index is None:
            index = open_index(self._uri(manifest), manifest.table, manifest.width)
            missing = len(manifest.items) - index.count()
            if counted and missing > 0:
                raise NeedsRebuildError(
                    f"{missing} of {len(manifest.items)} items are not in the index: please "
                    "rebuild it"
                )
            self._indexes[manifest.table] = index
        return index

    @contextmanager
    def _writing(self) -> Iterator[Manifest]:
        """Nobody else writes; the manifest as it is then."""
        with _explained(self.folder), locked(self.folder):
            yield self.manifest


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ValueError(f"there is no gallery at {folder}: was it removed?") from error
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}") from error
