"""The files of a finished answer, byte for byte as `python -m engine generate` writes.

Owns: `file_of`, `TYPES`, `to_address`, `to_base64`. Does not own: the formats (`engine.media`).
"""

import base64
from pathlib import Path

from engine.api.events import Answer, Completed
from engine.cli.out_file import content

TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
}
"""Format -> media type."""


def file_of(answer: Answer, ending: str, done: Completed) -> bytes:
    """Return the file of an answer that is no words, with a note of prompt and seed inside."""
    request = done.request
    return content(answer, Path(f"answer.{ending}"), request.words, request.sampling.seed)


def to_address(content: bytes, kind: str) -> str:
    """Return a data address. kind: its media type."""
    return f"data:{kind};base64,{to_base64(content)}"


def to_base64(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode()
