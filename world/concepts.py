"""The things that exist in the world: 64 concepts, their sprites, colours, and the held-out pairs.

Sprites are Fluent Emoji (c) Microsoft Corporation, MIT licence, packed into one sheet beside their
licence. Owns: names, plurals, colours, the sprite pack, and which combinations training never sees.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image

SPRITE_SHEET = Path(__file__).resolve().parent.parent / "assets" / "world" / "sprites.webp"
SPRITE_PX = 96
SHEET_COLUMNS = 8


@dataclass(frozen=True)
class Concept:
    """One thing. code_point names the emoji; colourable things come in every colour word."""

    name: str
    code_point: str
    kind: str
    plural: str
    colourable: bool = False


def _concepts() -> tuple[Concept, ...]:
    table = {
        "animal": "dog 1f436, cat 1f431, fox 1f98a foxes, lion 1f981, horse 1f434, cow 1f42e, pig 1f437,"
        " rabbit 1f430, bear 1f43b, panda 1f43c, frog 1f438, monkey 1f435, penguin 1f427, owl 1f989,"
        " chicken 1f414, turtle 1f422, fish 1f420 fish, bee 1f41d, butterfly 1f98b butterflies,"
        " octopus 1f419 octopuses, elephant 1f418, whale 1f433",
        "food": "apple 1f34e, banana 1f34c, strawberry 1f353 strawberries, grapes 1f347 grapes,"
        " watermelon 1f349, pizza 1f355, burger 1f354, doughnut 1f369, cake 1f382",
        "vehicle": "car 1f697, bus 1f68c buses, rocket 1f680, plane 2708-fe0f, boat 26f5, train 1f682,"
        " bicycle 1f6b2, helicopter 1f681",
        "nature": "tree 1f333, sunflower 1f33b, cactus 1f335 cactuses, mushroom 1f344, sun 2600-fe0f,"
        " moon 1f319, cloud 2601-fe0f, fire 1f525",
        "instrument": "guitar 1f3b8, drum 1f941, trumpet 1f3ba, piano 1f3b9, violin 1f3bb",
        "object": "house 1f3e0, clock 23f0, bell 1f514, crown 1f451, balloon 1f388, book 1f4d5,"
        " shirt 1f455, gem 1f48e",
        "shape": "heart 2764-fe0f, circle 1f534, square 1f7e5, star 2b50",
    }
    colourable = {"heart", "circle", "square", "star", "car", "balloon", "book", "shirt", "gem"}
    found: list[Concept] = []
    for kind, row in table.items():
        for item in row.split(","):
            name, code_point, *plural = item.split()
            found.append(
                Concept(name, code_point, kind, (plural or [name + "s"])[0], name in colourable)
            )
    return tuple(found)


CONCEPTS: tuple[Concept, ...] = _concepts()
BY_NAME: dict[str, Concept] = {c.name: c for c in CONCEPTS}
CONCEPT_WORDS: dict[str, str] = {c.plural: c.name for c in CONCEPTS} | {n: n for n in BY_NAME}
"""Singular and plural -> the concept's name."""
COLOURABLE: tuple[str, ...] = tuple(c.name for c in CONCEPTS if c.colourable)

OBJECT_COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (232, 52, 58),
    "orange": (255, 134, 30),
    "yellow": (255, 208, 46),
    "green": (52, 180, 82),
    "blue": (44, 120, 236),
    "purple": (146, 78, 220),
    "pink": (255, 112, 176),
}
RELATIONS = ("above", "below", "left of", "right of")


def named_concepts(text: str) -> set[str]:
    """Return the concepts that a text names, singular or plural."""
    words = re.findall("[a-z]+", text.lower())
    return {CONCEPT_WORDS[w] for w in words if w in CONCEPT_WORDS}


def held_out(*pair: str) -> bool:
    """Return whether a pair, (colour, concept) or (concept, relation), is kept from training: one
    in eight."""
    return blake2b(("a" + "|".join(pair)).encode(), digest_size=4).digest()[0] % 8 == 5


@cache
def _sheet() -> np.ndarray:
    with Image.open(SPRITE_SHEET) as sheet:
        return np.asarray(sheet.convert("RGBA"))


@cache
def sprite(name: str, colour: str | None, size_px: int) -> np.ndarray:
    """Return the sprite of a concept, premultiplied float32 "size size 4" in [0, 1]; read-only."""
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
    rows = -(-len(CONCEPTS) // SHEET_COLUMNS)
    sheet = Image.new("RGBA", (SHEET_COLUMNS * SPRITE_PX, rows * SPRITE_PX))
    for i, concept in enumerate(CONCEPTS):
        bare = concept.code_point.removesuffix("-fe0f")
        files = [emoji_dir / f"{n}.webp" for n in (concept.code_point, bare, bare + "-fe0f")]
        file = next((f for f in files if f.exists()), None)
        if file is None:
            raise ValueError(
                f"{emoji_dir} has no picture for {concept.name} ({concept.code_point})"
            )
        with Image.open(file) as picture:
            art = picture.convert("RGBA")
        art = art.crop(art.getbbox())
        side = max(art.size)
        square = Image.new("RGBA", (side, side))
        square.paste(art, ((side - art.width) // 2, (side - art.height) // 2))
        small = square.resize((SPRITE_PX, SPRITE_PX), Image.Resampling.LANCZOS)
        row, column = divmod(i, SHEET_COLUMNS)
        sheet.paste(small, (column * SPRITE_PX, row * SPRITE_PX))
    return sheet
