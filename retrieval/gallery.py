"""A gallery: a folder with items, their media, and a vector index.

The manifest is the truth; the index is derived from it and can be rebuilt. A write goes to the
files, then to the index, then to the manifest: a crash leaves at most rows without an item, which
are never shown. Owns: `Gallery`. Does not own: the manifest's file (`retrieval.manifest`), local
folders (`retrieval.folder`), the bundled items (`retrieval.pack`), open indexes
(`retrieval.backends.pool`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from engine.api.conversation import Part
from retrieval.backends.by_uri import make_place
from retrieval.backends.pool import IndexPool
from retrieval.draft import Draft, Progress, Report, kept
from retrieval.embedder import BATCH, Embedder, embed_each
from retrieval.index import PUBLIC, NeedsRebuildError, Where
from retrieval.item import Item
from retrieval.manifest import FILE, Manifest, locked, write_whole
from retrieval.media import read_part
from retrieval.ranking import Found, rank

TIDY_AFTER = 50
"""Writes to the index; each leaves small files behind."""


class Gallery:
    """A gallery for several threads and processes; one at a time writes."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self._embedder = embedder
        self._seen: tuple[tuple[int, ...], Manifest] | None = None
        self._indexes = IndexPool(folder, embedder)
        self._writes = 0

    @classmethod
    def open(cls, folder: Path | str, embedder: Embedder, uri: str = "") -> "Gallery":
        """Open the gallery in a folder, or create one. uri: of its index, see
        `retrieval.backends.by_uri`; "" is the folder itself, or the uri of its creation.

        Raises: ValueError with one sentence where it cannot be read or made.

        """
        gallery = cls(Path(folder), embedder)
        if not (gallery.folder / FILE).exists():
            gallery._make(uri)
        if uri and uri != gallery.manifest.uri:
            raise ValueError(
                f"the index of {gallery.folder} is at {gallery._indexes.uri(gallery.manifest)}, "
                f"not at {uri}: make a new gallery for that"
            )
        return gallery

    def _make(self, uri: str) -> None:
        """Create an empty gallery, unless another process just did."""
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
        """Return the current manifest, whichever process wrote it. Raises: NeedsRebuildError where
        it cannot be read."""
        with _errors_as_messages(self.folder):
            mark = self._mark()
            if self._seen is None or self._seen[0] != mark:
                self._seen = (mark, Manifest.load(self.folder))
            return self._seen[1]

    def _mark(self) -> tuple[int, ...]:
        """Return a stamp that differs for every state of the file."""
        stat = (self.folder / FILE).stat()
        return (stat.st_ino, stat.st_mtime_ns, stat.st_size)

    def _save(self, manifest: Manifest) -> None:
        """Save the manifest; the caller holds the lock."""
        manifest.save(self.folder)
        self._seen = (self._mark(), manifest)

    @property
    def items(self) -> Mapping[str, Item]:
        """Return the items by id, in the order of addition; none where they cannot be read, which
        `trouble` says."""
        with suppress(NeedsRebuildError):
            return self.manifest.items
        return {}

    @property
    def trouble(self) -> str | None:
        """Return the reason why it cannot be searched, with advice; None where it can."""
        try:
            self._indexes.searchable(self.manifest)
        except NeedsRebuildError as error:
            return str(error)
        return None

    def path(self, item: Item) -> Path | None:
        """Return the path of an item's file, which may be gone; None for a text without one."""
        return self.folder / item.file if item.file else None

    def add(self, drafts: Iterable[Draft], progress: Progress | None = None) -> Report:
        """Embed and add new items in batches; finished batches survive an interruption.

        Raises: NeedsRebuildError, or ValueError where nothing can be written.

        """
        self._indexes.searchable(self.manifest)
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
        """Write media, then rows, then the manifest."""
        index = self._indexes.searchable(manifest)
        if index is None:
            manifest = self._indexes.next_generation(manifest)
            manifest = replace(manifest, width=len(good[0][1]))
            index = self._indexes.open(manifest)
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
        """Add a visitor's generated answer as a private item; its file carries the provenance.

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
        """Update the metadata of existing items; the index is unchanged."""
        if items:
            with self._writing() as manifest:
                newer = {item.id: item for item in items if item.id in manifest.items}
                self._save(replace(manifest, items={**manifest.items, **newer}))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete items and the files that the gallery stores itself; return their number."""
        with self._writing() as manifest:
            gone = {i: manifest.items[i] for i in ids if i in manifest.items}
            left = {i: item for i, item in manifest.items.items() if i not in gone}
            self._save(replace(manifest, items=left))
            with suppress(NeedsRebuildError):  # then its rows go with the next rebuild
                index = self._indexes.open(manifest) if manifest.width else None
                if index is not None:
                    index.delete(list(gone))
            for item in gone.values():
                if item.file and not Path(item.file).is_absolute():
                    (self.folder / item.file).unlink(missing_ok=True)
        return len(gone)

    def rebuild(self, progress: Progress | None = None) -> Report:
        """Rebuild the index from the files; until it is done, the old one is used. Unreadable items
        are removed from the gallery and reported.

        Raises: ValueError where nothing can be written.

        """
        with self._writing() as old:
            self._embedder.embed([(Part(text="a"),)])  # raises where a rebuild would lose all
            new = self._indexes.next_generation(old)
            left, report = iter(old.items.values()), Report()
            while batch := list(islice(left, BATCH)):
                new, some = self._rebuilt(new, batch)
                report += some
                if progress is not None:
                    progress(len(batch))
            if new.width:
                self._indexes.open(new).optimize()
            self._save(new)
        self._indexes.drop(old)
        return report

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
            index = self._indexes.open(new, counted=False)
            index.add([item.record for item in items.values()], np.stack([rows[i] for i in items]))
        names = {item.id: item.name for item in batch}
        return new, Report(len(items), 0, tuple((names[i], why) for i, why in refused.items()))

    def search(self, vector: np.ndarray, k: int = 10, where: Where = PUBLIC) -> Found:
        """Return the k nearest items to a vector "D"; those whose files are gone are reported as
        missing.

        Raises: NeedsRebuildError, or ValueError where k is not positive.

        """
        manifest = self.manifest
        index = self._indexes.searchable(manifest)
        if index is None:
            return Found()
        return rank(index, manifest.items, self.path, vector, k, where)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the vectors "D" of items. Raises: NeedsRebuildError."""
        index = self._indexes.searchable(self.manifest)
        return {} if index is None else index.vectors(ids)

    def close(self) -> None:
        """Release the index; the next use opens it again."""
        self._indexes.close()

    @contextmanager
    def _writing(self) -> Iterator[Manifest]:
        """Hold the lock of writers and yield the current manifest."""
        with _errors_as_messages(self.folder), locked(self.folder):
            yield self.manifest


@contextmanager
def _errors_as_messages(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NeedsRebuildError(f"there is no gallery at {folder}: was it removed?") from error
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}") from error
