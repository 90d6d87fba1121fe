"""The painted part of a file is the mask, in whatever way a program saves it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.cli.mask_file import read_mask

SHAPE = (32, 48, 3)
WHERE = np.zeros(SHAPE[:2], bool)
WHERE[4:20, 8:30] = True
CORNER = np.zeros(SHAPE[:2], bool)
CORNER[:10, :12] = True
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 255, SHAPE).astype(np.uint8)


def _shades(on: int, off: int, kind: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.where(WHERE, on, off).astype(kind))


def _layer(colour: tuple[int, int, int], on: int = 255, off: int = 0) -> Image.Image:
    """A layer of one colour whose alpha is another where it is painted."""
    alpha = np.where(WHERE, on, off).astype(np.uint8)
    return Image.fromarray(np.dstack([np.full(SHAPE, colour, np.uint8), alpha]))


def _erased(picture: np.ndarray, where: np.ndarray = WHERE) -> Image.Image:
    return Image.fromarray(np.dstack([picture, np.where(where, 0, 255).astype(np.uint8)]))


def _in_colour(on: tuple[int, int, int], off: tuple[int, int, int]) -> Image.Image:
    return Image.fromarray(np.where(WHERE[..., None], on, off).astype(np.uint8))


def _palette(on: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray(WHERE.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, *on])
    return picture


def _two_tones() -> Image.Image:
    """White and black strokes on a transparent layer."""
    grey = np.where(WHERE, 255, 0).astype(np.uint8)
    alpha = np.zeros(SHAPE[:2], np.uint8)
    alpha[2:26, 4:40] = 255
    return Image.fromarray(np.dstack([grey, grey, grey, alpha]))


PAINTED = {
    "white on black": _shades(255, 0),
    "one bit": _shades(255, 0).convert("1"),
    "one and zero": _shades(1, 0),
    "16 bits": _shades(65535, 0, np.uint16),
    "16 bits of one and zero": _shades(1, 0, np.uint16),
    "32 bits": _shades(65535, 0, np.int32),
    "floats": _shades(1, 0, np.float32),
    "a white layer": _layer((255, 255, 255)),
    "a black layer": _layer((0, 0, 0)),
    "a red layer": _layer((220, 20, 20)),
    "a half transparent layer": _layer((255, 0, 0), on=100),
    "erased from a photograph": _erased(PHOTO),
    "erased from black": _erased(np.zeros(SHAPE, np.uint8)),
    "erased from white": _erased(np.full(SHAPE, 255, np.uint8)),
    "black and white on a layer": _two_tones(),
    "an alpha that is nowhere": Image.merge("LA", [_shades(255, 0), Image.new("L", (48, 32), 0)]),
    "red on black": _in_colour((200, 0, 0), (0, 0, 0)),
    "red on white": _in_colour((200, 0, 0), (255, 255, 255)),
    "a palette": _palette((255, 255, 255)),
    "a palette of labels": _palette((128, 0, 0)),
    "a dark palette": _palette((40, 40, 40)),
}


@pytest.mark.parametrize("name", PAINTED)
def test_the_painted_part_is_the_mask(tmp_path: Path, name: str) -> None:
    picture = PAINTED[name]
    file = tmp_path / ("mask.tif" if picture.mode in ("F", "I") else "mask.png")
    picture.save(file)
    assert np.array_equal(read_mask(file, SHAPE), WHERE)


def test_a_corner_erased_from_a_photograph_is_the_mask(tmp_path: Path) -> None:
    _erased(PHOTO, CORNER).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png", SHAPE), CORNER)


def test_a_mask_stands_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(WHERE.astype(np.uint8) * 255).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "mask.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "mask.png", SHAPE), WHERE)


@pytest.mark.parametrize("picture", [Image.new("L", (48, 32)), Image.new("RGBA", (48, 32))])
def test_a_mask_of_nothing_is_told(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"nothing is painted in mask\.png"):
        read_mask(tmp_path / "mask.png", SHAPE)


@pytest.mark.parametrize("name", ["a white layer", "erased from black", "white on black"])
def test_to_clients_of_openai_what_is_transparent_may_change(tmp_path: Path, name: str) -> None:
    PAINTED[name].save(tmp_path / "mask.png")
    mask = read_mask((tmp_path / "mask.png").read_bytes(), SHAPE, erased=True)
    assert np.array_equal(mask, ~WHERE if "layer" in name else WHERE)
    Image.new("RGBA", (48, 32)).save(tmp_path / "all.png")
    assert read_mask((tmp_path / "all.png").read_bytes(), SHAPE, erased=True).all()


def test_a_mask_of_all_is_told(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "in.png")
    Image.new("L", (48, 32), 255).save(tmp_path / "mask.png")
    run = ["generate", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--to", "image"]
    run += ["--prompt", "a dog", "--steps", "1", "--out", str(tmp_path / "out.png")]
    run += ["--image", str(tmp_path / "in.png"), "--mask", str(tmp_path / "mask.png")]
    assert main(run) == 0
    assert "the mask covers all of the picture" in capsys.readouterr().err
    assert json.loads(Image.open(tmp_path / "out.png").info["seed"]) == 0
