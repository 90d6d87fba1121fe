"""The corrupted batch that the model sees. Owns: `CorruptedBatch`, the causal view, random boxes.
Does not own: which view a batch gets (`training.stages.flow`)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flow.sequence import OmniSequence
from training.data.examples import Batch


@dataclass(frozen=True)
class CorruptedBatch:
    """The model's input, whether attention is causal, and the cross-entropy weight "B L Q" of each
    code."""

    sequence: OmniSequence
    causal: bool
    weight: Tensor


def causal(batch: Batch) -> CorruptedBatch:
    """Return the causal view: each position of the clean sequence sees those before it."""
    codes = batch.sequence.segments[-1].tokens
    return CorruptedBatch(batch.sequence, True, batch.weight[..., None].expand_as(codes))


def replaced(sequence: OmniSequence, tokens: Tensor) -> OmniSequence:
    """Replace the tokens of the last segment."""
    return sequence.with_tokens({len(sequence.segments) - 1: tokens})


def boxes(rng: np.random.Generator, num: int, grid: int) -> Tensor:
    """Return one random box of patches a row, bool "num grid*grid"."""
    place = np.arange(grid)
    inside: list[np.ndarray] = []
    for _ in range(2):
        low, high = np.sort(rng.integers(grid + 1, size=(2, num)), 0)
        high = np.maximum(high, np.minimum(low + 1, grid))
        low = np.minimum(low, high - 1)
        inside.append((place >= low[:, None]) & (place < high[:, None]))
    rows, columns = inside
    return torch.from_numpy((rows[:, :, None] & columns[:, None]).reshape(num, -1))
