"""The files of a finished answer, byte for byte as `python -m engine generate` writes.

Owns: `file_of`, `settings_of`, `TYPES`, `to_address`, `to_base64`. Does not own: the
formats (`engine.media`).
"""

import base64
from pathlib import Path

from engine.api.events import Answer, Completed
from engine.api.request import Request
from engine.cli.out_file import content
from engine.media.marking.marker import Marker

TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
}
"""Format -> media type."""


def file_of(answer: Answer, ending: str, done: Completed, marker: Marker) -> bytes:
    """Return the file of an answer that is no words, marked, with a note of prompt and seed
    inside."""
    request = done.request
    return content(answer, Path(f"answer.{ending}"), request.words, request.sampling.seed, marker)


def settings_of(request: Request) -> dict[str, object]:
    """Return what the mark of an answer is made of, as in its file."""
    return {"prompt": request.words, "seed": request.sampling.seed}


def to_address(content: bytes, kind: str) -> str:
    """Return a data address. kind: its media type."""
    return f"data:{kind};base64,{to_base64(content)}"


def to_base64(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode()
