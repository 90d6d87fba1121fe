"""An item of a gallery: an image, audio, video or text, with its provenance.

Owns: `Item`, its JSON, the ids that follow from the content. Does not own: the vectors.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.api.conversation import Part
from engine.api.request import Modality
from retrieval.index import Record

ID_DIGITS = 24
TEXTS = ("id", "file", "text", "caption", "kind", "owner")


@dataclass(frozen=True)
class Item:
    """One item. file: of an image, audio or video, in the gallery's folder or absolute. text: the
    words of a text. kind: finer than the modality ("speech", "sound"). owner: whose it is; "" is
    everybody's. provenance: seed, settings, source .., plain values."""

    id: str
    modality: Modality
    file: str = ""
    text: str = ""
    caption: str = ""
    tags: tuple[str, ...] = ()
    kind: str = ""
    owner: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.file and not self.text.strip():
            raise ValueError("an item of a gallery is a file or a text")

    @property
    def record(self) -> Record:
        """Return the index record; the kind acts as a tag."""
        kinds = (self.kind,) if self.kind and self.kind not in self.tags else ()
        return Record(self.id, self.modality, (*self.tags, *kinds), self.owner)

    @property
    def name(self) -> str:
        """Return the display name."""
        return self.file or self.text

    def to_json(self) -> dict[str, Any]:
        """Return plain values; empty ones are omitted."""
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Item":
        """Read plain values. Raises: ValueError, KeyError or TypeError where these are no values of
        an item."""
        modality, tags = Modality(values["modality"]), tuple(values.get("tags", ()))
        named = [values.get(name, "") for name in TEXTS]
        if not all(isinstance(value, str) for value in (*named, *tags)):
            raise TypeError("an item of a gallery is told in texts")
        return cls(**{**values, "modality": modality, "tags": tags})


def content_id(modality: Modality, content: bytes, owner: str = "") -> str:
    """Return the hexadecimal id of an owner's content; equal contents have equal ids."""
    made = hashlib.sha256(f"{owner}\n{modality}\n".encode())
    made.update(content)
    return made.hexdigest()[:ID_DIGITS]


def part_id(part: Part, owner: str) -> str:
    """Return the id of a part that is not in a file yet."""
    if part.text is not None:
        return content_id(Modality.TEXT, part.text.encode(), owner)
    media = {
        Modality.IMAGE: part.image,
        Modality.VIDEO: part.video,
        Modality.AUDIO: part.audio,
    }
    modality, array = next((m, a) for m, a in media.items() if a is not None)
    return content_id(modality, f"{array.shape}".encode() + array.tobytes(), owner)
