"""A clip of the speech corpus as codes, with the letters that are said."""

from dataclasses import dataclass

import numpy as np
import torch

from flow.modality import Modality
from model.prompt_template import Span


@dataclass(frozen=True)
class EncodedClip:
    """A clip as codes uint16 "L Q". said: int64 "L 2", word piece and letter at each position;
    path: int64 "L", index of the transcript's character, -1 for silence; both None where
    unknown."""

    sentence: str
    voice: str
    codes: np.ndarray
    said: np.ndarray | None = None
    path: np.ndarray | None = None

    def span(self) -> Span:
        """Return the codes as a span of a conversation."""
        return Span(Modality.AUDIO, torch.from_numpy(self.codes.astype(np.int64)))
