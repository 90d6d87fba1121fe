"""Items to be added to a gallery, and the report of adding them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.api.conversation import Part
from retrieval.item import Item, part_id
from retrieval.media import file_of_part

MEDIA = "media"
"""The folder of the files that a gallery keeps itself."""

Progress = Callable[[int], object]
"""A callback that receives the number of newly finished items."""


@dataclass(frozen=True)
class Draft:
    """An item to be added. part: its model input. content: the bytes of its file, where the gallery
    stores the file itself."""

    item: Item
    part: Part
    content: bytes | None = None


@dataclass(frozen=True)
class Report:
    """refused: names with the sentence why they are not there."""

    added: int = 0
    known: int = 0
    refused: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: "Report") -> "Report":
        return Report(
            self.added + other.added, self.known + other.known, self.refused + other.refused
        )


def kept(
    part: Part, owner: str, caption: str, tags: tuple[str, ...], provenance: Mapping[str, Any]
) -> Draft:
    """The draft of a generation that a visitor keeps; a file carries its provenance."""
    number = part_id(part, owner)
    file, content = "", None
    if part.text is None:
        suffix, content = file_of_part(part, provenance)
        file = f"{MEDIA}/{number}{suffix}"
    item = Item(
        number,
        part.modality,
        file=file,
        text=part.text or "",
        caption=caption,
        tags=tags,
        owner=owner,
        provenance=provenance,
    )
    return Draft(item, part, content)
