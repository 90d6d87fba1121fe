"""The voice stage: the decoder of the sound tokenizer learns to sound like a recording.

The codes stay as they are, and so all that was learned of them; only how they sound changes. What
is decoded is compared with the recording by its log-mel bands, and by critics that learn along
(`training.critics`): distances of spectra alone leave the phases to chance, which is heard as a
buzz. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.1, whose tokenizer has adversarial terms
too; Siuzdak 2023 (arXiv:2306.00814), Section 3.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from model.audio import POSITION, AudioTokenizer
from training.audio import MelDistance, stacked
from training.critics import Critics
from training.heard import Heard
from world.chance import pick
from world.sounds import SOUND
from world.speech import Clip
from world.voices import OUTPUT_VOICE, SAMPLE_RATE

BATCH, CROP, EDGE = 8, 20, 3
"""Pieces of a batch, their positions, and those at either end that lack what stood beside them."""
SOUND_SHARE = 0.15
MEL_WEIGHT, TOLD_WEIGHT, APART_WEIGHT = 3.0, 1.0, 2.0
UNTRAINED = 200
"""Steps in which the critics learn before they are listened to."""
SAVED = 6
DECODER = frozenset({"from_codes", "slow", "spread", "fast", "head_norm", "head"})
"""Parts of an `AudioTokenizer` that turn codes into samples."""


class VoiceStage:
    """Pieces of clips in the output voice, and of sounds. heard: the same clips as codes. `model`
    is the tokenizer, of which only the decoder is trained.

    Raises: ValueError where no clip is long enough.
    """

    def __init__(
        self,
        tokenizer: AudioTokenizer,
        clips: Sequence[Clip],
        heard: Sequence[Heard],
        held_out: Sequence[Clip],
    ) -> None:
        self.model, self.held_out = tokenizer, held_out
        self.device = next(tokenizer.parameters()).device
        self.helpers = Critics().to(self.device)
        for name, weights in tokenizer.named_parameters():
            weights.requires_grad_(name.split(".")[0] in DECODER)
        pairs = [
            (clip, torch.from_numpy(codes.codes.astype(np.int64)))
            for clip, codes in zip(clips, heard, strict=True)
            if len(codes.codes) >= CROP
        ]
        self._spoken = [pair for pair in pairs if pair[0].voice == OUTPUT_VOICE]
        self._sounds = [pair for pair in pairs if pair[0].voice == SOUND]
        if not self._spoken:
            raise ValueError(
                "the speech corpus has nothing long in the output voice: run `python -m world "
                "speech train` first"
            )
        self._mels = MelDistance(tokenizer.config.mel_bins).to(self.device)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float], int]:
        rng = np.random.default_rng((9, step))
        pieces, wanted = zip(*(self._piece(rng) for _ in range(BATCH)), strict=True)
        with torch.no_grad():
            vectors = self.model.quantizer.decode(torch.stack(pieces).to(self.device))
        decoded = _inner(self.model.decode_vectors(vectors))
        recorded = _inner(torch.stack(wanted).to(self.device))
        own = self.helpers.own(decoded, recorded)
        told, apart = self.helpers.fooled(decoded, recorded)
        mel = self._mels(decoded, recorded)
        listened = min(step / UNTRAINED, 1.0)
        loss = MEL_WEIGHT * mel + listened * (TOLD_WEIGHT * told + APART_WEIGHT * apart)
        named = {"mel": mel, "told": told, "apart": apart, "critics": own}
        return loss + own, {name: float(x.detach()) for name, x in named.items()}, BATCH

    def _piece(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Codes "CROP Q" of a clip, and its samples there."""
        sound = self._sounds and rng.random() < SOUND_SHARE
        clip, codes = pick(rng, self._sounds if sound else self._spoken)
        start = int(rng.integers(len(codes) - CROP + 1))
        samples = clip.samples[start * POSITION : (start + CROP) * POSITION]
        filled = np.pad(samples, (0, CROP * POSITION - len(samples)))
        return codes[start : start + CROP], torch.from_numpy(filled)

    def report(self, folder: Path) -> dict[str, float]:
        """The distance of log-mel bands of held-out clips in the output voice; some as files, the
        recording first."""
        found: list[float] = []
        for clip in (c for c in self.held_out if c.voice == OUTPUT_VOICE):
            samples = stacked([clip.samples]).to(self.device)
            decoded = self.model.decode(self.model.encode(samples))
            if len(found) < SAVED:
                both = torch.cat([samples[0], decoded[0]]).cpu().numpy()
                soundfile.write(folder / f"clip-{len(found)}.wav", both, SAMPLE_RATE)
            found.append(float(self._mels(decoded, samples)))
        return {"mel": float(np.mean(found))} if found else {}


def _inner(samples: Tensor) -> Tensor:
    return samples[:, EDGE * POSITION : -EDGE * POSITION]
