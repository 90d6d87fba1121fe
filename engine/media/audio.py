"""Sound files to samples and back: the only place that opens sound.

Samples are float32 "N" at 16 kHz, one channel, in [-1, 1]. Whatever cannot be read or heard is a
ValueError with one sentence. Owns: reading, writing, loudness, and where a long recording is cut.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from model.tokenizers.whisper_encoder import SAMPLE_RATE

LONGEST_S, SHORTEST_S = 600.0, 0.2
SILENCE_DB = -55.0
LOUDNESS = 0.06
"""The root mean square of audio input, as in training."""
FRAME_S = 0.05
QUIET = 10 ** (SILENCE_DB / 20)
CANCELLED = 0.5
"""Channels whose mean has less than this share of what unrelated ones would have cancel out."""
MAX_TRACKS = 8
KNOWN = {
    "format_whitelist": "wav,mp3,ogg,flac,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aac,aiff,asf,avi"
}
"""Containers that are opened: no play lists, which name other files, and no streams."""
EARLIEST_CUT = 0.5
"""The earliest cut, as a share of the longest piece."""


def read_sound(source: Path | str | bytes) -> np.ndarray:
    """The sound of a file or of its bytes (WAV, MP3, WebM, Ogg, FLAC, M4A .., or a film's), at one
    loudness.

    Raises: ValueError where there is no such file, it has no sound that can be read, it is silent,
    or it is shorter than 0.2 s or longer than ten minutes.
    """
    name = "the recording" if isinstance(source, bytes) else Path(source).name
    samples = _decoded(source, name)
    if len(samples) < SHORTEST_S * SAMPLE_RATE:
        raise ValueError(f"{name} is shorter than {SHORTEST_S:g} s: record a little longer")
    return audible(samples, name)


def decoded_sound(content: bytes) -> np.ndarray:
    """The sound in a file's bytes at one loudness, however short; one that is silent stays so.

    Raises: ValueError where there is none, or more than ten minutes.
    """
    samples = _decoded(content, "the recording")
    return samples if _loudness(samples) < QUIET else audible(samples)


def audible(samples: np.ndarray, name: str = "the recording") -> np.ndarray:
    """The samples at the loudness of training.

    Raises: ValueError where they are silent.
    """
    loud = _loudness(samples)
    if loud < QUIET:
        raise ValueError(f"nothing can be heard in {name}: is the microphone on?")
    steady = samples - samples.mean()
    return np.clip(steady * (LOUDNESS / loud), -1, 1).astype(np.float32)


def _loudness(samples: np.ndarray) -> float:
    """The root mean square beside a constant offset."""
    return float(samples.std()) if len(samples) else 0.0


def _decoded(source: Path | str | bytes, name: str) -> np.ndarray:
    """The first track that holds sound, or the first one."""
    refuse_unreadable(source)
    first, tracks = _track(source, name, 0)
    others = range(1, min(tracks, MAX_TRACKS)) if _loudness(first) < QUIET else ()
    for number in others:
        other, _ = _track(source, name, number)
        if _loudness(other) >= QUIET:
            return other
    return first


def refuse_unreadable(source: Path | str | bytes) -> None:
    """Nothing, where the bytes of a source can be read. Raises: ValueError where it is no file, or
    may not be opened."""
    if isinstance(source, bytes):
        return
    file = Path(source)
    if not file.exists():
        raise ValueError(f"there is no file {source}: check the path")
    if not file.is_file():
        raise ValueError(f"{file.name} is no file: a folder, a pipe or a device is not read")
    try:
        file.open("rb").close()
    except OSError as error:
        why = (error.strerror or "it is broken").lower()
        raise ValueError(f"{file.name} cannot be read: {why}") from error


def _track(source: Path | str | bytes, name: str, number: int) -> tuple[np.ndarray, int]:
    """One track of a file, in [-1, 1], and how many there are."""
    import av
    from av.error import FFmpegError

    # A name with a colon or a dash at its front is no address and no option.
    file = BytesIO(source) if isinstance(source, bytes) else str(Path(source).absolute())
    runs: list[list[np.ndarray]] = [[]]
    total = 0
    try:
        with av.open(file, "r", metadata_errors="replace", options=KNOWN) as opened:
            tracks = len(opened.streams.audio)
            if not tracks:
                raise ValueError(f"{name} has no sound: choose a recording")
            for piece in _resampled(opened.decode(audio=number)):
                if runs[-1] and len(runs[-1][0]) != len(piece):
                    runs.append([])
                runs[-1].append(piece)
                total += piece.shape[1]
                if total > LONGEST_S * SAMPLE_RATE:
                    raise ValueError(
                        f"{name} is longer than {LONGEST_S / 60:g} minutes: please cut it"
                    )
    except (FFmpegError, OSError, IndexError) as error:
        raise ValueError(
            f"{name} is not a sound that can be read: use a WAV, MP3, Ogg, FLAC or WebM file"
        ) from error
    mixed = [_mixed(np.concatenate(run, 1)) for run in runs if run]
    samples = np.concatenate(mixed) if mixed else np.zeros(0, np.float32)
    return samples / max(1.0, float(np.abs(samples).max(initial=0.0))), tracks


def _mixed(channels: np.ndarray) -> np.ndarray:
    """One channel of float32 "C N": their mean, or the loudest where they cancel each other out."""
    channels = np.nan_to_num(channels.astype(np.float32), posinf=0, neginf=0)
    mean = channels.mean(0)
    loud = channels.std(1)
    unrelated = float(np.sqrt(np.square(loud).sum())) / len(channels)
    return channels[loud.argmax()] if mean.std() < CANCELLED * unrelated else mean


def _resampled(frames: Iterator[Any]) -> Iterator[np.ndarray]:
    """All channels "C N" at 16 kHz, also where a file changes its format on the way."""
    import av

    resampler: Any = None
    before: object = None
    for frame in frames:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != before:
            yield from _flushed(resampler)
            resampler = av.AudioResampler("fltp", frame.layout.name, SAMPLE_RATE)
            before = form
        for part in resampler.resample(frame):
            yield part.to_ndarray()
    yield from _flushed(resampler)


def resampled(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Samples float32 "N" at that rate -> at 16 kHz in [-1, 1]; what is no number is silent."""
    import av

    if not len(samples):
        return np.zeros(0, np.float32)
    frame = av.AudioFrame.from_ndarray(np.nan_to_num(samples)[None], format="flt", layout="mono")
    frame.sample_rate = rate_hz
    pieces = [piece[0] for piece in _resampled(iter([frame]))]
    return np.concatenate(pieces).clip(-1, 1) if pieces else np.zeros(0, np.float32)


class LiveResampler:
    """Samples of one channel at a rate, in pieces as they come -> at 16 kHz, without a seam."""

    def __init__(self, rate_hz: int) -> None:
        import av

        self._rate_hz = rate_hz
        self._resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)

    def add(self, samples: np.ndarray) -> np.ndarray:
        """Return what is certain with these float32 "N": a moment of it comes with the next."""
        import av

        if not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        pieces = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _flushed(resampler: Any) -> Iterator[np.ndarray]:
    if resampler is not None:
        for part in resampler.resample(None):
            yield part.to_ndarray()


def pieces_of(samples: np.ndarray, longest_s: float) -> list[np.ndarray]:
    """The samples cut into pieces of up to `longest_s`, each cut at its quietest moment."""
    longest, frame = round(longest_s * SAMPLE_RATE), round(FRAME_S * SAMPLE_RATE)
    found: list[np.ndarray] = []
    while len(samples) > longest:
        earliest = round(EARLIEST_CUT * longest)
        window = samples[earliest:longest]
        rows = window[: len(window) // frame * frame].reshape(-1, frame)
        quietest = int(np.square(rows).mean(1).argmin())
        cut = earliest + quietest * frame + frame // 2
        found.append(samples[:cut])
        samples = samples[cut:]
    return [*found, samples]


def pcm16(samples: np.ndarray) -> bytes:
    """Little-endian 16-bit integers."""
    return (samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes()


def from_pcm16(content: bytes) -> np.ndarray:
    """The inverse of `pcm16`. Raises: ValueError where a sample is cut in half."""
    if len(content) % 2:
        raise ValueError("the recording is broken: please record it again")
    return np.frombuffer(content, "<i2").astype(np.float32) / 32767


def wav_bytes(samples: np.ndarray, note: str = "") -> bytes:
    """A 16-bit WAV file; the note is its comment."""
    buffer = BytesIO()
    with soundfile.SoundFile(
        buffer, "w", samplerate=SAMPLE_RATE, channels=1, format="WAV", subtype="PCM_16"
    ) as file:
        if note:
            file.comment = note
        file.write(samples)
    return buffer.getvalue()


def opus_bytes(samples: np.ndarray) -> bytes:
    """An Ogg Opus file: a tenth of the bytes of `wav_bytes`, nearly the same to an ear."""
    buffer = BytesIO()
    with soundfile.SoundFile(
        buffer, "w", samplerate=SAMPLE_RATE, channels=1, format="OGG", subtype="OPUS"
    ) as file:
        file.write(samples)
    return buffer.getvalue()


def note_in_sound(content: bytes) -> str | None:
    """The comment of a WAV file of ours, or None. Raises: ValueError where it cannot be read."""
    try:
        with soundfile.SoundFile(BytesIO(content)) as file:
            return file.comment or None
    except soundfile.LibsndfileError as error:
        raise ValueError("this WAV file cannot be read") from error
