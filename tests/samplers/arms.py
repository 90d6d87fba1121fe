"""Every sampler by a name, and a sequence for it to fill."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from flow.metric import CodebookMetric
from flow.modality import Modality, TokenSpace
from flow.schedule import uniform_grid
from flow.sequence import OmniSequence, prompt, response
from flow.transition import TRANSITIONS
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.masked import MaskedSampler, Remasking
from samplers.source import random_source
from samplers.step import Step

TEXT = TokenSpace(Modality.TEXT, num_codebooks=1, cardinality=40, forbidden=(0, 7))
IMAGE = TokenSpace(Modality.IMAGE, num_codebooks=4, cardinality=16)
SPACES = {Modality.TEXT: TEXT, Modality.IMAGE: IMAGE}
PICTURE, MIXED, ANSWER = 1, 2, 3
"""Indices of the editable segments of `mixed_sequence`; 0 is the prompt."""
LENGTHS = {PICTURE: 9, MIXED: 6, ANSWER: 5}


class Source(Protocol):
    def __call__(
        self, space: TokenSpace, batch: int, length: int, draws: CounterRNG, *, segment: int
    ) -> Tensor: ...


class Sampler(Protocol):
    @property
    def source(self) -> Source: ...

    def sample(
        self, denoiser: Denoiser, x_0: OmniSequence, *, draws: CounterRNG
    ) -> Iterator[Step]: ...


def _metrics() -> dict[Modality, CodebookMetric]:
    generator = torch.Generator().manual_seed(0)
    return {
        modality: CodebookMetric.of(
            torch.randn(space.num_codebooks, space.cardinality, 6, generator=generator),
            forbidden=space.forbidden,
        )
        for modality, space in SPACES.items()
    }


def _kinetic(transition: str) -> Callable[[int], Sampler]:
    return lambda steps: KineticSampler(
        _metrics(), times=uniform_grid(steps), transition=transition
    )


def _masked(remasking: str, schedule: str) -> Callable[[int], Sampler]:
    return lambda steps: MaskedSampler(
        SPACES, steps=steps, remasking=remasking, schedule=schedule, choice_temperature=1.0
    )


SAMPLERS: Mapping[str, Callable[[int], Sampler]] = {
    **{f"kinetic {name}": _kinetic(name) for name in TRANSITIONS},
    "kinetic cooling": lambda steps: KineticSampler(
        _metrics(), times=uniform_grid(steps), temperature=0.2, initial_temperature=1.0
    ),
    **{
        f"masked {remasking}": _masked(remasking, schedule)
        for remasking, schedule in zip(Remasking, ("cosine", "linear") * 2, strict=True)
    },
    "masked in blocks": lambda steps: MaskedSampler(SPACES, steps=steps, block=2),
}


def mixed_sequence(source: Source, draws: CounterRNG, *, padding: int = 0) -> OmniSequence:
    """A text prompt, a picture, a text of which the second half is editable, a text answer.

    `padding` appends positions that do not exist to the picture.
    """
    batch = draws.batch
    question = random_source(TEXT, batch, 4, draws, segment=50)
    picture = response(
        Modality.IMAGE, source(IMAGE, batch, LENGTHS[PICTURE] + padding, draws, segment=PICTURE)
    )
    picture.valid[:, LENGTHS[PICTURE] :] = False
    given = random_source(TEXT, batch, 3, draws, segment=51)
    open_half = source(TEXT, batch, LENGTHS[MIXED] - 3, draws, segment=MIXED)
    half = response(Modality.TEXT, torch.cat([given, open_half], 1))
    half.editable[:, :3] = False
    answer = source(TEXT, batch, LENGTHS[ANSWER], draws, segment=ANSWER)
    segments = (prompt(Modality.TEXT, question), picture, half, response(Modality.TEXT, answer))
    return OmniSequence(segments)
