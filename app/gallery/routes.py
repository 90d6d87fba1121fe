"""The routes below /gallery/: what the Gallery tab's script asks while somebody looks around.

Plain HTTP, beside Gradio's queue: a query waits for nobody's generation, and a new one makes the
browser drop the last. A visitor is known by an unguessable name (`app.gallery.visitors`); who does
not say it sees what everybody sees.
"""

import random
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from app.admission.uploads import KEPT_S
from app.forms.parse import as_sentence, read_file
from app.gallery.attribution import explain
from app.gallery.browse import sample_items
from app.gallery.library import Library
from app.gallery.query import Query
from app.gallery.serialize import item_json
from app.stream.run_bus import StepBus
from engine.api.conversation import Part
from engine.api.errors import DeviceError
from engine.api.request import Modality
from retrieval.index import Where
from retrieval.ranking import Found, Ranked

MAX_UPLOAD_BYTES = 20 * 2**20
MAX_UPLOADS, MAX_UPLOADS_OF_CLIENT, MAX_VECTORS = 64, 8, 256
MAX_RESULTS, MAX_TAGS_SHOWN = 240, 48
DAY_S = 86400
TOO_LARGE = f"This file is too large: {MAX_UPLOAD_BYTES // 2**20} MB are the limit."
GONE = "What you gave is not remembered any more: please give it again."
CROWDED = "Too many files are looked at now: try again in ten minutes."
NO_MEANING = "This checkpoint was not trained to find things: search by words instead."
Name = Annotated[str, Field(max_length=100)]


class GalleryQuery(BaseModel):
    """A query as the script sends it. upload, item: what is given beside the words. seed: of the
    selection that an empty query shows."""

    viewer: Name = ""
    words: Annotated[str, Field(max_length=2000)] = ""
    upload: Name = ""
    item: Name = ""
    modalities: list[Modality] = []
    tags: Annotated[list[Name], Field(max_length=20)] = []
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 60
    seed: int = 0

    @property
    def where(self) -> Where:
        return Where(tuple(self.modalities), tuple(self.tags), self.viewer)


class AttributionQuery(GalleryQuery):
    """A query, and what was found by it."""

    found: Name


class ItemRequest(BaseModel):
    """A request to keep what a run made, or to take out what was kept."""

    viewer: Name = ""
    run: Name = ""
    item: Name = ""


@dataclass(frozen=True)
class Upload:
    """A file that was given. client: the address that it came from."""

    part: Part
    client: str
    when_s: float = field(default_factory=time.monotonic)


@dataclass
class GalleryService:
    """Answers what the script asks. uploads: what visitors gave in the last ten minutes, few of
    each. known: vectors of the last queries."""

    library: Library
    bus: StepBus
    uploads: OrderedDict[str, Upload] = field(default_factory=OrderedDict)
    known: OrderedDict[tuple[str, str, str], np.ndarray] = field(default_factory=OrderedDict)

    def state(self, asked: GalleryQuery) -> dict[str, object]:
        """Return counts, tags and how much of the collection can be searched."""
        self.library.begin()
        everything = Where(viewer=asked.viewer)
        items = self.library.items(everything)
        tags = Counter(tag for item in items for tag in item.tags)
        return {
            "finds": self.library.finds,
            "num": len(self.library.shipped.items),
            "ready": self.library.shipped.ready,
            "growing": self.library.shipped.growing,
            "counts": self.library.counts(everything),
            "tags": [tag for tag, _ in tags.most_common(MAX_TAGS_SHOWN)],
            "troubles": [as_sentence(t) for t in self.library.troubles()],
        }

    def search(self, asked: GalleryQuery) -> dict[str, object]:
        """The nearest; the best by words, where the checkpoint does not find by meaning; a
        selection, where nothing is asked."""
        if not asked.words.strip() and not asked.upload and not asked.item:
            return self._selection(asked)
        if not self.library.finds:
            if asked.upload or asked.item:
                raise ValueError(NO_MEANING)
            found = self.library.search_captions(asked.words, asked.k, asked.where)
        else:
            found = self.library.search(self._vector(asked), asked.k + 1, asked.where)
            found = found.without(asked.item).best(asked.k)
        return self._told(found, asked.viewer)

    def _selection(self, asked: GalleryQuery) -> dict[str, object]:
        items = self.library.items(asked.where)
        drawn = random.Random(asked.seed)  # noqa: S311 (a choice to look at, no secret)
        chosen = sample_items(items, asked.viewer, asked.k, drawn)
        return {
            "items": [self._item(Ranked(item, 0.0), asked.viewer, scored=False) for item in chosen],
            "missing": 0,
            "troubles": [],
            "selection": True,
        }

    def _item(self, hit: Ranked, viewer: str, *, scored: bool = True) -> dict[str, object]:
        return item_json(hit, viewer, self.library.visitors, scored=scored)

    def _told(self, found: Found, viewer: str) -> dict[str, object]:
        return {
            "items": [self._item(hit, viewer) for hit in found.hits],
            "missing": len(found.missing),
            "troubles": [as_sentence(t) for t in found.troubles],
        }

    def _query(self, asked: GalleryQuery) -> Query | None:
        """Return the query; None where an item alone is given, whose vector is known."""
        words = asked.words.strip()
        if asked.upload:
            if asked.upload not in self.uploads:
                raise ValueError(GONE)
            return Query(words, self.uploads[asked.upload].part)
        if asked.item:
            return Query(words, self.library.part(asked.item, asked.viewer)) if words else None
        return Query(words)

    def _vector(self, asked: GalleryQuery) -> np.ndarray:
        key = (asked.words.strip(), asked.upload, asked.item)
        if key not in self.known:
            query = self._query(asked)
            if query is None:
                return self.library.vector(asked.item, asked.viewer)
            self.known[key] = self.library.embedder.embed([query.parts])[0]
            while len(self.known) > MAX_VECTORS:
                self.known.popitem(last=False)
        return self.known[key]

    def why(self, about: AttributionQuery) -> dict[str, object]:
        """Return the fall of the score without each word, or piece."""
        if not self.library.finds:
            raise ValueError(NO_MEANING)
        part = self.library.part(about.found, about.viewer)
        asked = self._vector(about)
        return explain(self.library.embedder.embed, self._query(about), asked, part).to_json()

    def map(self, asked: GalleryQuery) -> dict[str, object]:
        """Return the map: a place for each item that can be searched."""
        places = self.library.places(Where(viewer=asked.viewer)) if self.library.finds else []
        return {
            "places": [
                {
                    **self._item(Ranked(p.item, 0.0), asked.viewer, scored=False),
                    "x": round(p.x, 4),
                    "y": round(p.y, 4),
                }
                for p in places
            ]
        }

    def keep(self, wish: ItemRequest) -> dict[str, object]:
        """Add everything that a run made to its owner's items."""
        kept = self.library.keep(self.bus.find(wish.run), wish.viewer)
        return {"items": [item.id for item in kept]}

    def take_out(self, wish: ItemRequest) -> dict[str, object]:
        self.library.take_out(wish.item, wish.viewer)
        return {}

    def take(self, name: str, content: bytes, client: str) -> dict[str, object]:
        """A file that was given, by the name under which a query finds it. The oldest of the same
        client makes room, never another's."""
        if not self.library.finds:
            raise ValueError(NO_MEANING)
        self._forget_uploads(client)
        if len(self.uploads) >= MAX_UPLOADS:
            raise ValueError(CROWDED)
        with TemporaryDirectory(prefix="given-") as folder:
            file = Path(folder, "file").with_suffix(Path(name).suffix[:8])
            file.write_bytes(content)
            part = _renamed(name, lambda: read_file(file))
        token = secrets.token_urlsafe(12)
        self.uploads[token] = Upload(part, client)
        return {"upload": token, "modality": str(part.modality)}

    def _forget_uploads(self, client: str) -> None:
        """Those of ten minutes ago, and a client's oldest where it has as many as it may."""
        now_s = time.monotonic()
        old = [t for t, given in self.uploads.items() if now_s - given.when_s > KEPT_S]
        theirs = [t for t, given in self.uploads.items() if given.client == client]
        for token in {*old, *theirs[: max(0, len(theirs) - MAX_UPLOADS_OF_CLIENT + 1)]}:
            self.uploads.pop(token, None)

    def file(self, item_id: str, key: str) -> Response:
        """The file of an item; of a private one for its key alone."""
        path = self.library.file_of(item_id, key)
        if path is None or not path.is_file():
            raise ValueError("The file behind this is gone.")
        whose = "private" if key else "public"
        return FileResponse(path, headers={"cache-control": f"{whose}, max-age={DAY_S}"})


def add_gallery_routes(server: FastAPI, library: Library, bus: StepBus) -> None:
    """Serve the library on `server`."""
    service = GalleryService(library, bus)

    def state(asked: GalleryQuery) -> Response:
        return _answer(lambda: service.state(asked))

    def search(asked: GalleryQuery) -> Response:
        return _answer(lambda: service.search(asked))

    def why(about: AttributionQuery) -> Response:
        return _answer(lambda: service.why(about))

    def places(asked: GalleryQuery) -> Response:
        return _answer(lambda: service.map(asked))

    def keep(wish: ItemRequest) -> Response:
        return _answer(lambda: service.keep(wish))

    def take_out(wish: ItemRequest) -> Response:
        return _answer(lambda: service.take_out(wish))

    def file(item_id: str, key: str = "") -> Response:
        return _answer(lambda: service.file(item_id, key), missing=404)

    async def give(request: Request, name: str = "") -> Response:
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_UPLOAD_BYTES:
                return _sentence(TOO_LARGE, 413)
        client = "" if request.client is None else request.client.host
        given = bytes(content)
        return await run_sync(lambda: _answer(lambda: service.take(name, given, client)))

    posts = {"state": state, "search": search, "why": why, "map": places, "keep": keep,
             "take_out": take_out, "give": give}  # fmt: skip
    for name, route in posts.items():
        server.add_api_route(f"/gallery/{name}", route, methods=["POST"], response_model=None)
    server.add_api_route("/gallery/file/{item_id}", file, response_model=None)


def _answer(work: Callable[[], dict[str, object] | Response], missing: int = 400) -> Response:
    """Return the response, or an error sentence with its status code."""
    try:
        found = work()
    except ValueError as error:
        return _sentence(as_sentence(str(error)), missing)
    except DeviceError as error:
        return _sentence(str(error), 503)
    return found if isinstance(found, Response) else JSONResponse(found)


def _sentence(text: str, status: int) -> Response:
    return JSONResponse({"sentence": text}, status)


def _renamed(name: str, read: Callable[[], Part]) -> Part:
    """Sentences about a file speak of it by the name that its owner knows."""
    try:
        return read()
    except ValueError as error:
        first, _, rest = str(error).partition(" ")
        raise ValueError(f"{name} {rest}" if first.startswith("file") else str(error)) from error
