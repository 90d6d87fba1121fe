"""Pictures come in upright, opaque and square, and go out without loss; a file keeps its note."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.films import gif_bytes
from engine.media import fitted, mp4_bytes, note_in, png_bytes, read_picture, webp_bytes


def _bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = read_picture(_bytes(Image.new(mode, (7, 5)), "PNG"))
    assert picture.shape == (5, 7, 3)
    assert picture.dtype == np.uint8


def test_transparency_is_white() -> None:
    assert read_picture(_bytes(Image.new("RGBA", (2, 2), (9, 9, 9, 0)), "PNG")).min() == 255


def test_orientation_is_applied() -> None:
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    assert read_picture(_bytes(image, "JPEG", exif=exif)).shape == (6, 4, 3)


def test_fitted_is_the_middle_square() -> None:
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 255
    assert fitted(picture, 10).min() == 255
    assert fitted(picture, 128).shape == (128, 128, 3)


def test_png_keeps_pixels_and_notes() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    found = png_bytes(picture, {"prompt": "ein süßer Hund 🐶", "seed": "7"})
    assert np.array_equal(read_picture(found), picture)
    with Image.open(BytesIO(found)) as image:
        assert image.info["prompt"] == "ein süßer Hund 🐶"
    assert found == png_bytes(picture, {"prompt": "ein süßer Hund 🐶", "seed": "7"})


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the upload is not a picture"):
        read_picture(b"")
    with pytest.raises(ValueError, match="there is no file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ValueError, match="is not a picture"):
        read_picture(tmp_path)


FRAMES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
WRITERS: dict[str, Callable[[str], bytes]] = {
    ".png": lambda note: png_bytes(FRAMES[0], {"settings": note} if note else {}),
    ".webp": lambda note: webp_bytes(FRAMES, [80] * 3, note),
    ".gif": lambda note: gif_bytes(FRAMES, [80] * 3, note),
    ".mp4": lambda note: mp4_bytes(FRAMES, 4, note),
}


@pytest.mark.parametrize("prompt", ["", "ein süßer Hund 🐶", "long, " * 600])
@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_keeps_its_note(suffix: str, prompt: str, tmp_path: Path) -> None:
    note = json.dumps({"prompt": prompt, "seed": 7})
    file = tmp_path / f"run{suffix}"
    file.write_bytes(WRITERS[suffix](note))
    assert note_in(file) == note


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_without_a_note_has_none(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"run{suffix}"
    file.write_bytes(WRITERS[suffix](""))
    assert not note_in(file)


def test_a_gif_has_a_note_in_any_alphabet(tmp_path: Path) -> None:
    file = tmp_path / "run.gif"
    file.write_bytes(gif_bytes(FRAMES, [80] * 3, "ein süßer Hund 🐶"))
    assert note_in(file) == "ein süßer Hund 🐶"
    Image.new("P", (4, 4)).save(file, comment="süß".encode("latin-1"))
    assert note_in(file) == "s\ufffd\ufffd"


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_broken_file_has_no_note_and_says_so(suffix: str, tmp_path: Path) -> None:
    """A list of files too, which would lead to another."""
    (tmp_path / "another.mp4").write_bytes(WRITERS[".mp4"]("secret"))
    for content in ("", "hello", "ffconcat version 1.0\nfile another.mp4\n"):
        file = tmp_path / f"run{suffix}"
        file.write_text(content)
        with pytest.raises(ValueError, match=f"run{suffix} cannot be read: use a PNG, WebP, GIF"):
            note_in(file)


@pytest.mark.parametrize(("width", "height"), [(15, 16), (16, 15)])
def test_an_mp4_file_has_even_sides(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"needs even sides, not {width} x {height} pixels"):
        mp4_bytes(np.zeros((2, height, width, 3), np.uint8), 4, "")
