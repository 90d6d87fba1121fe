"""The pictures of things, as sprites of any size.

Those of the small domain are cut out of one sheet of 96 px, those of the large one are the drawings
of `world.image.drawings`. Both are Fluent Emoji (c) Microsoft Corporation, MIT licence. Owns:
`sprite`, the sheet of the small domain. Does not own: names (`world.concepts`).
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from world.concepts import BY_NAME, CONCEPTS, OBJECT_COLOURS, SMALL, is_large
from world.image.drawings import DRAWINGS, SHEET, Drawings, bare, packed
from world.image.recolouring import colour_matrix, tinted
from world.per_domain import per_domain

SPRITE_SHEET = Path(__file__).resolve().parents[2] / "assets" / "world" / "sprites.webp"
SPRITE_PX = 96
SHEET_COLUMNS = 8
MEASURED_PX = 64
"""The size of a drawing whose colours are measured before it is tinted."""


@cache
def _sheet() -> np.ndarray:
    with Image.open(SPRITE_SHEET) as sheet:
        return np.asarray(sheet.convert("RGBA"))


@per_domain
def sprite(name: str, colour: str | None, size_px: int) -> np.ndarray:
    """Return the sprite of a concept, premultiplied float32 "size size 4" in [0, 1]; read-only."""
    if is_large():
        return _drawn(drawing_of(name), colour, size_px)
    index = CONCEPTS.index(BY_NAME[name])
    y, x = (SPRITE_PX * i for i in divmod(index, SHEET_COLUMNS))
    pixels = _sheet()[y : y + SPRITE_PX, x : x + SPRITE_PX].astype(np.float32) / 255
    if colour is not None:
        pixels = _recoloured(pixels, np.asarray(OBJECT_COLOURS[colour], np.float32) / 255)
    pixels = pixels.copy()
    pixels[..., :3] *= pixels[..., 3:]
    planes = [
        np.asarray(
            Image.fromarray(pixels[..., i], mode="F").resize(
                (size_px, size_px), Image.Resampling.LANCZOS
            )
        )
        for i in range(4)
    ]
    resized = np.clip(np.stack(planes, -1), 0, 1)
    resized.setflags(write=False)
    return resized


@cache
def _drawings() -> Drawings:
    return Drawings(SHEET)


@cache
def _places() -> dict[str, int]:
    return {bare(drawing.code_point): i for i, drawing in enumerate(DRAWINGS)}


def drawing_of(name: str) -> int:
    """Return the place in `DRAWINGS` of a concept's picture in the large domain."""
    return _places()[bare(BY_NAME[name].code_point)]


def _drawn(index: int, colour: str | None, size_px: int) -> np.ndarray:
    """Return a drawing of the large domain, natural or in a colour."""
    art = _drawings().art(index, size_px)[..., :4].astype(np.float32) / 255
    if colour is not None:
        art = tinted(art, colour_matrix(_drawings().art(index, MEASURED_PX), colour))
    art = np.ascontiguousarray(art, np.float32)
    art.setflags(write=False)
    return art


def _recoloured(pixels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Recolour saturated pixels, keeping their shading; grey pixels (wheels, pages) stay."""
    rgb, alpha = pixels[..., :3], pixels[..., 3:]
    top, bottom = rgb.max(-1, keepdims=True), rgb.min(-1, keepdims=True)
    weight = np.clip((top - bottom) / np.maximum(top, 1e-3) * 2.2 - 0.2, 0, 1)
    lightness = (top + bottom) / 2
    solid = (alpha[..., 0] > 0.9) & (weight[..., 0] > 0.6)
    middle = float(np.median(lightness[solid])) if solid.any() else 0.5
    shade = lightness / max(middle, 1e-3)
    darker = target * np.minimum(shade, 1)
    painted = darker + (1 - darker) * np.clip((shade - 1) * 0.6, 0, 1)
    return np.concatenate([rgb * (1 - weight) + painted * weight, alpha], -1)


def build_sheet(emoji_dir: Path) -> Image.Image:
    """Draw the sprite sheet from a folder of Fluent Emoji 3D WebP files named by code point.

    Raises: ValueError where a concept has no file.
    """
    return packed(emoji_dir, [(c.name, c.code_point) for c in SMALL], SHEET_COLUMNS, SPRITE_PX)
