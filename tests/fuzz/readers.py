"""The readers of files that anybody brings, each with a corpus of small good files."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from app.chat.save_load import from_text
from engine.inspection.trace_file import read_trace
from engine.media.audio import SAMPLE_RATE, opus_bytes, read_sound, wav_bytes
from engine.media.images import gif_bytes, mp4_bytes, read_picture, webp_bytes
from engine.media.video import held_in, read_film
from model.loading.config_file import config_from_json
from tests.engine.inspection.test_step_list import steps_of

TESTS = Path(__file__).resolve().parents[1]
FRAMES = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3)).astype(np.uint8)
TONE = 0.2 * np.sin(np.arange(SAMPLE_RATE // 2) / 6).astype(np.float32)
TIMES_MS = [100] * len(FRAMES)


@dataclass(frozen=True)
class Reader:
    """read: raises ValueError or returns. corpus: good files. text: whether files are JSON."""

    read: Callable[[bytes], object]
    corpus: Callable[[], list[bytes]]
    text: bool = False


def _files(*patterns: str) -> list[bytes]:
    found = [file.read_bytes() for one in patterns for file in sorted(TESTS.glob(one))]
    assert found
    return [content for content in found if len(content) < 100_000]


def _films() -> list[bytes]:
    made = [mp4_bytes(FRAMES, 4, "x"), gif_bytes(FRAMES, TIMES_MS, "x")]
    return [*made, webp_bytes(FRAMES, TIMES_MS, "x")]


def _traces() -> list[bytes]:
    """Step lists, and archives that are stored, so that a changed byte is one of an array."""
    archives = []
    for content in _files("old_files/traces/*.npz"):
        stored = io.BytesIO()
        np.savez(stored, **dict(np.load(io.BytesIO(content))))
        archives += [content, stored.getvalue()]
    return archives


def _film_or_what_is_held(content: bytes) -> object:
    held_in(content)
    return read_film(content)


def _sound(content: bytes) -> object:
    held_in(content)
    return read_sound(content)


def _conversation(content: bytes) -> object:
    return from_text(content.decode(errors="replace"))


def _config(content: bytes) -> object:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("no JSON") from error
    return config_from_json(values)


READERS = {
    "pictures": Reader(read_picture, cache(lambda: _files("engine/media/pictures/*"))),
    "sounds": Reader(_sound, cache(lambda: [wav_bytes(TONE, "x"), opus_bytes(TONE)])),
    "films": Reader(_film_or_what_is_held, cache(_films)),
    "traces": Reader(read_trace, cache(_traces)),
    "step lists": Reader(read_trace, cache(lambda: [steps_of()]), text=True),
    "conversations": Reader(
        _conversation, cache(lambda: _files("app/chat/conversations/*.json")), text=True
    ),
    "configs": Reader(_config, cache(lambda: _files("old_files/configs/*.json")), text=True),
}
