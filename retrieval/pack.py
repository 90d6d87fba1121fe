"""The bundled items: a read-only folder.

`index.json` lists them, `vectors.npz` holds the vectors of one checkpoint; with another one they
are embedded in memory. Owns: `Pack`.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.api.conversation import Part
from engine.api.request import Modality
from retrieval.backends.exact import ExactIndex
from retrieval.draft import Progress
from retrieval.embedder import BATCH, Embedder, embed_each
from retrieval.index import PUBLIC, Where
from retrieval.item import Item, content_id
from retrieval.manifest import BROKEN, write_whole
from retrieval.media import read_part
from retrieval.ranking import Found, rank

LIST, VECTORS = "index.json", "vectors.npz"


class Pack:
    """Items with their vectors, in memory. embedded: the number of items that had no stored
    vector."""

    def __init__(
        self, folder: Path, items: Mapping[str, Item], vectors: Mapping[str, np.ndarray]
    ) -> None:
        self.folder = folder
        self.items = {i: item for i, item in items.items() if i in vectors}
        self.embedded = 0
        rows = np.stack([vectors[i] for i in self.items]).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        self._index = ExactIndex(rows.shape[1])
        self._index.add([item.record for item in self.items.values()], rows)

    @classmethod
    def open(
        cls, folder: Path | str, embedder: Embedder, progress: Progress | None = None
    ) -> "Pack":
        """Open the pack of a folder; items without a vector of this checkpoint are embedded.
        progress counts all items.

        Raises: ValueError where the folder is no pack, or the checkpoint embeds nothing.

        """
        folder = Path(folder)
        items = listed(folder)
        vectors = shipped(folder, embedder.digest)
        left = [item for i, item in items.items() if i not in vectors]
        if progress is not None:
            progress(len(items) - len(left))
        refused: list[str] = []
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            parts = [part_of(folder, item) for item in batch]
            for item, found in zip(batch, embed_each(embedder, parts), strict=True):
                if isinstance(found, str):
                    refused.append(found)
                else:
                    vectors[item.id] = found
            if progress is not None:
                progress(len(batch))
        if not vectors.keys() & items.keys():
            raise ValueError(refused[0] if refused else f"there is nothing in {folder / LIST}")
        pack = cls(folder, items, vectors)
        pack.embedded = len(left) - len(refused)
        return pack

    def save_vectors(self, digest: str) -> Path:
        """Write the vectors for a checkpoint in half precision. Raises: ValueError."""
        file = self.folder / VECTORS
        found = self._index.vectors(list(self.items))
        beside = file.with_suffix(".new.npz")
        try:
            np.savez(
                beside,
                ids=np.array(list(found)),
                vectors=np.stack(list(found.values())).astype(np.float16),
                digest=np.array(digest),
            )
            write_whole(file, beside.read_bytes())
            beside.unlink()
        except OSError as error:
            raise ValueError(f"cannot write {file}: {error.strerror}") from error
        return file

    def path(self, item: Item) -> Path | None:
        return self.folder / item.file if item.file else None

    def search(self, vector: np.ndarray, k: int = 10, where: Where = PUBLIC) -> Found:
        """Return the nearest items, like `retrieval.gallery.Gallery.search`."""
        return rank(self._index, self.items, self.path, vector, k, where)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        return self._index.vectors(ids)


def listed(folder: Path) -> dict[str, Item]:
    """Return the listed items with existing files, by the id of their content."""
    try:
        rows = json.loads((folder / LIST).read_bytes())
        found = [_item(folder, values) for values in rows]
    except OSError as error:
        raise ValueError(f"there is no gallery at {folder}: {LIST} cannot be read") from error
    except BROKEN as error:
        raise ValueError(f"{folder / LIST} is not the list of a gallery") from error
    return {item.id: item for item in found if item is not None}


def _item(folder: Path, values: Mapping[str, Any]) -> Item | None:
    modality, text = Modality(values["modality"]), values.get("text", "")
    file = values.get("file", "")
    try:
        content = (folder / file).read_bytes() if file else text.encode()
    except FileNotFoundError:
        return None
    return Item(
        content_id(modality, content),
        modality,
        file=file,
        text=text,
        caption=values.get("caption", ""),
        tags=tuple(values.get("tags", ())),
        kind=values.get("kind", ""),
        provenance={"source": "pack"},
    )


def part_of(folder: Path, item: Item) -> Part:
    """Return the model's input of an item. Raises: ValueError where its file cannot be read."""
    return read_part(folder / item.file, item.modality) if item.file else Part(text=item.text)


def shipped(folder: Path, digest: str) -> dict[str, np.ndarray]:
    """Return the stored vectors; none where they are of another checkpoint."""
    try:
        with np.load(folder / VECTORS) as found:
            if str(found["digest"]) != digest:
                return {}
            return dict(zip(found["ids"].tolist(), found["vectors"], strict=True))
    except FileNotFoundError:
        return {}
    except (*BROKEN, OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{folder / VECTORS} is broken: remove it to make it anew") from error
