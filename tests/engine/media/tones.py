"""A tone, files that hold it, and how it is known again."""

import io

import numpy as np
import pytest
import soundfile

from engine.media.audio import LOUDNESS
from model.tokenizers.whisper_encoder import SAMPLE_RATE

SECONDS, HZ = 0.8, 440.0


def tone(rate: int = SAMPLE_RATE, seconds: float = SECONDS) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * HZ * times)).astype(np.float32)


def sound_file(form: str, kind: str, rate: int = SAMPLE_RATE, channels: int = 1) -> bytes:
    """A tone as soundfile writes it."""
    buffer = io.BytesIO()
    columns = np.stack([tone(rate)] * channels, 1)
    soundfile.write(buffer, columns, rate, format=form, subtype=kind)
    return buffer.getvalue()


def is_the_tone(samples: np.ndarray) -> bool:
    """Return whether it is as long, as loud and as high as the tone when the model hears it."""
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) == pytest.approx(SECONDS * SAMPLE_RATE, abs=0.025 * SAMPLE_RATE)
    assert np.abs(samples).max() <= 1
    assert np.sqrt(np.square(samples).mean()) == pytest.approx(LOUDNESS, rel=1e-3)
    strength = np.abs(np.fft.rfft(samples))
    return bool(abs(strength.argmax() * SAMPLE_RATE / len(samples) - HZ) < 3)
