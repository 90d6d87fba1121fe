"""A file in which no film can be seen is refused with one sentence."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.media.video import read_film
from tests.engine.media.films import (
    animation_of,
    drawn_film,
    film_of,
    recording_with_cover,
)
from tests.engine.media.refusals import KINDS, refused
from tests.engine.media.test_audio import _film as _sound_film
from tests.engine.media.test_audio import _wav

PICTURE = "is a picture, not a film: give it as a picture"
UNREADABLE = "is not a film that can be read: use an MP4, MOV, WebM or GIF file"


def _jpeg_list() -> bytes:
    return animation_of("MPO", [Image.new("RGB", (8, 8), c) for c in ("red", "blue")], 80)


def _still(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(buffer, form)
    return buffer.getvalue()


def _large() -> bytes:
    """A GIF that says so, in which little is drawn."""
    content = bytearray(drawn_film("GIF", [80] * 2))
    content[6:10] = (8000).to_bytes(2, "little") + (5001).to_bytes(2, "little")
    return bytes(content)


NO_PICTURE = "has no picture: give it as a recording"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", UNREADABLE),
    "text": (lambda: b"hello, this is no film at all.\n" * 99, UNREADABLE),
    "noise": (lambda: np.random.default_rng(0).bytes(5000), UNREADABLE),
    "a play list": (lambda: b"#EXTM3U\n#EXTINF:1,\nfilm.mp4\n#EXT-X-ENDLIST\n", UNREADABLE),
    "cut mp4": (lambda: film_of(8)[:-200], UNREADABLE),
    "cut webm": (lambda: film_of(8, "webm", "libvpx")[:300], UNREADABLE),
    "cut gif": (lambda: drawn_film("GIF", [80] * 3)[:20], UNREADABLE),
    "cut webp": (lambda: drawn_film("WEBP", [80] * 3)[:200], UNREADABLE),
    "cut jpeg": (lambda: _still("JPEG")[:2], UNREADABLE),
    "unknown codec": (lambda: film_of(8).replace(b"avc1", b"zzzz"), UNREADABLE),
    "wav": (lambda: _wav(np.zeros(999), 16_000), UNREADABLE),
    "png": (lambda: _still("PNG"), PICTURE),
    "png of one": (lambda: animation_of("PNG", [Image.new("L", (9, 9))], 80), PICTURE),
    "jpeg": (lambda: _still("JPEG"), PICTURE),
    "jpeg of two": (_jpeg_list, PICTURE),
    "webp": (lambda: _still("WEBP"), PICTURE),
    "avif": (lambda: _still("AVIF"), PICTURE),
    "heic": (lambda: film_of(1).replace(b"ftypisom", b"ftypheic"), PICTURE),
    "gif of one": (lambda: _still("GIF"), PICTURE),
    "a recording": (lambda: _sound_film("mp4", codec="aac", pictures=False), NO_PICTURE),
    "spoken": (lambda: _sound_film("webm", codec="libopus", pictures=False), NO_PICTURE),
    "with a cover": (recording_with_cover, NO_PICTURE),
    "large": (_large, "has over 40 million pixels a frame: please scale it down"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_seen_is_refused_with_one_sentence(case: str) -> None:
    make, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(f"the upload {sentence}")) as refused:
        read_film(make())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_names_the_file(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    with pytest.raises(ValueError, match=refused(kind, file, UNREADABLE)):
        read_film(file)


@pytest.mark.parametrize(
    "listing", ["ffconcat version 1.0\nfile another.mp4\n", "#EXTM3U\nanother.mp4\n"]
)
def test_a_list_of_files_opens_none_of_them(listing: str, tmp_path: Path) -> None:
    """An upload must not lead to what lies beside it."""
    (tmp_path / "another.mp4").write_bytes(film_of())
    file = tmp_path / "upload.mp4"
    file.write_text(listing)
    with pytest.raises(ValueError, match=f"upload.mp4 {UNREADABLE}"):
        read_film(file)
