"""Drawings in other colours: a matrix for each of them and each colour word.

Owns: `TARGETS`, `COLOURS`, `colour_matrix`, `colour_matrices`. Does not own: the drawings
(`world.image.drawings`).
"""

import numpy as np

from world.image.drawings import DRAWINGS, LUMA, Drawings, hue_matrix

TARGETS = {
    "red": (225, 45, 50), "orange": (245, 140, 30), "yellow": (250, 212, 40),
    "green": (60, 170, 75), "blue": (55, 115, 235), "purple": (145, 80, 205),
    "pink": (250, 145, 190), "brown": (140, 92, 60), "black": (45, 45, 52),
    "white": (248, 248, 250), "grey": (150, 152, 158),
}  # fmt: skip
"""The middle colour of a drawing in each colour, red, green, blue from 0 to 255."""
COLOURS = ("natural", *TARGETS)
UNCOLOURED = ("black", "white", "grey", "brown")
"""Colours in which a drawing keeps no hue of its own."""
MOST_SPREAD = 0.16
"""The largest standard deviation of luma that a recoloured drawing has."""


def colour_matrix(art: np.ndarray, colour: str) -> np.ndarray:
    """The matrix "3 4" of red, green, blue and alpha that gives a drawing uint8 "h w 4+",
    premultiplied, the middle colour of `TARGETS`.

    A drawing with a hue of its own is partly turned to the asked one; the rest, and all of one that
    is to have no hue, keeps its light and dark.
    """
    return _matrix(*_middle(art), colour)


def colour_matrices(drawings: Drawings) -> np.ndarray:
    """The matrices float32 "N C 3 4" of all drawings in `COLOURS`; "natural" changes nothing."""
    table = np.zeros((len(DRAWINGS), len(COLOURS), 3, 4), np.float32)
    table[:, 0, :, :3] = np.eye(3)
    for i in range(len(DRAWINGS)):
        middle, spread = _middle(drawings.art(i, 64))
        table[i, 1:] = [_matrix(middle, spread, colour) for colour in COLOURS[1:]]
    return table


def _middle(art: np.ndarray) -> tuple[np.ndarray, float]:
    """The mean colour of a drawing, "3" in [0, 1], and the standard deviation of its luma."""
    pixels = art[..., :4].astype(np.float32) / 255
    mass = pixels[..., 3].sum()
    middle = pixels[..., :3].sum((0, 1)) / mass
    light = pixels[..., :3] @ LUMA - (middle @ LUMA) * pixels[..., 3]
    return middle, float(np.sqrt((light**2).sum() / mass))


def _matrix(middle: np.ndarray, spread: float, colour: str) -> np.ndarray:
    gain = min(1.0, MOST_SPREAD / (spread + 1e-3))
    target = np.asarray(TARGETS[colour], np.float32) / 255
    flat = np.outer(target / max(float(target @ LUMA), 0.05), LUMA) * gain
    turned = hue_matrix(_angle(target) - _angle(middle), 0.9, gain).T
    hue = 0.0 if colour in UNCOLOURED else min(2 * float(np.ptp(middle)), 0.5)
    matrix = hue * turned + (1 - hue) * flat
    return np.concatenate([matrix, (target - matrix @ middle)[:, None]], 1).astype(np.float32)


def tinted(art: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Art float32 "h w 4", premultiplied, 0 to 1, whose colours are a matrix "3 4" times it."""
    colours = np.clip(art @ matrix.T, 0, art[..., 3:])
    return np.concatenate([colours, art[..., 3:]], -1)


def _angle(colour: np.ndarray) -> float:
    x = colour[0] - (colour[1] + colour[2]) / 2
    y = (colour[1] - colour[2]) * 3**0.5 / 2
    return float(np.degrees(np.arctan2(y, x)))
