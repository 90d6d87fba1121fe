"""A clip of the corpus as codes, and what is said at each of its positions."""

from dataclasses import dataclass

import numpy as np
import torch

from flow.modality import Modality
from model.prompt_template import Span


@dataclass(frozen=True)
class EncodedClip:
    """A clip as codes uint16 "L Q". said: int64 "L 2", the piece of a word and the letter at each
    position; path: int64 "L", which character of the transcript that is, -1 for silence; both None
    where they are unknown."""

    sentence: str
    voice: str
    codes: np.ndarray
    said: np.ndarray | None = None
    path: np.ndarray | None = None

    def span(self) -> Span:
        """As a piece of a conversation."""
        return Span(Modality.AUDIO, torch.from_numpy(self.codes.astype(np.int64)))
