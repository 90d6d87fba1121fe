"""Speech that a program of its own turns into codes and back, see `engine.media.codec_process`.

Its codes stand for what is said; how it sounds is a style that is chosen when they are decoded.
Codes have no fixed length in time, so that speech is decoded as a whole. Owns:
`ExternalSpeechCodec`, `WholeSpeech`. Source: EMOVA, Chen et al. 2024 (arXiv:2409.18042).
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engine.api.errors import DeviceError
from engine.media.audio import resampled
from engine.media.codec_process import SpeechProcess
from model.config import OmniConfig

NOTHING = np.zeros(0, np.float32)
MAX_RATE_HZ = 192_000


def launched(command: str | None) -> SpeechProcess | None:
    """The program of a command line, which gets ready while others load; None where none is wanted.

    Raises: ValueError where there is no such program.
    """
    try:
        return None if command is None else SpeechProcess(command)
    except DeviceError as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class ExternalSpeechCodec:
    """The codec of one checkpoint. num_codes: of its codebook; rate_hz: of what it decodes; styles:
    by name, the first where nothing is said."""

    process: SpeechProcess
    num_codes: int
    rate_hz: int
    styles: tuple[str, ...]

    @classmethod
    def of(cls, process: SpeechProcess | None, config: OmniConfig) -> "ExternalSpeechCodec | None":
        """Waits until the program is ready; None where there is none. config: of its checkpoint.

        Raises: ValueError where it does not start, or has other codes than the checkpoint.
        """
        if process is None:
            return None
        try:
            said = process.greeting()
        except DeviceError as error:
            raise ValueError(str(error)) from error
        assert config.audio is not None
        num_codes = config.audio.cardinality
        codes, rate_hz, styles = (said.get(key) for key in ("codes", "rate_hz", "styles"))
        if codes != num_codes:
            raise ValueError(
                f"the speech codec has {codes} codes, and the checkpoint {num_codes}: start the "
                "codec that it was trained with"
            )
        if not isinstance(rate_hz, int) or not isinstance(styles, list):
            raise ValueError("the speech codec does not say its rate_hz and styles: update it")
        if not 0 < rate_hz <= MAX_RATE_HZ:
            raise ValueError(f"the speech codec has a rate of {rate_hz} Hz, which cannot be played")
        return cls(process, num_codes, rate_hz, tuple(map(str, styles)))

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Codes int64 "L" of samples float32 "N" at 16 kHz.

        Raises: ValueError where nothing is said in them, DeviceError where the program fails.
        """
        content = self.process.ask(samples.astype("<f4").tobytes(), do="encode")
        codes = _numbers(content, "<i8").astype(np.int64)
        if len(codes) == 0:
            raise ValueError("no speech can be heard in the recording: say it again")
        if not 0 <= codes.min() <= codes.max() < self.num_codes:
            raise DeviceError(f"the speech codec gives codes outside of 0..{self.num_codes - 1}")
        return codes

    def decode(self, codes: np.ndarray, style: str | None = None) -> np.ndarray:
        """Samples float32 "N" at 16 kHz in [-1, 1] of codes int64 "L", in one of the styles.

        Raises: DeviceError where the program fails.
        """
        if len(codes) == 0:
            return NOTHING
        chosen = style or next(iter(self.styles), None)
        content = self.process.ask(codes.astype("<i8").tobytes(), do="decode", style=chosen)
        return resampled(_numbers(content, "<f4").astype(np.float32), self.rate_hz)


@dataclass
class WholeSpeech:
    """Fits in the place of `model.tokenizers.audio.AudioStream`: nothing is final before everything
    is there."""

    speech: ExternalSpeechCodec
    style: str | None
    _codes: list[np.ndarray] = field(default_factory=list, init=False)

    def take(self, codes: Tensor) -> Tensor:
        """Codes int64 "L 1" that follow -> no samples."""
        self._codes.append(codes[:, 0].cpu().numpy())
        return torch.zeros(0)

    def finish(self) -> Tensor:
        """All samples."""
        return torch.from_numpy(self.speech.decode(np.concatenate(self._codes), self.style))


def _numbers(content: bytes, kind: str) -> np.ndarray:
    """Raises: DeviceError where the last one is cut."""
    if len(content) % np.dtype(kind).itemsize:
        raise DeviceError("the speech codec's answer is cut off: update it")
    return np.frombuffer(content, kind)
