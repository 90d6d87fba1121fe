"""The voice of a checkpoint: speech codes -> sound.

Speech and other sounds are two dialects of one answer. Events, traces and files have the codes of
speech behind those of sounds, so that a file says which they are: the ids up to `MASK` are of
sounds, or mark an end or a mask in both. Owns: that numbering, `Voice`, its preview and its stream,
and where words end. Does not own: the network, the decoder (`model.network.text_to_speech`,
`model.tokenizers.speech_decoder`).
"""

import itertools
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engine.media.audio import resampled
from engine.media.preview import LARGEST_SHARE
from model.loading.voice import Speaker
from model.network.text_to_speech import SPACE as SPEECH
from model.network.text_to_speech import before_end
from model.tokenizers.speech_codes import (
    CARDINALITY,
    DURATIONS,
    EDGE,
    SPACE,
    SYMBOLS,
    UNIT_S,
)
from model.tokenizers.speech_decoder import SAMPLE_RATE as DECODED_HZ
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from samplers.step import Step

MASK = SPEECH.mask_id
FIRST = MASK + 1
"""The id of the first code of speech."""
HELD = 6
"""Positions whose sound may still change much by what follows them."""
FADE = SAMPLE_RATE // 50


def shared_ids(codes: np.ndarray) -> np.ndarray:
    """Codes of the speaker -> ids as events have them, of any shape."""
    return np.where(codes < CARDINALITY, codes + FIRST, codes)


def speaker_codes(ids: np.ndarray) -> np.ndarray:
    """The inverse of `shared_ids`."""
    return np.where(ids >= FIRST, ids - FIRST, ids)


def is_speech(ids: np.ndarray) -> bool:
    """Return whether ids of a sound are those of speech."""
    return bool((ids >= FIRST).any())


def num_samples(codes: np.ndarray) -> int:
    """Return the samples at 16 kHz that codes "L 2" last."""
    units = np.array(DURATIONS)[codes[:, 0] % len(DURATIONS)].sum()
    return round(float(units) * UNIT_S * SAMPLE_RATE)


def word_ends_s(codes: np.ndarray) -> tuple[float, ...]:
    """Return where each word of codes "L 2" ends, in seconds; a word ends at a gap or an edge."""
    symbols, classes = np.divmod(codes[:, 0], len(DURATIONS))
    after_s = np.array(DURATIONS)[classes].cumsum() * UNIT_S
    gaps = np.flatnonzero((symbols == SPACE) | (symbols == SYMBOLS.index(EDGE)))
    words = [gap for before, gap in itertools.pairwise(gaps) if gap - before > 1]
    return tuple(round(float(after_s[gap - 1]), 3) for gap in words)


@dataclass(frozen=True)
class Voice:
    """The sound of codes, on the CPU. seed: of the noise in the decoder."""

    speaker: Speaker
    seed: int = 0

    def stream(self) -> "SpeechStream":
        """Return what makes sound of the blocks of one sentence as they come."""
        return SpeechStream(self)

    def samples(self, codes: np.ndarray) -> np.ndarray:
        """Samples float32 at 16 kHz of the codes "L 2" of a sentence: those of its blocks, joined
        as `SpeechStream` joins them."""
        block, stream = self.speaker.network.config.block, self.stream()
        blocks = torch.from_numpy(codes).split(block)
        return torch.cat([*map(stream.take, blocks), stream.finish()]).numpy()

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """Samples of codes "L 2" that are decoded together."""
        return resampled(self.speaker.decoder.decode(codes, self.seed), DECODED_HZ)


@dataclass
class SpeechStream:
    """Sound of a sentence, block after block. The decoder hears what is there so far; what its
    last `HELD` positions make of it is held back until the next block, and faded into that."""

    voice: Voice
    _codes: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64), init=False)
    _ahead: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32), init=False)
    _taken: int = field(default=0, init=False)

    def take(self, codes: Tensor) -> Tensor:
        """Codes int64 "L 2" that follow -> the samples that are final."""
        self._codes = np.concatenate([self._codes, codes.cpu().numpy()])
        return self._up_to(self._codes[:-HELD])

    def finish(self) -> Tensor:
        """The samples that are left."""
        return self._up_to(self._codes)

    def _up_to(self, settled: np.ndarray) -> Tensor:
        """The samples behind those that were taken, to the end of the settled codes."""
        end = num_samples(settled)
        if end <= self._taken:
            return torch.zeros(0)
        whole = self.voice.decoded(self._codes)
        part = whole[self._taken : end].copy()
        fade = np.linspace(0, 1, min(FADE, len(self._ahead), len(part)), dtype=np.float32)
        part[: len(fade)] *= fade
        part[: len(fade)] += (1 - fade) * self._ahead[: len(fade)]
        self._ahead, self._taken = whole[end : end + FADE], end
        return torch.from_numpy(part)


@dataclass(frozen=True)
class SpeechPreview:
    """float32 "1 N": the prediction of a block behind the codes "L' 2" that are there."""

    voice: Voice
    prefix_codes: np.ndarray
    share: float = LARGEST_SHARE

    def render(self, step: Step, *, prediction: bool) -> Tensor:
        del prediction  # a sound that is half noise is nothing to hear
        place = len(step.x_t.segments) - 1
        shown = step.x_t.segments[place].tokens[0] if step.last else step.x_1[place][0]
        codes = np.concatenate([self.prefix_codes, before_end(shown.cpu()).numpy()])
        return torch.from_numpy(self.voice.decoded(codes)[None, num_samples(self.prefix_codes) :])
