"""The 612 drawings of the larger world as pictures: the sheet they are packed into, their sizes and
colours.

Drawings are Fluent Emoji 3D (c) Microsoft Corporation, MIT licence; `python -m
world.image.drawings` packs the sheet from the WebP files of the npm package
@lobehub/fluent-emoji-3d. Owns: `Drawing`, `DRAWINGS`, `build_sheet`, `Drawings`. Does not own:
words for them, and scenes.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from world.concepts import SMALL

TABLE = Path(__file__).resolve().parents[2] / "assets" / "world" / "drawings.json"
SHEET = TABLE.with_name("drawings.webp")
"""The shipped sheet."""
DRAWING_PX = 128
SHEET_COLUMNS = 26
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Drawing:
    """One picture of the package. code_point names its file; kind is "nature", "food", "travel",
    "activity" or "object"."""

    name: str
    kind: str
    code_point: str


def _drawings() -> tuple[Drawing, ...]:
    """The 612 of the table, then what the smaller world has besides (faces of animals, shapes)."""
    listed = [Drawing(*row) for row in json.loads(TABLE.read_text())]
    there = {bare(d.code_point) for d in listed}
    others = [c for c in SMALL if bare(c.code_point) not in there]
    return (*listed, *(Drawing(c.name, c.kind, c.code_point) for c in others))


def bare(code_point: str) -> str:
    """The code point without the mark that asks for a coloured picture."""
    return code_point.replace("-fe0f", "")


DRAWINGS: tuple[Drawing, ...] = _drawings()


def build_sheet(package: Path, side_px: int = DRAWING_PX) -> Image.Image:
    """All drawings, trimmed, centred in squares of side_px, row by row.

    package: the folder of WebP files. Raises: ValueError where one is missing.
    """
    return packed(package, [(d.name, d.code_point) for d in DRAWINGS], SHEET_COLUMNS, side_px)


def packed(
    package: Path, pictures: Sequence[tuple[str, str]], columns: int, side_px: int
) -> Image.Image:
    """Pack pictures, each a name and a code point, as `build_sheet` does.

    Raises: ValueError where one is missing.
    """
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGBA", (columns * side_px, rows * side_px))
    for i, (name, code_point) in enumerate(pictures):
        plain = bare(code_point)
        files = [package / f"{n}.webp" for n in (code_point, plain, plain + "-fe0f")]
        file = next((f for f in files if f.exists()), None)
        if file is None:
            raise ValueError(f"{package} has no picture for {name} ({code_point})")
        with Image.open(file) as picture:
            art = picture.convert("RGBA")
        art = art.crop(art.getbbox())
        side = max(art.size)
        square = Image.new("RGBA", (side, side))
        square.paste(art, ((side - art.width) // 2, (side - art.height) // 2))
        small = square.resize((side_px, side_px), Image.Resampling.LANCZOS)
        row, column = divmod(i, columns)
        sheet.paste(small, (column * side_px, row * side_px))
    return sheet


class Drawings:
    """The drawings of a sheet in the sizes that are asked for, each made once."""

    def __init__(self, sheet: Path) -> None:
        with Image.open(sheet) as packed:
            self._sheet = packed.convert("RGBA")
        self._made: dict[tuple[int, int], np.ndarray] = {}

    @cached_property
    def _side(self) -> int:
        return self._sheet.width // SHEET_COLUMNS

    def art(self, index: int, size_px: int) -> np.ndarray:
        """A drawing uint8 "size size 5": premultiplied red, green, blue, then alpha, then how near
        a pixel is to its outline. Callers must not write to it."""
        key = (index, size_px)
        if key not in self._made:
            self._made[key] = self._art(index, size_px)
        return self._made[key]

    def _art(self, index: int, size_px: int) -> np.ndarray:
        row, column = divmod(index, SHEET_COLUMNS)
        box = (column * self._side, row * self._side)
        cut = self._sheet.crop((*box, box[0] + self._side, box[1] + self._side))
        pixels = np.asarray(cut, np.float32)
        pixels[..., :3] *= pixels[..., 3:] / 255
        planes = [
            Image.fromarray(pixels[..., i], mode="F").resize(
                (size_px, size_px), Image.Resampling.LANCZOS
            )
            for i in range(4)
        ]
        found = np.clip(np.stack([np.asarray(p) for p in planes], -1), 0, 255)
        found[..., :3] = np.minimum(found[..., :3], found[..., 3:])
        alpha = Image.fromarray((found[..., 3] + 0.5).astype(np.uint8))
        thick = np.asarray(alpha.filter(ImageFilter.MaxFilter(3)), np.float32)
        thin = np.asarray(alpha.filter(ImageFilter.MinFilter(3)), np.float32)
        made = (np.concatenate([found, (thick - thin)[..., None]], -1) + 0.5).astype(np.uint8)
        made.setflags(write=False)
        return made


def hue_matrix(degrees: float, saturation: float = 1.0, gain: float = 1.0) -> np.ndarray:
    """The matrix "3 3" that turns the hue of a colour (row vector, premultiplied or not) about the
    grey axis and keeps its luma; saturation 0 leaves grey, gain makes lighter or darker.

    A rotation about (1, 1, 1) that is sheared so that planes of equal luma stay planes.
    Source: Haeberli 1993, "Matrix Operations for Image Processing".
    """
    axis = np.ones(3) / 3**0.5
    turn = np.radians(degrees)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = np.eye(3) * np.cos(turn) + np.sin(turn) * cross
    rotation += (1 - np.cos(turn)) * np.outer(axis, axis)
    grey = np.outer(np.ones(3), LUMA)
    chroma = (np.eye(3) - grey) @ rotation @ (np.eye(3) - grey)
    return ((grey + saturation * chroma) * gain).T.astype(np.float32)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m world.image.drawings", description="Pack the sheet of all drawings."
    )
    parser.add_argument("package", type=Path, help="folder of WebP files named by code point")
    parser.add_argument("--out", type=Path, required=True, help="the sheet, a WebP file")
    arguments = parser.parse_args(argv)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    build_sheet(arguments.package).save(arguments.out, quality=90, method=4, exact=False)


if __name__ == "__main__":
    main()
