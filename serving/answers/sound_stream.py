"""A sound as a file that is written while the sound is made.

OpenAI's `pcm` is raw 16-bit samples at 24 kHz; a WAV that streams does not say how long it is.
Owns: `SoundStream`, `SOUND_TYPES`. Does not own: whole files (`engine.media.audio`).
"""

from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream

from engine.media.audio import SAMPLE_RATE
from engine.media.marking.marker import UNMARKED, Marker

SOUND_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Format -> media type."""
CODECS = {
    "mp3": ("mp3", "libmp3lame", 24_000),
    "opus": ("ogg", "libopus", 48_000),
    "aac": ("adts", "aac", 24_000),
    "flac": ("flac", "flac", SAMPLE_RATE),
    "wav": ("wav", "pcm_s16le", SAMPLE_RATE),
    "pcm": ("s16le", "pcm_s16le", 24_000),
}
"""Format -> container, codec, rate in Hz."""


class SoundStream:
    """A file in one format of `SOUND_TYPES`, marked while it is written. settings: of the run that
    says it. Raises: KeyError where there is no such format."""

    def __init__(
        self, kind: str, marker: Marker = UNMARKED, settings: Mapping[str, object] | None = None
    ) -> None:
        self._marker, self._settings = marker, settings or {}
        container, codec, rate_hz = CODECS[kind]
        self._sink = _Sink()
        self._file = av.open(self._sink, "w", format=container)
        stream = self._file.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._samples = 0

    def add(self, samples: np.ndarray) -> bytes:
        """Return the bytes that follow, which may be none yet. samples: float32 "N" at 16 kHz."""
        samples = self._marker.sound(samples, self._settings, self._samples)
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._samples += len(samples)
        self._file.mux(self._stream.encode(frame))
        return self._sink.taken()

    def finish(self) -> bytes:
        """Return the last bytes."""
        self._file.mux(self._stream.encode(None))
        self._file.close()
        return self._sink.taken()


class _Sink:
    """A file that cannot go back, emptied as it is written."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, content: bytes) -> int:
        self._content += content
        return len(content)

    def taken(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content
