"""A greedy search for the sprites that explain an image beyond its background.

Every variant of every concept is matched at every position by FFT at a lower resolution; the best
candidates for one place are compared at full resolution, blended as the renderer does; the winner
is painted in and the search continues. Owns: `SpriteVariant`, `Placed`, `propose_objects`. Does not
own: the acceptance of a proposal (`evaluation.judges.image_parser`). Pictures are float32 "128 128
3" in [0, 1].
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import fft

from world.concepts import COLOURABLE, CONCEPTS, OBJECT_COLOURS, Concept, is_large
from world.image.scenes import CELL_PX, IMAGE_PX, SIZES
from world.image.sprites import sprite
from world.per_domain import per_domain

SIDES_PX: tuple[int, ...] = tuple(cells * CELL_PX for cells in SIZES.values())
MAX_OBJECTS = 8
FINE, COARSE = (2, 48, 8), (4, 256, 32)
"""The search among the few sprites of the small domain, and among the many of the large one: pixels
along the side of a searched one, variants with a high peak that are looked at, and those that are
compared at full resolution for one place."""
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
    """The variants and their conjugated spectra at a lower resolution of S pixels a side: `spectra`
    "N 3 S S/2+1" of the premultiplied colours, `covers` "M S S/2+1" of the coverages, `cover_of`
    "N" the cover of a look, `energy` "N" the sum of coverage times squared colour, `room` "N": a
    box that begins there or further is not inside. `factor`, `peaks`, `rivals`: see `FINE`."""

    factor: int
    peaks: int
    rivals: int

    looks: tuple[SpriteVariant, ...]
    spectra: np.ndarray
    covers: np.ndarray
    cover_of: np.ndarray
    energy: np.ndarray
    room: np.ndarray


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


@per_domain
def _bank() -> _Bank:
    looks = tuple(
        SpriteVariant(c.name, colour, side)
        for side in SIDES_PX
        for c in CONCEPTS
        for colour in _colours(c)
    )
    shapes: dict[tuple[str, int], int] = {}
    cover_of = np.array(
        [shapes.setdefault((look.concept, look.side_px), len(shapes)) for look in looks]
    )
    factor, peaks, rivals = COARSE if is_large() else FINE
    side = IMAGE_PX // factor
    spectra = np.zeros((len(looks), 3, side, side // 2 + 1), np.complex64)
    covers = np.zeros((len(shapes), side, side // 2 + 1), np.complex64)
    energy = np.zeros(len(looks), np.float32)
    room = np.zeros(len(looks), np.int64)
    for i, look in enumerate(looks):
        art = downsampled(look.art, factor)
        frame = np.zeros((4, side, side), np.float32)
        frame[:, : len(art), : len(art)] = art.transpose(2, 0, 1)
        transformed = np.conj(_spectra(frame))
        spectra[i], covers[cover_of[i]] = transformed[:3], transformed[3]
        energy[i] = ((art[..., :3] ** 2).sum(-1) / np.maximum(art[..., 3], 1e-4)).sum()
        room[i] = side - len(art) + 1
    return _Bank(factor, peaks, rivals, looks, spectra, covers, cover_of, energy, room)


def _colours(concept: Concept) -> tuple[str | None, ...]:
    """Return the colours in which a concept is seen, None where it is natural."""
    coloured = tuple(OBJECT_COLOURS) if concept.name in COLOURABLE else ()
    return coloured if concept.colourable else (None, *coloured)


def _spectra(planes: np.ndarray) -> np.ndarray:
    return np.asarray(fft.rfft2(planes))


def _correlated(spectra: np.ndarray) -> np.ndarray:
    side = spectra.shape[-2]
    return np.asarray(fft.irfft2(spectra, (side, side)))


def _gains(pixels: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """Return the squared error that each variant removes at each place, "N S S", in pixels of half
    the resolution; -inf where the share is too small, or the box is not inside. gain = sum cover
    (|I - canvas|^2 - |I - colour|^2)."""
    bank = _bank()
    image = downsampled(pixels, bank.factor)
    left_over = ((image - downsampled(canvas, bank.factor)) ** 2).sum(-1)
    planes = _spectra(np.stack([*image.transpose(2, 0, 1), (image**2).sum(-1), left_over]))
    products = np.einsum("nchw,chw->nhw", bank.spectra, 2 * planes[:3])
    before = _correlated(bank.covers * planes[4])[bank.cover_of]
    products -= (bank.covers * planes[3])[bank.cover_of]
    gains = before + _correlated(products) - bank.energy[:, None, None]
    gains *= (bank.factor / 2) ** 2
    before = before * (WORTH_A_LOOK * (bank.factor / 2) ** 2)
    places = np.arange(gains.shape[-1])
    inside = places < bank.room[:, None]
    seen = (gains >= before) & (gains > MIN_GAIN) & inside[:, None] & inside[:, :, None]
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
    bank = _bank()
    looks, factor = bank.looks, bank.factor
    halves = np.array([look.side_px / 2 / factor for look in looks])
    n, y, x = np.unravel_index(int(gains.argmax()), gains.shape)
    reach = REACH_PX // factor
    candidates: list[tuple[float, Placed]] = []
    peaks = gains.max((1, 2))
    for i in np.argsort(-peaks)[: bank.peaks]:
        if not np.isfinite(peaks[i]):
            break
        top = round(y + halves[n] - halves[i]) - reach
        left = round(x + halves[n] - halves[i]) - reach
        window = gains[i, max(top, 0) : top + 2 * reach + 1, max(left, 0) : left + 2 * reach + 1]
        if window.size == 0 or not np.isfinite(window.max()):
            continue
        dy, dx = np.unravel_index(int(window.argmax()), window.shape)
        at = (max(left, 0) + int(dx), max(top, 0) + int(dy))
        place = Placed(looks[i], factor * at[0], factor * at[1])
        candidates.append((float(window.max()), place))
    candidates.sort(key=lambda pair: -pair[0])
    return [place for _, place in candidates[: bank.rivals]]


def _refined(pixels: np.ndarray, canvas: np.ndarray, start: Placed) -> Placed:
    """Return the place within a searched pixel where the object removes most squared error."""
    art, side, reach = start.look.art, start.look.side_px, _bank().factor
    best, most = start, -np.inf
    for y in range(max(start.y - reach, 0), min(start.y + reach, IMAGE_PX - side) + 1):
        for x in range(max(start.x - reach, 0), min(start.x + reach, IMAGE_PX - side) + 1):
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
