"""Pictures come in upright, opaque and square, and go out without loss."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.media import fitted, png_bytes, read_picture


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
