"""The voice of a checkpoint: speech codes -> sound.

Speech and other sounds are two dialects of one answer. Events, traces and files have the codes of
speech behind those of sounds, so that a file says which they are: the ids up to `MASK` are of
sounds, or mark an end or a mask in both. Owns: that numbering, `Voice`, its preview and its stream.
Does not own: the network, the decoder (`model.network.text_to_speech`,
`model.tokenizers.speech_decoder`).
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engine.media.preview import LARGEST_SHARE
from model.loading.voice import Speaker
from model.network.text_to_speech import END
from model.tokenizers.speech_codes import CARDINALITY
from model.tokenizers.speech_decoder import SAMPLE_RATE as DECODED_HZ
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from samplers.step import Step

MASK = END + 1
FIRST = MASK + 1
"""The id of the first code of speech."""


def shared_ids(codes: np.ndarray) -> np.ndarray:
    """Codes of the speaker -> ids as events have them, of any shape."""
    return np.where(codes < CARDINALITY, codes + FIRST, codes)


def speaker_codes(ids: np.ndarray) -> np.ndarray:
    """The inverse of `shared_ids`."""
    return np.where(ids >= FIRST, ids - FIRST, ids)


def is_speech(ids: np.ndarray) -> bool:
    """Return whether ids of a sound are those of speech."""
    return bool((ids >= FIRST).any())


def resampled(
    samples: np.ndarray, from_hz: int = DECODED_HZ, to_hz: int = SAMPLE_RATE
) -> np.ndarray:
    """Samples float32 at another rate, band-limited; both ends are taken as silent."""
    length = len(samples) * to_hz // from_hz
    if not length:
        return np.zeros(0, np.float32)
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(samples))).astype(np.float32)


@dataclass(frozen=True)
class Voice:
    """The sound of codes, on the CPU. seed: of the noise in the decoder."""

    speaker: Speaker
    seed: int = 0

    def samples(self, codes: np.ndarray) -> np.ndarray:
        """Samples float32 at 16 kHz of the codes "L 2" of a whole sentence, up to its end."""
        ends = np.flatnonzero((codes >= CARDINALITY).any(1))
        whole = codes[: ends[0]] if len(ends) else codes
        return np.clip(resampled(self.speaker.decoder.decode(whole, self.seed)), -1, 1)


@dataclass(frozen=True)
class SpeechPreview:
    """float32 "1 N": the prediction of a block behind the codes "L' 2" that are there."""

    voice: Voice
    prefix_codes: np.ndarray
    share: float = LARGEST_SHARE

    def render(self, step: Step, *, state: bool) -> Tensor:
        del state  # a sound that is half noise is nothing to hear
        place = len(step.x_t.segments) - 1
        shown = step.x_t.segments[place].tokens[0] if step.last else step.x_1[place][0]
        codes = np.concatenate([self.prefix_codes, shown.cpu().numpy()])
        before = len(self.voice.samples(self.prefix_codes))
        return torch.from_numpy(self.voice.samples(codes)[None, before:])


@dataclass
class WholeSentence:
    """Fits in the place of `model.tokenizers.audio.AudioStream`. The decoder hears a sentence as a
    whole, so nothing is final before all of it is there."""

    voice: Voice
    _codes: list[Tensor] = field(default_factory=list, init=False)

    def take(self, codes: Tensor) -> Tensor:
        """Codes int64 "L 2" that follow -> no samples."""
        self._codes.append(codes.cpu())
        return torch.zeros(0)

    def finish(self) -> Tensor:
        """All samples."""
        return torch.from_numpy(self.voice.samples(torch.cat(self._codes).numpy()))
