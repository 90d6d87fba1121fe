"""A parser of images that reads pixels alone: it sees neither the prompt nor the scene graph.

Analysis by synthesis. The background is the painter that explains most of the picture; objects are
the sprites that explain the rest (`evaluation.judges.sprite_search`). An object stays only if it
explains its own pixels, its inner drawing and the rim around it. Owns: `Detected`, `Parsed`,
`parse`. Does not own: the comparison with a request (`evaluation.judges.image_judge`).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from evaluation.judges.sprite_search import Placed, blurred, downsampled, propose_objects
from world.image.rendering import background_picture
from world.image.scenes import BACKGROUND_COLOURS, IMAGE_PX, PLACES, Background
from world.per_domain import per_domain

MIN_EXPLAINED, MIN_DETAIL, MAX_RIM = 0.5, 0.35, 0.4
"""Thresholds that an object must pass, see `_Fit`."""
FLAT = 0.05
"""Contrast (pixel values 0-1) of an inner drawing below which its details are not asked for."""


@dataclass(frozen=True)
class Detected:
    """One object. colour is None for things that have one look. size_px: side of the sprite's box;
    centre_px: (x, y); score: `MIN_EXPLAINED` to 1, the
    share of the error over its pixels that it removes."""

    concept: str
    colour: str | None
    size_px: int
    centre_px: tuple[float, float]
    score: float


@dataclass(frozen=True)
class Parsed:
    """The background and objects of one image, objects in the order of detection."""

    background: Background
    objects: tuple[Detected, ...]

    def count(self, concept: str) -> int:
        return sum(o.concept == concept for o in self.objects)


@dataclass(frozen=True)
class _Fit:
    """The quality of one object's fit. explained: the share of the squared error over its pixels
    that it removes. detail: the same for its inner drawing, against a flat fill, slightly blurred.
    rim: the error on a rim 1 to 3 pixels outside it as a share of its contrast."""

    explained: float
    detail: float
    rim: float

    @property
    def margin(self) -> float:
        """Return the smallest margin of the three; below 0 the object is rejected."""
        return min(self.explained - MIN_EXPLAINED, self.detail - MIN_DETAIL, MAX_RIM - self.rim)


def parse(picture: np.ndarray) -> Parsed:
    """Parse an image, uint8 "128 128 3", or of a multiple of that side, which is averaged down.

    Raises ValueError where the picture has another shape or type.

    """
    picture = judged_size(picture)
    if picture.shape != (IMAGE_PX, IMAGE_PX, 3) or picture.dtype != np.uint8:
        raise ValueError(f"the parser reads uint8 128x128x3, not {picture.dtype} {picture.shape}")
    pixels = picture.astype(np.float32) / 255
    background = read_background(pixels)
    empty = _empty_canvas(pixels, background)
    placed = _confirmed(pixels, empty, propose_objects(pixels, empty))
    objects = tuple(
        Detected(
            p.look.concept,
            p.look.colour,
            p.look.side_px,
            (p.x + p.look.side_px / 2, p.y + p.look.side_px / 2),
            fit.explained,
        )
        for p, fit in placed
    )
    return Parsed(background, objects)


def judged_size(picture: np.ndarray) -> np.ndarray:
    """Average pictures uint8 "... H H 3" of a multiple of `IMAGE_PX` down to it."""
    times, rest = divmod(picture.shape[-2], IMAGE_PX)
    if times < 2 or rest or picture.shape[-2] != picture.shape[-3] or picture.dtype != np.uint8:
        return picture
    cells = picture.reshape(*picture.shape[:-3], IMAGE_PX, times, IMAGE_PX, times, 3)
    return (cells.mean((-4, -2)) + 0.5).astype(np.uint8)


@per_domain
def _backgrounds() -> tuple[tuple[Background, ...], np.ndarray]:
    """The 86 backgrounds and their pictures at a quarter of the resolution, "86 32 32 3"."""
    names = tuple(BACKGROUND_COLOURS)
    found = [Background("plain", (n,)) for n in names]
    found += [Background("gradient", (a, b)) for a in names for b in names if a != b]
    found += [Background(p) for p in PLACES]
    small = np.stack([downsampled(background_picture(b), 4) for b in found])
    return tuple(found), small


def read_background(pixels: np.ndarray) -> Background:
    """Return the background with the least truncated error: all differences above 0.1 count alike.

    pixels: float32 "128 128 3" in [0, 1].

    """
    backgrounds, small = _backgrounds()
    error = np.abs(small - downsampled(pixels, 4)).max(-1)
    return backgrounds[int(np.minimum(error, 0.1).mean((1, 2)).argmin())]


def _empty_canvas(pixels: np.ndarray, background: Background) -> np.ndarray:
    """Return the background as this image renders it: the ideal one plus a slow drift."""
    ideal = background_picture(background)
    drift = pixels - ideal
    near = (np.abs(drift).max(-1) < 0.08).astype(np.float32)[..., None]
    weight = cv2.blur(near, (25, 25))[..., None] + 0.02
    return ideal + cv2.blur(drift * near, (25, 25)) / weight


def _confirmed(
    pixels: np.ndarray, empty: np.ndarray, found: list[Placed]
) -> list[tuple[Placed, _Fit]]:
    """Drop the weakest object until all pass with the others painted in."""
    while found:
        fits = [_fit(pixels, empty, found, i) for i in range(len(found))]
        worst = min(range(len(found)), key=lambda i: fits[i].margin)
        if fits[worst].margin >= 0:
            return list(zip(found, fits, strict=True))
        found = found[:worst] + found[worst + 1 :]
    return []


def _fit(pixels: np.ndarray, empty: np.ndarray, found: list[Placed], index: int) -> _Fit:
    """Fit object `index` with every other one painted in."""
    placed = found[index]
    art = placed.look.art
    without = empty.copy()
    for i, other in enumerate(found):
        if i != index:
            other.paint(without)
    whole = without.copy()
    placed.paint(whole)
    cover = np.zeros((IMAGE_PX, IMAGE_PX, 1), np.float32)
    cover[placed.box] = art[..., 3:]
    mass = float(cover.sum())
    contrast = float((cover * (pixels - without) ** 2).sum()) / mass + 1e-6
    error = float((cover * (pixels - whole) ** 2).sum()) / mass
    mean = art[..., :3].sum((0, 1)) / mass
    solid = (cover[..., 0] > 0.02).astype(np.uint8)
    inside = _inside(solid)
    drawing = float((blurred(inside * (whole - mean)) ** 2).sum()) / inside.sum()
    missed = float((blurred(inside * (pixels - whole)) ** 2).sum()) / inside.sum()
    wide, narrow = (cv2.dilate(solid, np.ones((side, side))) for side in (7, 3))
    rim = (wide > 0) & (narrow == 0)
    around = float(((pixels - whole) ** 2).sum(-1)[rim].mean())
    return _Fit(1 - error / contrast, 1 - missed / (drawing + 3 * FLAT**2), around / contrast)


def _inside(solid: np.ndarray) -> np.ndarray:
    """Float32 "H W 1": the shape without its outermost 3 pixels where a quarter of it is left."""
    eroded = cv2.erode(solid, np.ones((7, 7)))
    return (eroded if eroded.sum() > solid.sum() / 4 else solid).astype(np.float32)[..., None]
