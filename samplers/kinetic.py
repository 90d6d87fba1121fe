"""The kinetic-optimal sampler: discrete flow matching from random ids to an answer.

Each step: one network call, one draw of x_1 ~ p_{1|t}(. | x_t), one jump towards it, one `Step`.
Source: Luo et al. 2025 (arXiv:2510.13721), App. A. Owns: the loop. Does not own: rates and
jumps (`flow.transition`), the network, guidance and caches (wrappers around it).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from flow.metric import CodebookMetric
from flow.modality import Modality
from flow.schedule import PAPER, Clock, check_times, uniform_grid
from flow.sequence import OmniSequence, Segment
from flow.transition import TRANSITIONS, Interval, advance
from samplers.categorical import check_draw, draw_posterior
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser, Posterior, evaluated_positions
from samplers.sampler import PARALLEL_SETTINGS, Resume, SamplerSettings, SamplerSpec
from samplers.source import Purpose, active_positions, random_source, stream
from samplers.step import KineticRun, Step, StepInputs, StepResult, on_device


class Recorder(Protocol):
    """Runs `KineticSampler.refine` in another way, with the same result (`samplers.cuda_graph`)."""

    def __call__(
        self,
        sampler: "KineticSampler",
        denoiser: Denoiser,
        x_t: OmniSequence,
        moment: StepInputs,
        draws: CounterRNG,
    ) -> StepResult: ...


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
    None never does. recorder: takes the place of `refine`; None is `refine` itself. first_index:
    number of the first call, where the run goes on from the middle of another; its uniforms are
    then those that the other would have drawn.

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
    recorder: Recorder | None = None
    first_index: int = 0

    source = staticmethod(random_source)

    @classmethod
    def from_settings(cls, settings: SamplerSettings) -> "KineticSampler":
        """Return the sampler of complete settings."""
        assert settings.transition is not None
        return cls(
            metrics=settings.metrics,
            times=settings.times,
            transition=settings.transition,
            schedule=settings.clock,
            temperature=settings.temperature,
            top_p=settings.top_p,
            initial_temperature=settings.initial_temperature,
            patience=settings.patience,
            recorder=settings.recorder,
            first_index=settings.first_index,
        )

    def num_steps(self, x_0: OmniSequence) -> int:
        """Return the steps of a run: one for each of `times` after the first."""
        return len(self.times) - 1

    def __post_init__(self) -> None:
        check_times(self.times)
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1 step, not {self.patience}")
        if self.transition not in TRANSITIONS:
            known = ", ".join(TRANSITIONS)
            raise ValueError(f"unknown transition {self.transition!r}: choose one of {known}")
        check_draw(self.temperature, self.top_p)

    def step(
        self, denoiser: Denoiser, x_t: OmniSequence, moment: StepInputs, draws: CounterRNG
    ) -> StepResult:
        """One refinement, recorded where there is a recorder."""
        if self.recorder is None:
            return self.refine(denoiser, x_t, moment, draws)
        return self.recorder(self, denoiser, x_t, moment, draws)

    def temperature_at(self, t: float) -> float:
        """The temperature of a step that starts at t in [0, 1)."""
        start = self.temperature if self.initial_temperature is None else self.initial_temperature
        return start + (self.temperature - start) * t

    @torch.inference_mode()
    def sample(
        self, denoiser: Denoiser, x_0: OmniSequence, *, draws: CounterRNG
    ) -> Generator[Step]:
        """Yields a Step a time after the first, the last with x_t = x_1; one call of `denoiser`
        each.

        Only positions that are editable and valid ever change; elsewhere x_1 repeats x_t, with
        confidence 1. `draws` has one seed a batch row.

        Raises: ValueError where an editable id of x_0 is no state, or its modality has no metric.
        """
        run = self.begin(x_0, draws.seeds.device)
        while (moment := run.moment) is not None:
            refined = self.step(denoiser, run.x_t, moment, draws)
            yield run.take(refined, evaluated_positions(denoiser, run.num_active))

    def begin(self, x_0: OmniSequence, device: torch.device) -> KineticRun:
        """Return the run from x_0, before its first step. device: of the draws.

        Raises: see `sample`."""
        x_t = self._canonical(x_0.with_cached_flags())
        moments = self.moments() if device.type == "cpu" else on_device(self.moments(), device)
        return KineticRun(x_t, self.times, moments, self.patience)

    def refine(
        self, denoiser: Denoiser, x_t: OmniSequence, moment: StepInputs, draws: CounterRNG
    ) -> StepResult:
        """One refinement: a network call, a draw of x_1, a jump. Where the numbers of the moment
        are on the device, nothing in here waits for it (`thinning` apart): it can be recorded."""
        tokens: dict[int, Tensor] = {}
        x_1: dict[int, Tensor] = {}
        confidence: dict[int, Tensor] = {}
        posteriors = denoiser(x_t, moment.t)
        for i in x_t.editable_segments():
            segment = x_t.segments[i]
            uniforms = partial(_uniforms, draws, moment.index, i, segment)
            x_1[i], confidence[i] = self._predict(
                posteriors[i], segment, uniforms(Purpose.PREDICT), moment.temperature
            )
            tokens[i] = advance(
                TRANSITIONS[self.transition],
                self.metrics[segment.modality],
                segment.tokens,
                x_1[i],
                moment.interval,
                partial(_moves, uniforms),
                dense_step=isinstance(moment.index, Tensor) and moment.index.ndim == 0,
            )
        changed = {i: tokens[i] != x_t.segments[i].tokens for i in tokens}
        return StepResult(tokens, x_1, changed, confidence)

    def moments(self) -> list[StepInputs]:
        """One for each network call."""
        return [
            StepInputs(t_0, index, Interval.of(self.schedule, t_0, t_1), self.temperature_at(t_0))
            for index, (t_0, t_1) in enumerate(pairwise(self.times), self.first_index)
        ]

    def _predict(
        self,
        posterior: Posterior,
        segment: Segment,
        uniforms: Tensor,
        temperature: float | Tensor,
    ) -> tuple[Tensor, Tensor]:
        """x_1 "B L Q" and its confidence; where nothing may change, the present tokens and 1."""
        active = active_positions(segment).unsqueeze(-1)
        drawn, confidence = draw_posterior(
            posterior, uniforms, temperature=temperature, top_p=self.top_p
        )
        drawn = self.metrics[segment.modality].canonical(drawn)
        x_1 = torch.where(active, drawn, segment.tokens)
        return x_1, torch.where(active, confidence, torch.ones_like(confidence))

    def _canonical(self, x_0: OmniSequence) -> OmniSequence:
        """x_0 with equal codes merged where it is active, once it is known to hold states only."""
        tokens: dict[int, Tensor] = {}
        for i in x_0.editable_segments():
            segment = x_0.segments[i]
            mask = active_positions(segment).unsqueeze(-1)
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
    draws: CounterRNG, index: int | Tensor, segment_index: int, segment: Segment, purpose: int
) -> Tensor:
    """The uniforms "B L Q" of one step of one segment for one purpose."""
    shape = (segment.length, segment.tokens.shape[2])
    return draws.uniform(index, stream(purpose, segment_index), shape)


def _moves(uniforms: Callable[[int], Tensor], number: int) -> Tensor:
    """Number `number` of the transition."""
    return uniforms(Purpose.MOVE + number)


SPEC = SamplerSpec(
    label="flow matching",
    build=KineticSampler.from_settings,
    source=random_source,
    num_steps=lambda asked, positions: asked,
    resume=Resume.PATH,
    trained_as="flow",
    settings=PARALLEL_SETTINGS | {"transition", "grid", "c", "a", "patience"},
    variants=tuple(TRANSITIONS),
    says={
        "euler": "Jumps at the rates of each step's beginning, as the paper prints it.",
        "euler_beta": "Euler with the whole exposure of each step.",
        "midpoint": "Jumps at the rates of each step's middle: nearer to the law.",
        "thinning": "The paper's process itself, with no error of its own.",
        "coupling": "The same law with the fewest changes.",
    },
)
