"""Items to add to a gallery, and the report of an addition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.api.conversation import Part
from retrieval.item import Item, part_id
from retrieval.media import file_of_part

MEDIA = "media"
"""The folder of the files that a gallery keeps itself."""

Progress = Callable[[int], object]
"""Callback with the number of further items done."""


@dataclass(frozen=True)
class Draft:
    """An item to add. part: the model's input. content: of its file, where the gallery stores the
    file itself."""

    item: Item
    part: Part
    content: bytes | None = None


@dataclass(frozen=True)
class Report:
    """The outcome of an addition. refused: names with the reason as a sentence."""

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
    """Build the draft of a generated answer that a visitor keeps; its file carries the
    provenance."""
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
