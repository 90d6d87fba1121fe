"""The judge of generated sounds: a nearest-centroid classifier of log-mel statistics.

It shares nothing with the model that it judges. The features of a sound are the mean, the standard
deviation and the mean absolute change of each log-mel band; each class is the mean of its examples;
distances are scaled by the deviation within classes. Owns: fitting, naming, saving. Does not own:
the examples (`world.audio.sounds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from model.tokenizers.whisper_encoder import WINDOW, LogMel
from world.audio.speech import Clip
from world.audio.voices import normalise_loudness

BANDS = 64
SILENCE = 1e-4
"""The root mean square below which a clip is silent."""
LEAST_SPREAD = 1e-3
NOTHING = "nothing"


@dataclass(frozen=True)
class SoundJudge:
    """things: names of the classes. centres: float "K 3*BANDS". spread: float "3*BANDS"."""

    things: tuple[str, ...]
    centres: np.ndarray
    spread: np.ndarray

    @classmethod
    def fitted(cls, examples: Sequence[Clip]) -> "SoundJudge":
        """Fit the judge on at least one example of each class."""
        things = tuple(sorted({c.sentence for c in examples}))
        described = np.stack([_described(c.samples) for c in examples])
        of = np.array([things.index(c.sentence) for c in examples])
        centres = np.stack([described[of == k].mean(0) for k in range(len(things))])
        spread = np.sqrt(np.square(described - centres[of]).mean(0))
        return cls(things, centres, np.maximum(spread, LEAST_SPREAD))

    def name(self, samples: np.ndarray) -> str:
        """Return the class nearest to samples float32 "N" at 16 kHz; `NOTHING` for silence."""
        if len(samples) < WINDOW or np.sqrt(np.square(samples).mean()) < SILENCE:
            return NOTHING
        apart = np.square((self.centres - _described(samples)) / self.spread).sum(1)
        return self.things[int(apart.argmin())]

    def save(self, file: Path) -> None:
        np.savez_compressed(
            file,
            things=np.array(self.things),
            centres=self.centres.astype(np.float32),
            spread=self.spread.astype(np.float32),
        )

    @classmethod
    def load(cls, file: Path) -> "SoundJudge":
        """Load a judge. Raises: OSError without such a file, ValueError where it is something
        else."""
        try:
            with np.load(file) as kept:
                things = tuple(str(thing) for thing in kept["things"])
                return cls(things, kept["centres"], kept["spread"])
        except (BadZipFile, EOFError, KeyError) as error:
            raise ValueError(f"{file.name} is no judge of sounds: {error}") from error


def _described(samples: np.ndarray) -> np.ndarray:
    """Return the mean, the standard deviation and the mean change of each band, "3*BANDS"."""
    with torch.inference_mode():
        bands = LogMel(BANDS)(torch.from_numpy(normalise_loudness(samples))[None])[0].numpy()
    return np.concatenate([bands.mean(1), bands.std(1), np.abs(np.diff(bands)).mean(1)])
