"""The mark in a picture: keyed signs on the middle frequencies of the whole picture's DCT.

The frequencies are counted in half waves over the longer side, so the mark is scaled with the
picture. Half of them, by the key, say that there is a mark; the other half carry its payload.
Source: Cox et al. 1997, Secure Spread Spectrum Watermarking for Multimedia, section IV.

Owns: `mark_picture`, `Layout`. Does not own: the search for a mark (`picture_search`).
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy import fft

from engine.media.marking.keyed_signs import DEFAULT_KEY, keyed_signs
from engine.media.marking.payload import NUM_SYMBOLS, NUM_VALUES, Payload

LOWEST, HIGHEST = 16, 60
"""Half waves over the longer side."""
FALL = 0.5
"""The amplitude falls with this power of the frequency, as that of pictures does."""
SMALLEST_PX = 32
"""A picture with a shorter side has too few frequencies and stays unmarked."""
QUIET, LOUD = 0.7, 2.0
"""The root mean square of the mark in a flat place and the most in a busy one, in grey levels,
before it is rounded to whole ones. More than that is seen in a small picture that is enlarged."""
HIDES = 0.08
"""The levels that each level of deviation around a place hides beside those of a flat one."""
NEAR = 1 / 96
"""The size of the neighbourhood of a place, as a share of the longer side: beside an edge lies a
flat place again."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Layout:
    """The frequencies of a picture's mark. rows, columns: their places in the DCT; strength: their
    amplitudes; pilot: the signs of those that say that there is a mark, 0 elsewhere; symbol: the
    number of the symbol that the others carry; values: its patterns "value frequency"."""

    rows: np.ndarray
    columns: np.ndarray
    strength: np.ndarray
    pilot: np.ndarray
    symbol: np.ndarray
    values: np.ndarray

    def signs(self, payload: Payload) -> np.ndarray:
        """Return the sign of every frequency."""
        sent = np.array(payload.symbols())[self.symbol]
        carried = self.values[sent, np.arange(len(sent))]
        return np.where(self.pilot != 0, self.pilot, carried).astype(np.float32)

    def symbol_correlations(self, found: np.ndarray) -> np.ndarray:
        """Return how well each value of each symbol fits: "symbol value". found: an amplitude for
        each frequency."""
        each = self.values * found
        told = [each[:, (self.symbol == s) & (self.pilot == 0)].sum(1) for s in range(NUM_SYMBOLS)]
        return np.stack(told)


@lru_cache(16)
def layout(key: str, height: int, width: int) -> Layout:
    """Return the frequencies of a picture of that form."""
    longer = max(height, width)
    rows, columns = np.mgrid[: HIGHEST + 1, : HIGHEST + 1]
    tall, wide = rows * (longer / height), columns * (longer / width)
    far = np.hypot(tall, wide)
    kept = (far >= LOWEST) & (far <= HIGHEST) & (rows < height) & (columns < width)
    plane = (HIGHEST + 1, HIGHEST + 1)
    is_pilot = keyed_signs(key, "picture roles", *plane)[kept] > 0
    pilot = np.where(is_pilot, keyed_signs(key, "picture pilot", *plane)[kept], 0)
    bits = keyed_signs(key, "picture symbols", 16, *plane)[:, kept] > 0
    number = (bits * (1 << np.arange(16))[:, None]).sum(0)
    values = keyed_signs(key, "picture values", NUM_VALUES, *plane)[:, kept]
    return Layout(
        rows[kept],
        columns[kept],
        (far[kept] / LOWEST) ** -FALL,
        pilot,
        number * NUM_SYMBOLS >> 16,
        values,
    )


def mark_picture(picture: np.ndarray, payload: Payload, key: str = DEFAULT_KEY) -> np.ndarray:
    """Return a marked copy of a picture uint8 "H W 3"; one below `SMALLEST_PX` as it is."""
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST_PX:
        return picture
    plan = layout(key, height, width)
    waves = pattern(plan, plan.signs(payload), height, width)
    waves *= _levels(picture) / max(float(np.sqrt(np.square(waves).mean())), 1e-9)
    return (picture + waves[..., None]).round().clip(0, 255).astype(np.uint8)


def pattern(plan: Layout, signs: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the waves float32 "H W" of the frequencies with these signs."""
    plane = np.zeros((height, width), np.float32)
    plane[plan.rows, plan.columns] = plan.strength * signs
    return np.asarray(fft.idctn(plane, norm="ortho"))


def _levels(picture: np.ndarray) -> np.ndarray:
    """Return how strong the mark may be at each place: edges and texture hide more of it."""
    grey = picture @ LUMA
    near = max(picture.shape[:2]) * NEAR
    mean, square = (cv2.GaussianBlur(plane, (0, 0), near) for plane in (grey, grey * grey))
    busy = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.minimum(QUIET + HIDES * busy, LOUD)
