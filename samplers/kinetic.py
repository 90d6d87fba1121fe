"""The kinetic-optimal sampler: discrete flow matching from random ids to an answer.

Each step: one network call, one draw of x_1 ~ p_{1|t}(. | x_t), one jump towards it, one `Step`.
Source: Luo et al. 2025 (arXiv:2510.13721), App. A. Owns: the loop. Does not own: rates and
jumps (`flow.transition`), the network, guidance and caches (wrappers around it).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from flow.metric import CodebookMetric
from flow.modality import Modality
from flow.schedule import PAPER, Clock, check_times, uniform_grid
from flow.sequence import OmniSequence, Segment
from flow.transition import TRANSITIONS, Interval, advance
from samplers.categorical import check_draw, draw_posterior
from samplers.denoiser import Denoiser, Posterior, evaluated_positions
from samplers.draws import Draws
from samplers.source import Purpose, active_positions, random_source, stream
from samplers.step import Step


@dataclass(frozen=True)
class KineticSampler:
    """Hyperparameters of the sampler.

    metrics: distances of every modality that may be edited. times: where the run starts (0: from
    noise; later: x_0 is a noisy answer, as in editing) and where each network call's step ends, up
    to 1. transition: a name of `flow.transition.TRANSITIONS`. temperature >= 0 (0: argmax) and
    top_p in (0, 1] apply to the draw of x_1. initial_temperature: where the temperature starts at
    t = 0, to reach `temperature` linearly at t = 1; None keeps it constant. Early draws decide what
    there is and where, and a low temperature lets the commonest state of each position win.
    patience: stop early once the drawn x_1 has not changed for so many steps and x_t equals it;
    None never does.

    Raises: ValueError where a value is out of range or the transition unknown.
    """

    metrics: Mapping[Modality, CodebookMetric]
    times: tuple[float, ...] = uniform_grid(16)
    transition: str = "midpoint"
    schedule: Clock = PAPER
    temperature: float = 1.0
    top_p: float = 1.0
    initial_temperature: float | None = None
    patience: int | None = None

    source = staticmethod(random_source)

    def __post_init__(self) -> None:
        check_times(self.times)
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 step, not {self.patience}")
        if self.transition not in TRANSITIONS:
            known = ", ".join(TRANSITIONS)
            raise ValueError(f"unknown transition {self.transition!r}: choose one of {known}")
        check_draw(self.temperature, self.top_p)

    def temperature_at(self, t: float) -> float:
        """The temperature of a step that starts at t in [0, 1)."""
        start = self.temperature if self.initial_temperature is None else self.initial_temperature
        return start + (self.temperature - start) * t

    @torch.inference_mode()
    def sample(self, denoiser: Denoiser, x_0: OmniSequence, *, draws: Draws) -> Generator[Step]:
        """Yields a Step a time after the first, the last with x_t = x_1; one call of `denoiser`
        each.

        Only positions that are editable and valid ever change; elsewhere x_1 repeats x_t, with
        confidence 1. `draws` has one seed a batch row.

        Raises: ValueError where an editable id of x_0 is no state, or its modality has no metric.
        """
        active = {
            i: active_positions(x_0.segments[i]).unsqueeze(-1) for i in x_0.editable_segments()
        }
        num_active = sum(int(mask.sum(dim=1).max()) for mask in active.values())
        x_t = self._canonical(x_0, active)
        num_steps, calm = len(self.times) - 1, 0
        before: dict[int, Tensor] = {}
        for index, (t_0, t_1) in enumerate(pairwise(self.times)):
            interval = Interval.of(self.schedule, t_0, t_1)
            posteriors = denoiser(x_t, t_0)
            tokens: dict[int, Tensor] = {}
            x_1: dict[int, Tensor] = {}
            confidence: dict[int, Tensor] = {}
            for i, mask in active.items():
                segment = x_t.segments[i]
                uniforms = partial(_uniforms, draws, index, i, segment)
                x_1[i], confidence[i] = self._predict(
                    posteriors[i],
                    segment,
                    mask,
                    uniforms(Purpose.PREDICT),
                    self.temperature_at(t_0),
                )
                tokens[i] = advance(
                    TRANSITIONS[self.transition],
                    self.metrics[segment.modality],
                    segment.tokens,
                    x_1[i],
                    interval,
                    partial(_moves, uniforms),
                )
            changed = {i: tokens[i] != x_t.segments[i].tokens for i in active}
            x_t = x_t.with_tokens(tokens)
            arrived = False
            if self.patience is not None:  # comparing waits for the device
                calm = calm + 1 if before and _same(before, x_1) else 0
                before = x_1
                arrived = calm >= self.patience and _same(tokens, x_1)
            yield Step(
                index=index,
                num_steps=num_steps,
                last=arrived or index == num_steps - 1,
                t=t_1,
                x_t=x_t,
                x_1=x_1,
                changed=changed,
                confidence=confidence,
                nfe=index + 1,
                num_active=evaluated_positions(denoiser, num_active),
            )
            if arrived:
                return

    def _predict(
        self,
        posterior: Posterior,
        segment: Segment,
        active: Tensor,
        uniforms: Tensor,
        temperature: float,
    ) -> tuple[Tensor, Tensor]:
        """x_1 "B L Q" and its confidence; where not `active` "B L 1", the present tokens and 1."""
        drawn, confidence = draw_posterior(
            posterior, uniforms, temperature=temperature, top_p=self.top_p
        )
        drawn = self.metrics[segment.modality].canonical(drawn)
        x_1 = torch.where(active, drawn, segment.tokens)
        return x_1, torch.where(active, confidence, torch.ones_like(confidence))

    def _canonical(self, x_0: OmniSequence, active: Mapping[int, Tensor]) -> OmniSequence:
        """x_0 with equal codes merged where it is active, once it is known to hold states only."""
        tokens: dict[int, Tensor] = {}
        for i, mask in active.items():
            segment = x_0.segments[i]
            if segment.modality not in self.metrics:
                raise ValueError(f"no metric was given for the modality {segment.modality}")
            metric = self.metrics[segment.modality]
            if bool((mask & ~metric.is_allowed(segment.tokens)).any()):
                raise ValueError(
                    f"segment {i} ({segment.modality}) starts from ids that are no states of the "
                    f"flow: draw them with random_source"
                )
            inside = segment.tokens.clamp(0, metric.cardinality - 1)
            tokens[i] = torch.where(mask, metric.canonical(inside), segment.tokens)
        return x_0.with_tokens(tokens)


def _uniforms(
    draws: Draws, index: int, segment_index: int, segment: Segment, purpose: int
) -> Tensor:
    """The uniforms "B L Q" of one step of one segment for one purpose."""
    shape = (segment.length, segment.tokens.shape[2])
    return draws.uniform(index, stream(purpose, segment_index), shape)


def _moves(uniforms: Callable[[int], Tensor], number: int) -> Tensor:
    """Number `number` of the transition."""
    return uniforms(Purpose.MOVE + number)


def _same(one: Mapping[int, Tensor], other: Mapping[int, Tensor]) -> bool:
    return all(torch.equal(one[i], other[i]) for i in one)
