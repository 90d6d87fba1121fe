"""An embedder that needs no model, and galleries to try."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.api.conversation import Part
from engine.api.request import Modality
from engine.media.audio import wav_bytes
from retrieval.draft import Draft
from retrieval.index import Record, VectorIndex
from retrieval.item import Item, content_id

WIDTH = 16


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def vector_of(key: str) -> np.ndarray:
    """A direction for each key, the same in every process."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    return unit(np.random.default_rng(seed).normal(size=WIDTH))


@dataclass
class FakeEmbedder:
    """Texts lie near the words they share; a picture is the colour of its corner. calls: how many
    parts were embedded."""

    digest: str = "digest-a"
    calls: int = 0
    refuses: str = "unspeakable"
    parts: list[Part] = field(default_factory=list)

    def embed(self, items: Sequence[tuple[Part, ...]]) -> np.ndarray:
        if any(p.text == self.refuses for parts in items for p in parts):
            raise ValueError("this cannot be embedded")
        self.calls += len(items)
        return np.stack([unit(sum(self._one(p) for p in parts)) for parts in items])  # type: ignore[arg-type]

    def _one(self, part: Part) -> np.ndarray:
        if part.text is not None:
            return np.stack([vector_of(self.digest + word) for word in part.text.split()]).sum(0)
        if part.audio is not None:
            return vector_of(f"{self.digest}{len(part.audio)}")
        picture = part.image if part.image is not None else part.video
        assert picture is not None
        return vector_of(f"{self.digest}{picture.reshape(-1, 3)[0].tolist()}")


def text_draft(text: str, owner: str = "", tags: tuple[str, ...] = ()) -> Draft:
    number = content_id(Modality.TEXT, text.encode(), owner)
    return Draft(Item(number, Modality.TEXT, text=text, owner=owner, tags=tags), Part(text=text))


def clustered(num: int, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """Unit vectors "N D" in clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(4, num // 50), width))
    return unit(centres[rng.integers(len(centres), size=num)] + rng.normal(size=(num, width)) * 0.4)


def records(num: int) -> list[Record]:
    """Records of every modality, with tags and owners."""
    kinds = list(Modality)
    return [
        Record(
            f"row {i:05d}",
            kinds[i % 4],
            tuple(tag for tag, every in (("it's odd", 2), ("third", 3)) if i % every == 0),
            "" if i % 5 else "ann's",
        )
        for i in range(num)
    ]


def add_numbered(index: VectorIndex, writer: str, number: int) -> None:
    """Add the 20 rows of a writer that have this number."""
    rows = [replace(r, id=f"{writer} {number} {r.id}") for r in records(20)]
    index.add(rows, clustered(20, seed=number))


def media_folder(folder: Path, num: int = 3) -> Path:
    """Pictures, a sound, a text, something broken, and what is no medium."""
    (folder / "deep").mkdir(parents=True)
    for i in range(num):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / f"{i}.png")
    samples = np.sin(np.arange(8000) / 5).astype(np.float32) / 2
    (folder / "deep" / "tone.wav").write_bytes(wav_bytes(samples))
    (folder / "deep" / "words.txt").write_text("a red heart\nabove a dog")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (folder / ".hidden.png").write_bytes(b"no picture")
    return folder
