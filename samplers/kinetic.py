"""The kinetic-optimal sampler: discrete flow matching from random ids to an answer.

Each step: one network call, one draw of x_1 ~ p_{1|t}(. | x_t), one jump towards it, one `Step`.
Source: Luo et al. 2025 (arXiv:2510.13721), App. A. Owns: the loop and the source distribution. Does
not own: rates and jumps (`flow.transition`), the network, guidance and caches (wrappers around it).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from flow.metric import CodebookMetric
from flow.modality import Modality, TokenSpace
from flow.schedule import PAPER, Schedule, uniform_grid
from flow.sequence import OmniSequence, Segment
from flow.transition import TRANSITIONS, Interval, advance
from samplers.categorical import draw_posterior
from samplers.denoiser import Posterior
from samplers.denoiser import Denoiser
from samplers.draws import Draws
from samplers.step import Step

SOURCE, PREDICT, LEAVE, DESTINATION = range(4)
"""What a uniform is for; with the segment's index this is the stream of `Draws`."""


def random_source(
    space: TokenSpace, batch: int, length: int, draws: Draws, *, segment: int = 0
) -> Int[Tensor, "B L Q"]:
    """x_0: ids drawn uniformly from those that are not forbidden, never a mask token.

    `segment` is the index that the tokens will have in the sequence: segments get different noise.

    Raises: ValueError where draws has not `batch` rows, or every id is forbidden.
    """
    if draws.batch != batch:
        raise ValueError(f"{draws.batch} seeds cannot draw a batch of {batch}")
    forbidden = set(space.forbidden)
    allowed = torch.tensor(
        [i for i in range(space.cardinality) if i not in forbidden], device=draws.seeds.device
    )
    if len(allowed) == 0:
        raise ValueError(f"every id of the {space.modality} space is forbidden")
    uniforms = draws.uniform(0, _stream(SOURCE, segment), (length, space.num_codebooks))
    return allowed[(uniforms.double() * len(allowed)).long()]


@dataclass(frozen=True)
class KineticSampler:
    """Hyperparameters of the sampler.

    metrics: distances of every modality that may be edited. steps: network calls, at least 1.
    transition: a name of `flow.transition.TRANSITIONS`. temperature >= 0 (0: argmax) and top_p in
    (0, 1] apply to the draw of x_1.

    Raises: ValueError where a value is out of range or the transition unknown.
    """

    metrics: Mapping[Modality, CodebookMetric]
    steps: int = 16
    transition: str = "midpoint"
    schedule: Schedule = PAPER
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"at least 1 step is needed, not {self.steps}")
        if self.transition not in TRANSITIONS:
            known = ", ".join(TRANSITIONS)
            raise ValueError(f"unknown transition {self.transition!r}: choose one of {known}")
        if not 0 <= self.temperature:
            raise ValueError(f"temperature must be at least 0, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")

    @torch.inference_mode()
    def sample(self, denoiser: Denoiser, x_0: OmniSequence, *, draws: Draws) -> Iterator[Step]:
        """Yields `steps` Steps, the last with x_t = x_1 at t = 1.

        Only positions that are editable and valid ever change. `draws` has a row a batch row.

        Raises: ValueError where x_0 has an editable id that is no state, or a modality no metric.
        """
        active = {i: _active(x_0.segments[i]) for i in x_0.editable_segments()}
        num_active = sum(int(a.sum(dim=1).max()) for a in active.values())
        x_t = self._checked_source(x_0, active)
        for index, (t_0, t_1) in enumerate(pairwise(uniform_grid(self.steps))):
            interval = Interval.of(self.schedule, t_0, t_1)
            posteriors = denoiser(x_t, t_0)
            tokens: dict[int, Tensor] = {}
            x_1: dict[int, Tensor] = {}
            confidence: dict[int, Tensor] = {}
            for i, editable in active.items():
                segment = x_t.segments[i]
                x_1[i], confidence[i] = self._predict(
                    posteriors[i], segment, editable, draws, index, i
                )
                tokens[i] = self._advance(segment, x_1[i], interval, draws, index, i)
            changed = {i: tokens[i] != x_t.segments[i].tokens for i in active}
            x_t = x_t.with_tokens(tokens)
            yield Step(
                index=index,
                num_steps=self.steps,
                t=t_1,
                x_t=x_t,
                x_1=x_1,
                changed=changed,
                confidence=confidence,
                nfe=index + 1,
                num_active=num_active,
            )
