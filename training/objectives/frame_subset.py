"""Frame subsets: only some frames of a video enter the backbone, each at its own position.

Eight frames of a film show much the same; two frames of four times as many films cost as much and
say far more about what moves where. The embeddings still see every frame, so a frame knows its
neighbours. Owns: which positions enter, and the features of those. Does not own: losses.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.network.omni import OmniModel
from training.data.examples import at
from world.video.motion import FRAMES

ENDS = (2, FRAMES - 2)
"""The bounds of the first and last frames; the middle lies between."""


def two_of_all(rng: np.random.Generator, videos: int) -> np.ndarray:
    """Draw two different frames of each video, int64 "videos 2", in order."""
    every = np.tile(np.arange(FRAMES), (videos, 1))
    return np.sort(rng.permuted(every, axis=1)[:, :2], 1)


def beginning_middle_end(rng: np.random.Generator, videos: int) -> np.ndarray:
    """Draw a frame of each third of each video, int64 "videos 3"."""
    bounds = (0, *ENDS, FRAMES)
    thirds = [rng.integers(a, b, videos) for a, b in pairwise(bounds)]
    return np.stack(thirds, 1)


def positions_of_frames(sequence: OmniSequence, frames: np.ndarray) -> Tensor:
    """Return the positions int64 "B P" of the sequence without those of frames other than "B F"."""
    found: list[np.ndarray] = []
    start = 0
    for segment in sequence.segments:
        places = np.arange(segment.length)[None]
        if segment.modality is Modality.VIDEO:
            a_frame = segment.length // FRAMES
            places = frames[..., None] * a_frame + np.arange(a_frame)
            places = places.reshape(len(frames), -1)
        found.append(np.broadcast_to(start + places, (sequence.batch, places.shape[1])))
        start += segment.length
    return torch.from_numpy(np.concatenate(found, 1)).to(sequence.segments[0].tokens.device)


def some_features(
    model: OmniModel, sequence: OmniSequence, kept: Tensor, *, causal: bool
) -> Tensor:
    """Return features "B P D" of the positions `kept` "B P", which attend to each other only."""
    x, valid = model.embed(sequence, causal=causal)
    index = kept[..., None].expand(-1, -1, x.shape[-1])
    hidden = model.backbone(
        x.gather(1, index),
        valid.gather(1, kept),
        causal=causal,
        positions=model.backbone.positions(valid).gather(1, kept),
    )
    return torch.cat(model.by_segment(hidden, _some(sequence, kept)), 1)


def inside(kept: Tensor, start: int, length: int) -> Tensor:
    """Return which columns of `kept` "B P" lie in a segment, bool "P"; the same in every row."""
    return (kept[0] >= start) & (kept[0] < start + length)


def _some(sequence: OmniSequence, kept: Tensor) -> OmniSequence:
    """Return the sequence restricted to `kept`."""
    found: list[Segment] = []
    start = 0
    for segment in sequence.segments:
        own = kept[:, inside(kept, start, segment.length)] - start
        found.append(
            replace(
                segment,
                tokens=at(segment.tokens, own),
                editable=segment.editable.gather(1, own),
                valid=segment.valid.gather(1, own),
            )
        )
        start += segment.length
    return OmniSequence(tuple(found))
