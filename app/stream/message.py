"""The message that travels to a browser: one JSON header plus named binary media.

The same message has two shapes: `to_wire` for the websocket (length, header, media, concatenated)
and `to_json` (media as data URIs) for the fallback through Gradio and for recorded runs.
"""

import json
import struct
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Media:
    """Encoded bytes and their content type, such as "image/jpeg"."""

    content_type: str
    content: bytes

    def data_uri(self) -> str:
        """The same bytes as text."""
        return f"data:{self.content_type};base64,{b64encode(self.content).decode()}"


VERSION = 1
"""The version of the live channel's format, docs/live.md."""


@dataclass(frozen=True)
class Message:
    """`header["kind"]` says what it is. kept: never dropped, however slow the viewer."""

    header: Mapping[str, object]
    media: Mapping[str, Media] = field(default_factory=dict)
    kept: bool = False
    _packed: dict[int, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def to_wire(self, number: int) -> bytes:
        """uint32 header length (big-endian), the header as UTF-8 JSON, then the media in order.
        Packed once, however many viewers it goes to."""
        if number not in self._packed:
            self._packed[number] = self._pack(number)
        return self._packed[number]

    def to_json(self, number: int) -> dict[str, object]:
        """The header with the media inside it as data URIs."""
        media = {name: item.data_uri() for name, item in self.media.items()}
        return {**self.header, "number": number, "media": media}

    def _pack(self, number: int) -> bytes:
        listing = [
            {"name": name, "type": item.content_type, "size": len(item.content)}
            for name, item in self.media.items()
        ]
        told = {**self.header, "version": VERSION, "number": number, "media": listing}
        header = json.dumps(told).encode()
        contents = (item.content for item in self.media.values())
        return b"".join((struct.pack(">I", len(header)), header, *contents))
