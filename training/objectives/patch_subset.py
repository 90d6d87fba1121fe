"""Patch subsets: of a picture that is asked about only some patches enter the backbone.

A patch of a picture dictionary names what is there, so that a few patches of a thing say as much as
all of them, and a batch of questions costs half. Owns: which positions enter. Does not own: the
features of those (`training.objectives.frame_subset`).
"""

import numpy as np
import torch
from torch import Tensor

from flow.modality import Modality
from training.data.examples import Batch

SHARE = 0.5
"""The share of the patches of a picture that enter."""


def some_patches(batch: Batch, rng: np.random.Generator) -> Tensor:
    """Return the positions int64 "B P" without half of the patches of the prompt's first picture;
    those that show a thing stay first, in random order."""
    assert batch.given is not None
    segments = batch.sequence.segments
    picture = next(i for i, s in enumerate(segments) if s.modality is Modality.IMAGE)
    found: list[np.ndarray] = []
    start = 0
    for number, segment in enumerate(segments):
        places = np.broadcast_to(np.arange(segment.length), (segment.batch, segment.length))
        if number == picture:
            shown = batch.given[:, : segment.length, 0].cpu().numpy() > 0
            order = np.argsort(rng.random(shown.shape) - shown, axis=1)
            places = np.sort(order[:, : round(SHARE * segment.length)], axis=1)
        found.append(start + places)
        start += segment.length
    return torch.from_numpy(np.concatenate(found, 1)).to(segments[0].tokens.device)
