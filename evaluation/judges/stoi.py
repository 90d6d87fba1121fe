"""How intelligible speech still is after something was done to it: short-time objective
intelligibility, from two recordings of the same words that lie one upon the other.

Source: Taal, Hendriks, Heusdens and Jensen 2011, "An Algorithm for Intelligibility Prediction of
Time-Frequency Weighted Noisy Speech", IEEE Transactions on Audio, Speech, and Language Processing
19(7), Section II.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import resample_poly

from model.tokenizers.whisper_encoder import SAMPLE_RATE

RATE = 10_000
FRAME, HOP, SPECTRUM = 256, 128, 512
"""Samples of a frame, half of which overlap, and of its transform."""
NUM_BANDS, LOWEST_HZ = 15, 150.0
"""Bands a third of an octave wide, and the centre of the lowest."""
SEGMENT = 30
"""Frames that are compared at once: 384 ms."""
SILENCE_DB, WORST_DB = -40.0, -15.0
"""Frames so far below the loudest are left out; no band counts as more distorted than that."""


def stoi(clean: np.ndarray, other: np.ndarray) -> float:
    """The mean correlation of the two envelopes in each band and each `SEGMENT`; 1 is identical.

    clean, other: float "N" at `SAMPLE_RATE`, of one length. Raises: ValueError where less than
    0.4 s of the clean one is not silent.
    """
    x, y = (resample_poly(s.astype(np.float64), RATE, SAMPLE_RATE) for s in (clean, other))
    x, y = (_bands(s) for s in _without_silence(x, y))
    if x.shape[1] < SEGMENT:
        raise ValueError(f"STOI needs 0.4 s of speech, not {x.shape[1] * HOP / RATE:.2f} s")
    x, y = (sliding_window_view(s, SEGMENT, axis=1) for s in (x, y))
    y = y * (_norm(x) / _norm(y))
    y = np.minimum(y, x * (1 + 10 ** (-WORST_DB / 20)))
    x, y = (s - s.mean(-1, keepdims=True) for s in (x, y))
    return float((x * y / (_norm(x) * _norm(y))).sum(-1).mean())


def _norm(segments: np.ndarray) -> np.ndarray:
    return np.linalg.norm(segments, axis=-1, keepdims=True) + np.finfo(float).eps


def _window() -> np.ndarray:
    """Hann's, without the zeros at its ends."""
    return np.hanning(FRAME + 2)[1:-1]


def _frames(samples: np.ndarray) -> np.ndarray:
    """ "T 256", windowed."""
    padded = np.pad(samples, (0, max(FRAME - len(samples), 0)))
    return sliding_window_view(padded, FRAME)[::HOP] * _window()


def _without_silence(clean: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both without the frames in which the clean one is silent, the others joined again."""
    frames = _frames(clean)
    energy_db = 20 * np.log10(np.linalg.norm(frames, axis=1) + np.finfo(float).eps)
    kept = energy_db > energy_db.max() + SILENCE_DB
    return _joined(frames[kept]), _joined(_frames(other)[kept])


def _joined(frames: np.ndarray) -> np.ndarray:
    """Frames added where they overlap."""
    samples = np.zeros((len(frames) + 1) * HOP)
    for i, frame in enumerate(frames):
        samples[i * HOP : i * HOP + FRAME] += frame
    return samples


def _bands(samples: np.ndarray) -> np.ndarray:
    """The magnitude of each band in each frame, "15 T"."""
    power = np.abs(np.fft.rfft(_frames(samples), SPECTRUM)) ** 2
    centres = LOWEST_HZ * 2 ** (np.arange(NUM_BANDS) / 3)
    bins = SPECTRUM / RATE
    low = np.round(centres * 2 ** (-1 / 6) * bins).astype(int)
    high = np.round(centres * 2 ** (1 / 6) * bins).astype(int)
    return np.sqrt(np.stack([power[:, a:b].sum(1) for a, b in zip(low, high, strict=True)]))
