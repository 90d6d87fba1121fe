"""The start of a run: x_0 of each kind of sampler, its active positions, and the streams of its
uniforms.

Owns: `random_source`, `masked_source`, `active_positions`, `Purpose`, `stream`.
"""

from enum import IntEnum
from functools import cache

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from flow.modality import TokenSpace
from flow.sequence import Segment
from samplers.counter_rng import CounterRNG

MAX_SEGMENTS = 1024


class Purpose(IntEnum):
    """The purpose of a uniform. Every number from MOVE on belongs to the move of the state."""

    SOURCE = 0
    PREDICT = 1
    MOVE = 2


def stream(purpose: int, segment: int) -> int:
    """The stream of `CounterRNG` for a purpose and the index of a segment below `MAX_SEGMENTS`."""
    return MAX_SEGMENTS * purpose + segment


def random_source(
    space: TokenSpace, batch: int, length: int, draws: CounterRNG, *, segment: int = 0
) -> Int[Tensor, "B L Q"]:
    """x_0 of flow matching: ids drawn uniformly from those that are not forbidden, never a mask.

    `segment` is the index that the tokens will have in the sequence: segments get different noise.

    Raises: ValueError where draws has not `batch` rows, or every id is forbidden.
    """
    if draws.batch != batch:
        raise ValueError(f"{draws.batch} seeds cannot draw a batch of {batch}")
    allowed = _allowed(space, draws.seeds.device)
    if len(allowed) == 0:
        raise ValueError(f"every id of the {space.modality} space is forbidden")
    uniforms = draws.uniform(0, stream(Purpose.SOURCE, segment), (length, space.num_codebooks))
    return allowed[(uniforms.double() * len(allowed)).long()]


@cache
def _allowed(space: TokenSpace, device: torch.device) -> Tensor:
    """The ids of a space that may be a state, int64; a large vocabulary takes long to list."""
    forbidden = set(space.forbidden)
    return torch.tensor([i for i in range(space.cardinality) if i not in forbidden], device=device)


def masked_source(
    space: TokenSpace, batch: int, length: int, draws: CounterRNG, *, segment: int = 0
) -> Int[Tensor, "B L Q"]:
    """x_0 of masked diffusion and of autoregression: nothing but the masked state.

    Raises: ValueError where draws has not `batch` rows.
    """
    if draws.batch != batch:
        raise ValueError(f"{draws.batch} seeds cannot draw a batch of {batch}")
    shape = (batch, length, space.num_codebooks)
    return torch.full(shape, space.mask_id, device=draws.seeds.device)


def active_positions(segment: Segment) -> Bool[Tensor, "B L"]:
    """Positions that exist and may change."""
    return segment.editable & segment.valid
