"""The mark in sound: a keyed noise that is as loud, at each moment and pitch, as the sound hides.

The noise has the sound's own spectrum, 20 dB below it, and repeats every two seconds. The
search makes the sound equally loud everywhere and compares it with the noise at each of its 32 768
beginnings, so gain, cuts, resampling and coding leave it there. A second noise carries each symbol
of the payload, turned by as many steps as its value says. Source: Cox et al. 1997, Secure Spread
Spectrum Watermarking for Multimedia; the even spectrum is the phase transform of Knapp and Carter
1976.

Owns: `mark_sound`, `find_in_sound`. Does not own: files (`engine.media.audio`).
"""

import cv2
import numpy as np

from engine.media.audio import SAMPLE_RATE
from engine.media.marking.found import Found
from engine.media.marking.keyed_signs import DEFAULT_KEY, keyed_signs
from engine.media.marking.payload import NUM_SYMBOLS, NUM_VALUES, Payload, most_likely

WINDOW, HOP = 512, 128
PERIOD = 2**15
"""Samples until the noise repeats."""
TURN = PERIOD // NUM_VALUES
"""Samples between the beginnings of two values of a symbol."""
LOWEST_BIN, HIGHEST_BIN = 5, 220
"""The noise lies between 160 Hz and 6.9 kHz."""
LEVEL_DB = -20.0
"""The noise beside the sound, at each moment and pitch."""
NEAR = 1.5
"""Moments and pitches around a place that hide what is added there."""
PILOT = 0.45
"""The share of its energy that says that there is a mark; the payload has the rest."""
SHORTEST_S = 0.5
"""A shorter sound has too few samples and stays unmarked."""
LONGEST_S = 60.0
"""So much of a sound is searched."""
FLOOR = 0.0001
"""Parts below this share of the loudest one's amplitude are not made equally loud."""


def mark_sound(
    samples: np.ndarray, payload: Payload, key: str = DEFAULT_KEY, start: int = 0
) -> np.ndarray:
    """Return a marked copy of samples float32 "N" at 16 kHz; of less than `SHORTEST_S` as it is.
    start: the number of samples of the same sound that came before, so that the noise goes on."""
    if start + len(samples) < SHORTEST_S * SAMPLE_RATE:
        return samples
    pilot, symbols = _noises(key)
    sent = [np.roll(symbols[i], TURN * value) for i, value in enumerate(payload.symbols())]
    noise = np.sqrt(PILOT) * pilot + np.sqrt((1 - PILOT) / NUM_SYMBOLS) * np.sum(sent, axis=0)
    noise = np.resize(np.roll(noise, -start), len(samples))
    shaped = _spectrum(noise) * _near(_spectrum(samples)) / _near_level()
    added = 10 ** (LEVEL_DB / 20) * _samples(shaped, len(samples))
    return (samples + added).clip(-1, 1).astype(np.float32)


def find_in_sound(samples: np.ndarray, key: str = DEFAULT_KEY) -> Found:
    """Return what is found in samples float32 "N" at 16 kHz, wherever they were cut."""
    samples = samples[: round(LONGEST_S * SAMPLE_RATE)]
    if len(samples) < WINDOW:
        return Found(0.0, 0)
    spectrum = _spectrum(samples)
    near = _near(spectrum)
    even = np.where(near > 0, spectrum / (near + FLOOR * near.max() + 1e-9), 0)
    even = _samples(even, len(samples))
    folded = np.pad(even, (0, -len(even) % PERIOD)).reshape(-1, PERIOD).sum(0)
    pilot, symbols = _noises(key)
    seen = np.fft.rfft(folded)
    norm = max(float(np.linalg.norm(folded)), 1e-9)
    fits = np.fft.irfft(seen * np.fft.rfft(pilot).conj(), PERIOD) / norm
    start = int(fits.argmax())
    turned = np.fft.rfft(np.roll(folded, -start))
    told = [np.fft.irfft(turned * np.fft.rfft(one).conj(), PERIOD)[::TURN] for one in symbols]
    return Found(float(fits[start]), PERIOD, most_likely(np.stack(told)))


def _noises(key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the signs of the pilot, and those of each symbol."""
    both = keyed_signs(key, "sound", 1 + NUM_SYMBOLS, PERIOD).astype(np.float32)
    return both[0], both[1:]


def _near(spectrum: np.ndarray) -> np.ndarray:
    """Return the amplitude around each moment and pitch of a short-time spectrum, 0 beyond the
    pitches of the noise."""
    power = cv2.GaussianBlur(np.square(np.abs(spectrum)).astype(np.float32), (0, 0), NEAR)
    power[:, :LOWEST_BIN] = power[:, HIGHEST_BIN:] = 0
    return np.sqrt(power)


def _near_level() -> float:
    """Return the amplitude of a noise of signs in a bin of the spectrum."""
    return float(np.sqrt(np.square(_window()).sum()))


def _window() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def _spectrum(samples: np.ndarray) -> np.ndarray:
    """Return the short-time spectrum "frame bin" of samples with half a window before and after."""
    padded = np.pad(samples.astype(np.float32), WINDOW // 2)
    padded = np.pad(padded, (0, -(len(padded) - WINDOW) % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.fft.rfft(frames * _window(), axis=1)


def _samples(spectrum: np.ndarray, num_samples: int) -> np.ndarray:
    """Return the samples of a short-time spectrum, the inverse of `_spectrum`."""
    frames = np.fft.irfft(spectrum, WINDOW, axis=1) * _window()
    joined = np.zeros((len(frames) - 1) * HOP + WINDOW)
    weight = np.zeros_like(joined)
    square = np.square(_window())
    for i, frame in enumerate(frames):
        joined[i * HOP : i * HOP + WINDOW] += frame
        weight[i * HOP : i * HOP + WINDOW] += square
    return (joined / np.maximum(weight, 1e-3))[WINDOW // 2 :][:num_samples]
