"""The search for a mark in a picture or the frames of a film: over scales and over places.

The whole picture is tried first, then every square that it may show in a screenshot or that it may
have been cut from. At each scale the correlation with the keyed waves is computed for all places at
once. Owns: `find_in_frames`. Does not own: the mark (`picture_mark`).
"""

from dataclasses import replace

import cv2
import numpy as np
from scipy import fft

from engine.media.marking.found import Found
from engine.media.marking.keyed_signs import DEFAULT_KEY
from engine.media.marking.payload import most_likely
from engine.media.marking.picture_mark import LUMA, SMALLEST_PX, Layout, layout, pattern

CELLS = 128
"""Pictures are compared at so many cells on their longer side."""
MOST_CELLS = 1024
"""A screenshot is searched for pictures of an eighth of its longer side and more."""
LARGEST_CROP = 1.3
"""A cut picture is searched for originals so many times its longer side."""
SCALE_STEP = 0.02
FINE_STEPS = (-0.67, -0.33, 0.33, 0.67)
NUM_REFINED = 3
SHIFT_CELLS = 12
"""A cut picture is searched so far beyond its edges."""
FLOOR, CLIP = 0.7, 2.5
"""The deviation in grey levels below which a place counts as flat; the largest value of a place."""
MOST_FRAMES = 16


def find_in_frames(frames: np.ndarray, key: str = DEFAULT_KEY, *, thorough: bool = True) -> Found:
    """Return what is found in frames uint8 "N H W 3" of one picture or film. thorough: search all
    scales and places where the whole picture has no mark."""
    longer = max(frames.shape[1:3])
    if min(frames.shape[1:3]) < SMALLEST_PX // 2:
        return Found(0.0, 0)
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int)
    grey = [(frame @ LUMA).astype(np.float32) for frame in frames[np.unique(chosen)]]
    whole = _of_whole(grey, key)
    if whole.marked or not thorough:
        return whole
    count = int(np.log(MOST_CELLS / CELLS * LARGEST_CROP) / SCALE_STEP)
    sides = longer * LARGEST_CROP * np.exp(-SCALE_STEP * np.arange(count))
    sides = sides[sides >= SMALLEST_PX]
    tried = [_of_squares(grey, side, key) for side in sides]
    best = sorted(range(len(tried)), key=lambda i: -tried[i].statistic)[:NUM_REFINED]
    for side in sides[best]:
        tried += [_of_squares(grey, side * np.exp(f * SCALE_STEP), key) for f in FINE_STEPS]
    if not tried:
        return whole
    found = max(tried, key=lambda one: one.statistic)
    return replace(found, num_tests=sum(one.num_tests for one in tried))


def residual(grey: np.ndarray, times: float) -> np.ndarray:
    """Return a grey picture float32 "H W" at a scale without its coarse forms, every place equally
    strong."""
    height, width = (max(1, round(side * times)) for side in grey.shape)
    how = cv2.INTER_AREA if times < 1 else cv2.INTER_CUBIC
    small = cv2.resize(grey, (width, height), interpolation=how)
    detail = cv2.GaussianBlur(small, (0, 0), 0.6) - cv2.GaussianBlur(small, (0, 0), 3.0)
    power = cv2.GaussianBlur(detail * detail, (0, 0), 2.0)
    return np.clip(detail / np.sqrt(power + FLOOR**2), -CLIP, CLIP)


def _mean_residual(grey: list[np.ndarray], times: float) -> np.ndarray:
    return np.mean([residual(frame, times) for frame in grey], axis=0)


def _of_whole(grey: list[np.ndarray], key: str) -> Found:
    seen = _mean_residual(grey, CELLS / max(grey[0].shape))
    return _measured(seen, layout(key, *seen.shape), 1)


def _of_squares(grey: list[np.ndarray], side_px: float, key: str) -> Found:
    """Return the best of all squares of a size, at every place; beyond the edges nothing is."""
    seen = _mean_residual(grey, CELLS / side_px)
    plan = layout(key, CELLS, CELLS)
    margins = [(max(0, CELLS - side) + SHIFT_CELLS,) * 2 for side in seen.shape]
    canvas = np.pad(seen, margins)
    shape = [int(fft.next_fast_len(side, real=True) or side) for side in canvas.shape]
    waves = pattern(plan, plan.pilot, CELLS, CELLS)
    spectrum = np.fft.rfft2(canvas, shape) * np.fft.rfft2(waves, shape).conj()
    height, width = (side - CELLS + 1 for side in canvas.shape)
    fits = np.fft.irfft2(spectrum, shape)[:height, :width]
    power = cv2.boxFilter(canvas * canvas, -1, (CELLS, CELLS), anchor=(0, 0), normalize=False)
    score = fits / np.sqrt(np.maximum(power[:height, :width], 1.0))
    y, x = np.unravel_index(score.argmax(), score.shape)
    return _measured(canvas[y : y + CELLS, x : x + CELLS], plan, score.size)


def _measured(seen: np.ndarray, plan: Layout, num_tests: int) -> Found:
    amplitudes = np.asarray(fft.dctn(seen, norm="ortho"))[plan.rows, plan.columns]
    pilots = amplitudes[plan.pilot != 0]
    norm = max(float(np.linalg.norm(pilots)), 1e-9)
    statistic = float((plan.pilot * amplitudes).sum()) / norm
    return Found(statistic, num_tests, most_likely(plan.symbol_correlations(amplitudes)))
