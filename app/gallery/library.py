"""The collections of the Gallery tab: what ships, a folder that was indexed, and what visitors
keep.

Owns: the collections, who sees what, and how something that was made gets in. Does not own: what is
asked (`app.gallery.query`), the routes (`app.gallery.routes`), vectors and files (`retrieval`).
"""

import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from app.gallery.bundled import BundledItems
from app.gallery.caption_search import by_words
from app.gallery.visitors import Visitors
from app.stream.message import Media
from app.stream.run import Run
from engine.api.conversation import Part
from engine.media.audio import read_sound
from engine.media.images import read_picture
from engine.media.video import read_film
from retrieval.backends.by_uri import MEMORY
from retrieval.combined import Place, Together
from retrieval.draft import Progress, Report
from retrieval.folder import add_folder
from retrieval.gallery import Gallery
from retrieval.index import NeedsRebuildError, Where
from retrieval.item import Item
from retrieval.manifest import BrokenManifestError
from retrieval.media import read_part
from retrieval.ranking import Found

PACK = Path(__file__).resolve().parents[2] / "assets/gallery"
MAX_KEPT = 36
"""The most items that one visitor keeps."""
MAX_MAPS = 8
FORGOTTEN = "This answer is not remembered any more: make it again to keep it."
FULL = f"You have kept {MAX_KEPT} things, that is all there is room for: take one out first."
NOTHING_TO_KEEP = "There is no picture, film or sound in this answer."
TAKES_NONE = "This page takes in no folder while it runs: start it with --gallery."
ADDING = "A folder is being added: wait until it is done, then add the next."
NOT_YOUR_RUN = "Only who made this can keep it: make it yourself, or load the page again."
NOT_YOURS = "You can only take out what you have kept yourself."


class Model(Protocol):
    """The part of an engine that a library needs."""

    @property
    def digest(self) -> str: ...

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray: ...

    def info(self) -> dict[str, object]: ...


class SerialEmbedder:
    """Vectors of an engine for several threads, one after the other; a `retrieval` embedder."""

    def __init__(self, engine: Model) -> None:
        self.digest = engine.digest
        self._embed = engine.embed
        self._turn = threading.Lock()

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        """See `engine.engine.Engine.embed`."""
        with self._turn:
            return self._embed(items)


class Library:
    """The collections of one page. finds: whether the checkpoint finds by meaning."""

    def __init__(
        self,
        engine: Model,
        pack: Path = PACK,
        folder: Path | None = None,
        own: Path | None = None,
    ) -> None:
        """folder: a gallery of `python -m retrieval add`. own: the gallery that takes in what its
        owner adds while the page runs, the same or one that may be there; None takes nothing in.

        Raises: ValueError where there is none, or it cannot be read.
        """
        self.finds = bool(engine.info().get("finds"))
        self.embedder = SerialEmbedder(engine)
        self.shipped = BundledItems(pack, self.embedder)
        self.folder = None if folder is None else _opened(folder, self.embedder)
        self._own, self._adding = own, threading.Lock()
        self.visitors = Visitors()
        self._home = tempfile.TemporaryDirectory(prefix="kept-")
        self._kept = Gallery.open(self._home.name, self.embedder, MEMORY)
        self.together = self._joined()
        self._maps: dict[tuple[object, ...], list[Place]] = {}

    def _joined(self) -> Together:
        others = () if self.folder is None else (self.folder,)
        return Together((self._kept, *others, self.shipped))

    @property
    def takes_folders(self) -> bool:
        """Return whether its owner can add a folder now."""
        return self.finds and self._own is not None

    def add_folder(self, folder: Path, progress: Progress | None = None) -> Report:
        """The files below a folder of the owner's become part of their gallery, and can be found
        while more come; the progress is told of each.

        Raises: ValueError with a sentence where that cannot be; what is added stays.
        """
        if self._own is None or not self.finds:
            raise ValueError(TAKES_NONE)
        if not self._adding.acquire(blocking=False):
            raise ValueError(ADDING)
        try:
            self.embedder.embed([(Part(text="a"),)])  # raises where it can embed nothing
            if self.folder is None:
                self.folder = Gallery.open(self._own, self.embedder)
                self.together = self._joined()
            return add_folder(self.folder, folder, progress)
        except BrokenManifestError:
            raise
        except NeedsRebuildError as error:
            command = f"python -m retrieval rebuild --gallery {self._own}"
            raise ValueError(f"{error} ({command})") from error
        finally:
            self._adding.release()

    def begin(self) -> None:
        """Start to embed, in the background, the items without vectors."""
        if self.finds:
            self.shipped.begin()

    def items(self, where: Where) -> list[Item]:
        """Return the items that a viewer sees, what they kept first."""
        found: dict[str, Item] = {}
        for collection in self.together.collections:
            for i, item in collection.items.items():
                if i not in found and where.admits(item.record):
                    found[i] = item
        return list(found.values())

    def troubles(self) -> list[str]:
        """Return the errors of the collections as sentences."""
        found = [self.shipped.trouble, self.folder and self.finds and self.folder.trouble]
        return [sentence for sentence in found if sentence]

    def search(self, vector: np.ndarray, k: int, where: Where) -> Found:
        """The k nearest to a vector "D", best first."""
        return self.together.search(vector, k, where)

    def search_captions(self, words: str, k: int, where: Where) -> Found:
        """The k whose captions have most of the words."""
        return by_words(words, self.items(where), self._path).best(k)

    def like(self, item_id: str, k: int, where: Where, viewer: str) -> Found:
        """The k nearest to an item, itself left out. Raises: ValueError where there is none."""
        return self.together.search(self.vector(item_id, viewer), k + 1, where).without(item_id)

    def vector(self, item_id: str, viewer: str) -> np.ndarray:
        """Return the vector of an item. Raises: ValueError where this viewer sees none, or it has
        none yet."""
        self.together.find(item_id, Where(viewer=viewer))
        for collection in self.together.collections:
            found = collection.vectors([item_id])
            if item_id in found:
                return found[item_id]
        raise ValueError("this one cannot be compared yet: try again in a moment")

    def part(self, item_id: str, viewer: str) -> Part:
        """Return the model's input for an item. Raises: ValueError where its file cannot be
        read."""
        item, path = self.together.find(item_id, Where(viewer=viewer))
        return Part(text=item.text) if path is None else read_part(path, item.modality)

    def places(self, where: Where) -> list[Place]:
        """The map of what a viewer sees and can be searched."""
        numbers = tuple(len(c.items) for c in self.together.collections)
        key = (where.viewer, self.shipped.ready, *numbers)
        if key not in self._maps:
            while len(self._maps) >= MAX_MAPS:
                self._maps.pop(next(iter(self._maps)))
            self._maps[key] = self.together.places(where)
        return self._maps[key]

    def keep(self, run: Run | None, viewer: str) -> list[Item]:
        """Puts the pictures, films and sounds of a finished run into its owner's gallery.

        Raises: ValueError with a sentence where that cannot be, or the viewer is not the owner.
        """
        ended = None if run is None else run.ending
        if run is None or ended is None:
            raise ValueError(FORGOTTEN)
        if not viewer or viewer != self.visitors.name(run.owner):
            raise ValueError(NOT_YOUR_RUN)
        made = [(name, m) for name, m in ended.media.items() if m.content_type in READ]
        if not made:
            raise ValueError(NOTHING_TO_KEEP)
        if self.num_kept(viewer) + len(made) > MAX_KEPT:
            raise ValueError(FULL)
        recipe = dict(_mapping(ended.header.get("recipe")))
        said = _words_of(ended.header.get("answers"))
        items: list[Item] = []
        for _, media in made:
            part = part_of_media(media)
            spoken = part.audio is not None and bool(said)
            caption = said if spoken else str(recipe.get("prompt", ""))
            noted = {**recipe, "source": "made here", "checkpoint": self.embedder.digest}
            items.append(self._kept.keep(part, viewer, caption, (), noted))
        return items

    def file_of(self, item_id: str, key: str) -> Path | None:
        """Return the path of an item's file; of a private one for its key alone.

        Raises: ValueError where there is no such item for this key.
        """
        owner = self._kept.items[item_id].owner if item_id in self._kept.items else ""
        viewer = owner if self.visitors.opens(key, item_id, owner) else ""
        return self.together.find(item_id, Where(viewer=viewer))[1]

    def num_kept(self, owner: str) -> int:
        """Return the number of items that a visitor has kept."""
        return len(self._of(owner))

    def take_out(self, item_id: str, owner: str) -> None:
        """Removes what a visitor has kept. Raises: ValueError where it is not theirs."""
        if item_id not in self._of(owner):
            raise ValueError(NOT_YOURS)
        self._kept.delete([item_id])

    def leave(self, owner: str) -> None:
        """The visitor has gone, and what they kept goes with them."""
        if theirs := self._of(owner):
            self._kept.delete(theirs)

    def close(self) -> None:
        """Remove what visitors have kept from the disk."""
        self._home.cleanup()

    def counts(self, where: Where) -> Counter[str]:
        """Count the items that a viewer sees, by modality."""
        return Counter(str(item.modality) for item in self.items(where))

    def _of(self, owner: str) -> list[str]:
        return [i for i, item in self._kept.items.items() if owner and item.owner == owner]

    def _path(self, item: Item) -> Path | None:
        for collection in self.together.collections:
            if item.id in collection.items:
                return collection.path(item)
        return None


READ = {
    "image/png": lambda content: Part(image=read_picture(content)),
    "audio/wav": lambda content: Part(audio=read_sound(content)),
    "video/mp4": lambda content: Part(video=read_film(content)),
}
"""The readers of a run's files, for the media types that are kept."""


def part_of_media(media: Media) -> Part:
    """Return the model's input for a file that was made here. Raises: ValueError, as for any
    other."""
    return READ[media.content_type](media.content)


def _opened(folder: Path, embedder: SerialEmbedder) -> Gallery:
    if not folder.is_dir() or not any(folder.iterdir()):
        raise ValueError(
            f"there is no gallery at {folder}: make one with python -m retrieval add DIR "
            f"--gallery {folder}"
        )
    return Gallery.open(folder, embedder)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _words_of(answers: object) -> str:
    """Return the words of the answers."""
    found = answers if isinstance(answers, list) else []
    return " ".join(str(a["text"]) for a in found if a.get("text") and not a.get("heard"))
