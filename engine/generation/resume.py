"""Resuming a run from its middle: a recorded state becomes the x_0 of the chosen sampler.

Owns: the conversion of codes that the sampler does not know, and the steps that are left. Does not
own: the state itself (`engine.api.request.InitialState`), its edits (`engine.inspection.branch`),
the loops (`samplers`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.api.request import InitialState
from flow.metric import CodebookMetric
from flow.modality import TokenSpace
from flow.path import sample_path
from flow.schedule import Clock
from flow.sequence import Segment, response
from samplers.counter_rng import CounterRNG
from samplers.sampler import Resume
from samplers.source import Purpose, random_source, stream

SAME_TIME = 1e-5
"""Times that differ by less are the same; a recorded one has float32's digits."""


@dataclass(frozen=True)
class StateSpace:
    """The state space of one modality. longest: positions of its longest answer."""

    space: TokenSpace
    metric: CodebookMetric
    clock: Clock
    longest: int


def times_from(grid: tuple[float, ...], t: float) -> tuple[tuple[float, ...], int]:
    """The times of a grid from t in [0, 1) on, t first, and how many steps of the grid lie before
    them."""
    later = tuple(u for u in grid if u > t + SAME_TIME)
    before = len(grid) - 1 - len(later)
    exact = abs(grid[before] - t) < SAME_TIME
    return (grid[before] if exact else t, *later), before


def initial_segment(
    start: InitialState, rule: Resume, states: StateSpace, draws: CounterRNG, segment: int
) -> Segment:
    """Return the response segment, one row, that begins at a start, by the rule of its sampler.

    Raises: ValueError where its codes are none of this checkpoint.
    """
    space, device = states.space, draws.seeds.device
    tokens, predicted = (_ids(a, states, device) for a in (start.tokens, start.predicted))
    pinned = torch.from_numpy(start.pinned).to(device)[None]
    masked = tokens == space.mask_id
    if bool((masked.any(2) & pinned).any()):
        raise ValueError("a pinned position has no code yet: choose one, or leave it free")
    if rule is Resume.PATH:
        unknown = masked | ~(states.metric.is_allowed(tokens) | pinned[..., None])
        drawn = _on_the_path(start, states, predicted, draws, segment)
        return _open(start, torch.where(unknown, drawn, tokens), pinned)
    written = pinned | ((tokens == predicted) & ~masked).all(2)
    if bool(written.all()):
        raise ValueError("every position has its code: go on from an earlier step")
    tokens = torch.where(written[..., None], tokens, space.mask_id)
    return _open(start, tokens, written if rule is Resume.FREEZE else pinned)


def _open(start: InitialState, tokens: Tensor, kept: Tensor) -> Segment:
    """A segment without padding; all positions that are not kept may change."""
    whole = response(start.modality, tokens)
    return Segment(whole.modality, tokens, whole.editable & ~kept, whole.valid)


def _on_the_path(
    start: InitialState, states: StateSpace, predicted: Tensor, draws: CounterRNG, segment: int
) -> Tensor:
    """Ids "1 L Q" of the path at its time towards the prediction; of its beginning, where there is
    no prediction."""
    shape = (predicted.shape[1], predicted.shape[2])
    noise = random_source(states.space, 1, shape[0], draws, segment=segment)
    towards = torch.where(predicted == states.space.mask_id, noise, predicted)
    t = torch.tensor([start.t], dtype=torch.float64, device=predicted.device)
    uniforms = draws.uniform(0, stream(Purpose.SOURCE, segment), shape)
    return torch.where(
        states.metric.is_allowed(predicted),
        sample_path(states.metric, towards, t, uniforms, states.clock),
        noise,
    )


def _ids(ids: np.ndarray, states: StateSpace, device: torch.device) -> Tensor:
    """int64 "1 L Q", known to be of this checkpoint."""
    space = states.space
    length, num_codebooks = ids.shape
    if num_codebooks != space.num_codebooks or not 1 <= length <= states.longest:
        raise ValueError(
            f"this checkpoint makes {space.modality} of up to {states.longest} positions with "
            f"{space.num_codebooks} codes, not of {length} with {num_codebooks}"
        )
    known = (ids >= 0) & ((ids < space.cardinality) | (ids == space.mask_id))
    if not known.all():
        raise ValueError(f"this checkpoint has no code {int(ids[~known][0])}")
    return torch.from_numpy(ids.astype(np.int64)).to(device)[None]
