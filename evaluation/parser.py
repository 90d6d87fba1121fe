"""What is in a picture, read from its pixels alone: the parser sees no prompt and no scene graph.

Analysis by synthesis. The background is the painter that explains most of the picture; then every
sprite at every place (half resolution, by FFT) is tried as an explanation of what the background
leaves over, the best one is refined at full resolution and painted in, and so on. At the end an
object stays only if it explains its own pixels, its inner drawing and the rim around it.
Owns: `Detected`, `Parsed`, `parse`. Does not own: whether that fits a wish (`evaluation.judges`).
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy import fft

from world.concepts import CONCEPTS, OBJECT_COLOURS, sprite
from world.scenes import (
    BACKGROUND_COLOURS,
    CELL_PX,
    IMAGE_PX,
    PLACES,
    SIZES,
    Background,
    background_picture,
)

SIDES_PX: tuple[int, ...] = tuple(cells * CELL_PX for cells in SIZES.values())
SEARCH_PX = IMAGE_PX // 2
MAX_OBJECTS = 8
NUM_RIVALS = 8
"""How many sprites are compared at full resolution for one place."""
REACH_PX = 10
"""Rivals stand within this distance, in pixels, of the best hypothesis."""
WORTH_A_LOOK = 0.35
"""The share of the error over its pixels that a hypothesis must remove to be considered."""
MIN_EXPLAINED, MIN_DETAIL, MAX_RIM = 0.5, 0.35, 0.4
"""What an object needs in order to count, see `_Fit`."""
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
    """Everything read from one picture, objects in the order they were found."""

    background: Background
    objects: tuple[Detected, ...]

    def count(self, concept: str) -> int:
        return sum(o.concept == concept for o in self.objects)


@dataclass(frozen=True)
class _Look:
    """A sprite that the search knows."""

    concept: str
    colour: str | None
    side_px: int

    @property
    def art(self) -> np.ndarray:
        return sprite(self.concept, self.colour, self.side_px)


@dataclass(frozen=True)
class _Bank:
    """All looks and their half-resolution spectra, conjugated: `spectra` "N 3 64 33" of the
    premultiplied colours, `covers` "M 64 33" of the coverages, `cover_of` "N" the cover of a look,
    `energy` "N" the sum of coverage times squared colour, `valid` "N 64 64" where the box is inside.
    """

    looks: tuple[_Look, ...]
    spectra: np.ndarray
    covers: np.ndarray
    cover_of: np.ndarray
    energy: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class _Placed:
    """A look with its box's top left corner in pixels."""

    look: _Look
    x: int
    y: int

    @property
    def box(self) -> tuple[slice, slice]:
        side = self.look.side_px
        return slice(self.y, self.y + side), slice(self.x, self.x + side)

    def paint(self, canvas: np.ndarray) -> None:
        art = self.look.art
        canvas[self.box] = canvas[self.box] * (1 - art[..., 3:]) + art[..., :3]


@dataclass(frozen=True)
class _Fit:
    """How well an object holds. explained: the share of the squared error over its pixels that it
    removes. detail: the same for its inner drawing, against a flat fill, slightly blurred.
    rim: the error on a rim 1 to 3 pixels outside it as a share of its contrast."""

    explained: float
    detail: float
    rim: float

    @property
    def margin(self) -> float:
        """Below 0 where one of the three is not good enough."""
        return min(self.explained - MIN_EXPLAINED, self.detail - MIN_DETAIL, MAX_RIM - self.rim)


def parse(picture: np.ndarray) -> Parsed:
    """What the picture, uint8 "128 128 3", shows.

    Raises ValueError where the picture has another shape or type.
    """
    if picture.shape != (IMAGE_PX, IMAGE_PX, 3) or picture.dtype != np.uint8:
        raise ValueError(f"the parser reads uint8 128x128x3, not {picture.dtype} {picture.shape}")
    pixels = picture.astype(np.float32) / 255
    background = read_background(pixels)
    empty = _empty_canvas(pixels, background)
    placed = _confirmed(pixels, empty, _proposed(pixels, empty))
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


@cache
def _backgrounds() -> tuple[tuple[Background, ...], np.ndarray]:
    """The 86 backgrounds and their pictures at a quarter of the resolution, "86 32 32 3"."""
    names = tuple(BACKGROUND_COLOURS)
    found = [Background("plain", (n,)) for n in names]
    found += [Background("gradient", (a, b)) for a in names for b in names if a != b]
    found += [Background(p) for p in PLACES]
    small = np.stack([_shrunk(background_picture(b), 4) for b in found])
    return tuple(found), small


def _shrunk(picture: np.ndarray, factor: int) -> np.ndarray:
    """Mean over factor x factor squares, "H W C" -> "H/f W/f C"."""
    height, width, channels = picture.shape
    return picture.reshape(height // factor, factor, width // factor, factor, channels).mean((1, 3))


def read_background(pixels: np.ndarray) -> Background:
    """The background with the least truncated error: all differences above 0.1 count alike.

    pixels: float32 "128 128 3" in [0, 1].
    """
    backgrounds, small = _backgrounds()
    error = np.abs(small - _shrunk(pixels, 4)).max(-1)
    return backgrounds[int(np.minimum(error, 0.1).mean((1, 2)).argmin())]


def _empty_canvas(pixels: np.ndarray, background: Background) -> np.ndarray:
    """The background as this picture paints it: the ideal one and the slow drift around it."""
    ideal = background_picture(background)
    drift = pixels - ideal
    near = (np.abs(drift).max(-1) < 0.08).astype(np.float32)[..., None]
    weight = cv2.blur(near, (25, 25))[..., None] + 0.02
    return ideal + cv2.blur(drift * near, (25, 25)) / weight


@cache
def _bank() -> _Bank:
    looks = tuple(
        _Look(c.name, colour, side)
        for side in SIDES_PX
        for c in CONCEPTS
        for colour in (OBJECT_COLOURS if c.colourable else (None,))
    )
    shapes = list(dict.fromkeys((look.concept, look.side_px) for look in looks))
    cover_of = np.array([shapes.index((look.concept, look.side_px)) for look in looks])
    spectra = np.zeros((len(looks), 3, SEARCH_PX, SEARCH_PX // 2 + 1), np.complex64)
    covers = np.zeros((len(shapes), SEARCH_PX, SEARCH_PX // 2 + 1), np.complex64)
    energy = np.zeros(len(looks), np.float32)
    valid = np.zeros((len(looks), SEARCH_PX, SEARCH_PX), bool)
    for i, look in enumerate(looks):
        art = _shrunk(look.art, 2)
        frame = np.zeros((4, SEARCH_PX, SEARCH_PX), np.float32)
        frame[:, : len(art), : len(art)] = art.transpose(2, 0, 1)
        transformed = np.conj(fft.rfft2(frame))
        spectra[i], covers[cover_of[i]] = transformed[:3], transformed[3]
        energy[i] = ((art[..., :3] ** 2).sum(-1) / np.maximum(art[..., 3], 1e-4)).sum()
        room = SEARCH_PX - len(art) + 1
        valid[i, :room, :room] = True
    return _Bank(looks, spectra, covers, cover_of, energy, valid)


def _correlated(spectra: np.ndarray) -> np.ndarray:
    return fft.irfft2(spectra, (SEARCH_PX, SEARCH_PX), overwrite_x=True)


def _gains(pixels: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """How much squared error each look removes at each place, "N 64 64"; -inf where it removes too
    small a share. gain = sum cover (|I - canvas|^2 - |I - colour|^2), at half resolution."""
    bank = _bank()
    image = _shrunk(pixels, 2)
    left_over = ((image - _shrunk(canvas, 2)) ** 2).sum(-1)
    planes = fft.rfft2(np.stack([*image.transpose(2, 0, 1), (image**2).sum(-1), left_over]))
    products = np.einsum("nchw,chw->nhw", bank.spectra, 2 * planes[:3])
    before = _correlated(bank.covers * planes[4])[bank.cover_of]
    products -= (bank.covers * planes[3])[bank.cover_of]
    gains = before + _correlated(products) - bank.energy[:, None, None]
    seen = bank.valid & (gains >= WORTH_A_LOOK * before) & (gains > 0.3)
    return np.where(seen, gains, -np.inf)


def _proposed(pixels: np.ndarray, empty: np.ndarray) -> list[_Placed]:
    """Objects that greedily explain the picture, the one that removes most error first."""
    canvas = empty.copy()
    found: list[_Placed] = []
    for _ in range(MAX_OBJECTS):
        gains = _gains(pixels, canvas)
        if not np.isfinite(gains.max()):
            break
        rivals = _rivals(gains)
        best = max((_refined(pixels, canvas, r) for r in rivals), key=lambda pair: pair[1])
        if best[1] <= 0:
            break
        best[0].paint(canvas)
        found.append(best[0])
    return found


def _rivals(gains: np.ndarray) -> list[_Placed]:
    """The looks with the highest gain near the highest of all, each at its best place."""
    looks = _bank().looks
    halves = np.array([look.side_px / 4 for look in looks])
    n, y, x = np.unravel_index(int(gains.argmax()), gains.shape)
    reach = REACH_PX // 2
    candidates: list[tuple[float, _Placed]] = []
    peaks = gains.max((1, 2))
    for i in np.argsort(-peaks)[:48]:
        if not np.isfinite(peaks[i]):
            break
        top = round(y + halves[n] - halves[i]) - reach
        left = round(x + halves[n] - halves[i]) - reach
        window = gains[i, max(top, 0) : top + 2 * reach + 1, max(left, 0) : left + 2 * reach + 1]
        if window.size == 0 or not np.isfinite(window.max()):
            continue
        dy, dx = np.unravel_index(int(window.argmax()), window.shape)
        place = _Placed(looks[i], 2 * (max(left, 0) + int(dx)), 2 * (max(top, 0) + int(dy)))
        candidates.append((float(window.max()), place))
    candidates.sort(key=lambda pair: -pair[0])
    return [place for _, place in candidates[:NUM_RIVALS]]


def _refined(pixels: np.ndarray, canvas: np.ndarray, start: _Placed) -> tuple[_Placed, float]:
    """The best place within 2 pixels and the squared error that the object removes there."""
    art, side = start.look.art, start.look.side_px
    best = (start, -np.inf)
    for y in range(max(start.y - 2, 0), min(start.y + 2, IMAGE_PX - side) + 1):
        for x in range(max(start.x - 2, 0), min(start.x + 2, IMAGE_PX - side) + 1):
            seen, behind = pixels[y : y + side, x : x + side], canvas[y : y + side, x : x + side]
            before = seen - behind
            after = before + behind * art[..., 3:] - art[..., :3]
            gain = float(np.vdot(before, before) - np.vdot(after, after))
            if gain > best[1]:
                best = (_Placed(start.look, x, y), gain)
    return best


def _confirmed(
    pixels: np.ndarray, empty: np.ndarray, found: list[_Placed]
) -> list[tuple[_Placed, _Fit]]:
    """The objects that hold with all others painted in; the weakest is dropped until all hold."""
    while found:
        fits = [_fit(pixels, empty, found, i) for i in range(len(found))]
        worst = min(range(len(found)), key=lambda i: fits[i].margin)
        if fits[worst].margin >= 0:
            return list(zip(found, fits, strict=True))
        found = found[:worst] + found[worst + 1 :]
    return []


def _fit(pixels: np.ndarray, empty: np.ndarray, found: list[_Placed], index: int) -> _Fit:
    """How well object `index` holds when every other one is painted in."""
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
    drawing = float((_smooth(inside * (whole - mean)) ** 2).sum()) / inside.sum()
    missed = float((_smooth(inside * (pixels - whole)) ** 2).sum()) / inside.sum()
    rim = cv2.dilate(solid, np.ones((7, 7))) > cv2.dilate(solid, np.ones((3, 3)))
    around = float(((pixels - whole) ** 2).sum(-1)[rim].mean())
    return _Fit(1 - error / contrast, 1 - missed / (drawing + 3 * FLAT**2), around / contrast)


def _inside(solid: np.ndarray) -> np.ndarray:
    """Float32 "H W 1": the shape without its outermost 3 pixels, where that leaves a quarter of it."""
    eroded = cv2.erode(solid, np.ones((7, 7)))
    return (eroded if eroded.sum() > solid.sum() / 4 else solid).astype(np.float32)[..., None]


def _smooth(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 1.5)
