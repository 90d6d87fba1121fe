"""What the model sees of a batch in place of its answer. Owns: `CorruptedBatch`, the causal view,
and boxes of patches. Does not own: which view a batch gets (`training.stages.flow`)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flow.sequence import OmniSequence
from training.data.examples import Batch


@dataclass(frozen=True)
class CorruptedBatch:
    """What the model sees, whether causally, and the weight "B L Q" of each code's
    cross-entropy."""

    sequence: OmniSequence
    causal: bool
    weight: Tensor


def causal(batch: Batch) -> CorruptedBatch:
    """Each position of the clean sequence sees what is before it."""
    codes = batch.sequence.segments[-1].tokens
    return CorruptedBatch(batch.sequence, True, batch.weight[..., None].expand_as(codes))


def replaced(sequence: OmniSequence, tokens: Tensor) -> OmniSequence:
    """With other tokens in the last segment."""
    return sequence.with_tokens({len(sequence.segments) - 1: tokens})


def boxes(rng: np.random.Generator, num: int, grid: int) -> Tensor:
    """bool "num grid*grid": a box of patches in each row."""
    place = np.arange(grid)
    inside: list[np.ndarray] = []
    for _ in range(2):
        low, high = np.sort(rng.integers(grid + 1, size=(2, num)), 0)
        high = np.maximum(high, np.minimum(low + 1, grid))
        low = np.minimum(low, high - 1)
        inside.append((place >= low[:, None]) & (place < high[:, None]))
    rows, columns = inside
    return torch.from_numpy((rows[:, :, None] & columns[:, None]).reshape(num, -1))
