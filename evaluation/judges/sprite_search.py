"""A greedy search for the sprites that explain an image beyond its background.

Every variant of every concept is matched at every position by FFT at half resolution; the best
candidates for one place are compared at full resolution, blended as the renderer does; the winner
is painted in and the search continues. Owns: `SpriteVariant`, `Placed`, `propose_objects`. Does not
own: the acceptance of a proposal (`evaluation.judges.image_parser`). Pictures are float32 "128 128
3" in [0, 1].
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy import fft

from world.concepts import CONCEPTS, OBJECT_COLOURS, sprite
from world.image.scenes import CELL_PX, IMAGE_PX, SIZES

SIDES_PX: tuple[int, ...] = tuple(cells * CELL_PX for cells in SIZES.values())
SEARCH_PX = IMAGE_PX // 2
MAX_OBJECTS = 8
NUM_RIVALS = 8
"""The number of variants compared at full resolution for one place."""
REACH_PX = 10
"""Rivals stand within this distance, in pixels, of the best hypothesis."""
WORTH_A_LOOK = 0.35
"""The share of the error over its pixels that a hypothesis must remove to be considered."""
MIN_GAIN = 0.3
"""The squared error, summed over half-resolution pixels and channels, that it must remove."""


@dataclass(frozen=True)
class SpriteVariant:
    """A sprite that the search knows."""

    concept: str
    colour: str | None
    side_px: int

    @property
    def art(self) -> np.ndarray:
        return sprite(self.concept, self.colour, self.side_px)


@dataclass(frozen=True)
class _Bank:
    """The variants and their conjugated half-resolution spectra: `spectra` "N 3 64 33" of the
    premultiplied colours, `covers` "M 64 33" of the coverages, `cover_of` "N" the cover of a look,
    `energy` "N" the sum of coverage times squared colour, `valid` "N 64 64": the box is inside."""

    looks: tuple[SpriteVariant, ...]
    spectra: np.ndarray
    covers: np.ndarray
    cover_of: np.ndarray
    energy: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Placed:
    """A look with its box's top left corner in pixels."""

    look: SpriteVariant
    x: int
    y: int

    @property
    def box(self) -> tuple[slice, slice]:
        side = self.look.side_px
        return slice(self.y, self.y + side), slice(self.x, self.x + side)

    def paint(self, canvas: np.ndarray) -> None:
        art = self.look.art
        canvas[self.box] = canvas[self.box] * (1 - art[..., 3:]) + art[..., :3]


@cache
def _bank() -> _Bank:
    looks = tuple(
        SpriteVariant(c.name, colour, side)
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
        art = downsampled(look.art, 2)
        frame = np.zeros((4, SEARCH_PX, SEARCH_PX), np.float32)
        frame[:, : len(art), : len(art)] = art.transpose(2, 0, 1)
        transformed = np.conj(_spectra(frame))
        spectra[i], covers[cover_of[i]] = transformed[:3], transformed[3]
        energy[i] = ((art[..., :3] ** 2).sum(-1) / np.maximum(art[..., 3], 1e-4)).sum()
        room = SEARCH_PX - len(art) + 1
        valid[i, :room, :room] = True
    return _Bank(looks, spectra, covers, cover_of, energy, valid)


def _spectra(planes: np.ndarray) -> np.ndarray:
    return np.asarray(fft.rfft2(planes))


def _correlated(spectra: np.ndarray) -> np.ndarray:
    return np.asarray(fft.irfft2(spectra, (SEARCH_PX, SEARCH_PX)))


def _gains(pixels: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """Return the squared error that each variant removes at each place, "N 64 64"; -inf where the
    share is too small. gain = sum cover (|I - canvas|^2 - |I - colour|^2), at half resolution."""
    bank = _bank()
    image = downsampled(pixels, 2)
    left_over = ((image - downsampled(canvas, 2)) ** 2).sum(-1)
    planes = _spectra(np.stack([*image.transpose(2, 0, 1), (image**2).sum(-1), left_over]))
    products = np.einsum("nchw,chw->nhw", bank.spectra, 2 * planes[:3])
    before = _correlated(bank.covers * planes[4])[bank.cover_of]
    products -= (bank.covers * planes[3])[bank.cover_of]
    gains = before + _correlated(products) - bank.energy[:, None, None]
    seen = bank.valid & (gains >= WORTH_A_LOOK * before) & (gains > MIN_GAIN)
    return np.where(seen, gains, -np.inf)


def propose_objects(pixels: np.ndarray, empty: np.ndarray) -> list[Placed]:
    """Return the objects that greedily explain the image, by falling share of the error."""
    canvas = empty.copy()
    found: list[Placed] = []
    for _ in range(MAX_OBJECTS):
        gains = _gains(pixels, canvas)
        if not np.isfinite(gains.max()):
            break
        placed = [_refined(pixels, canvas, rival) for rival in _rivals(gains)]
        best = min(placed, key=lambda p: _left_over(pixels, canvas, p))
        best.paint(canvas)
        found.append(best)
    return found


def _left_over(pixels: np.ndarray, canvas: np.ndarray, placed: Placed) -> float:
    """Return the remaining squared error, slightly blurred, so that a thin line smeared by the
    tokenizer still counts."""
    painted = canvas.copy()
    placed.paint(painted)
    return float((blurred(pixels - painted) ** 2).sum())


def _rivals(gains: np.ndarray) -> list[Placed]:
    """Return the variants with the highest gains near the peak, each at its best place."""
    looks = _bank().looks
    halves = np.array([look.side_px / 4 for look in looks])
    n, y, x = np.unravel_index(int(gains.argmax()), gains.shape)
    reach = REACH_PX // 2
    candidates: list[tuple[float, Placed]] = []
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
        place = Placed(looks[i], 2 * (max(left, 0) + int(dx)), 2 * (max(top, 0) + int(dy)))
        candidates.append((float(window.max()), place))
    candidates.sort(key=lambda pair: -pair[0])
    return [place for _, place in candidates[:NUM_RIVALS]]


def _refined(pixels: np.ndarray, canvas: np.ndarray, start: Placed) -> Placed:
    """Return the place within 2 pixels where the object removes most squared error."""
    art, side = start.look.art, start.look.side_px
    best, most = start, -np.inf
    for y in range(max(start.y - 2, 0), min(start.y + 2, IMAGE_PX - side) + 1):
        for x in range(max(start.x - 2, 0), min(start.x + 2, IMAGE_PX - side) + 1):
            seen, behind = pixels[y : y + side, x : x + side], canvas[y : y + side, x : x + side]
            before = seen - behind
            after = before + behind * art[..., 3:] - art[..., :3]
            gain = float((before**2).sum() - (after**2).sum())
            if gain > most:
                best, most = Placed(start.look, x, y), gain
    return best


def downsampled(picture: np.ndarray, factor: int) -> np.ndarray:
    """Average over factor x factor squares, "H W C" -> "H/f W/f C"."""
    height, width, channels = picture.shape
    return picture.reshape(height // factor, factor, width // factor, factor, channels).mean((1, 3))


def blurred(picture: np.ndarray) -> np.ndarray:
    """Blur by a Gaussian of 1.5 pixels."""
    return cv2.GaussianBlur(picture, (0, 0), 1.5)
