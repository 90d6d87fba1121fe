"""The sound that a client has sent and not yet committed, and the turns that are detected in it.

Owns: `InputSound`, `Turned`. Does not own: the detector (`engine.media.vad`), what a turn leads to
(`serving.realtime.session`).
"""

from dataclasses import dataclass

from engine.media.audio import LiveResampler, from_pcm16
from engine.media.vad import FIRST_S, TurnDetector
from serving.errors import ApiError
from serving.realtime.settings import RATE_HZ, ServerVad

MOST_S = 300.0
"""The longest sound that waits to be committed."""
QUIET_KEPT_S = 30.0
"""Sound that is kept while nobody speaks."""
SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Turned:
    """A turn that began, or one that ended, with its sound. at_ms: since the session began."""

    at_ms: int
    pcm: bytes | None = None


class InputSound:
    """16-bit samples at 24 kHz, counted from the beginning of the session."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._gone = 0
        """Samples that were committed or cleared."""
        self._vad: ServerVad | None = None
        self._detector, self._resampler = TurnDetector(), LiveResampler(RATE_HZ)
        self._listens_from_s = 0.0
        self._speaking = False

    def detect(self, vad: ServerVad | None) -> None:
        """Detect turns by a rule from now on, or not at all; nothing where it is the same."""
        if vad != self._vad:
            self._vad = vad
            self._listen_anew()

    def append(self, pcm: bytes) -> list[Turned]:
        """Return the turns that begin or end in more sound. Raises: ApiError, ValueError where it
        is too much, or half a sample."""
        samples = from_pcm16(pcm)
        if len(self._kept) + len(pcm) > MOST_S * RATE_HZ * SAMPLE_BYTES:
            message = f"More than {MOST_S:g} s wait here: commit the sound, or clear it."
            raise ApiError(400, message, param="audio", code="input_audio_buffer_full")
        self._kept += pcm
        if self._vad is None:
            return []
        heard = self._detector.hear_timed(self._resampler.add(samples))
        turned = [self._turned(kind, self._listens_from_s + at_s) for kind, at_s in heard]
        if not self._speaking:
            self._forget_before(self._end_s - QUIET_KEPT_S)
        return turned

    def clear(self) -> None:
        """Forget it."""
        self._forget_before(self._end_s)
        self._listen_anew()

    @property
    def waiting(self) -> bytes:
        """The sound that a commit takes."""
        return bytes(self._kept)

    @property
    def _end_s(self) -> float:
        return self._gone / RATE_HZ + len(self._kept) / SAMPLE_BYTES / RATE_HZ

    def _turned(self, kind: str, at_s: float) -> Turned:
        assert self._vad is not None
        if kind == "speaking":
            self._speaking = True
            self._forget_before(at_s - FIRST_S - self._vad.prefix_padding_ms / 1000)
            return Turned(self._gone * 1000 // RATE_HZ)
        self._speaking = False
        return Turned(round(1000 * at_s), self._forget_before(at_s))

    def _forget_before(self, moment_s: float) -> bytes:
        """Return the sound before a moment, which is kept no more."""
        num = max(0, round(moment_s * RATE_HZ) - self._gone)
        gone = bytes(self._kept[: num * SAMPLE_BYTES])
        del self._kept[: len(gone)]
        self._gone += len(gone) // SAMPLE_BYTES
        return gone

    def _listen_anew(self) -> None:
        if self._vad is not None:
            pause_s = self._vad.silence_duration_ms / 1000
            self._detector = TurnDetector(self._vad.threshold, pause_s)
        self._resampler = LiveResampler(RATE_HZ)
        self._listens_from_s, self._speaking = self._end_s, False
