"""A sampler that writes positions from the first to the last: what the one file of a new one is."""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from flow.sequence import OmniSequence
from samplers.categorical import draw_posterior
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.sampler import Resume, SamplerSettings, SamplerSpec
from samplers.source import Purpose, masked_source, stream
from samplers.step import Step


@dataclass(frozen=True)
class InOrderSampler:
    """steps: network calls; each writes an equal share of the positions."""

    steps: int
    temperature: float = 1.0

    @classmethod
    def from_settings(cls, settings: SamplerSettings) -> "InOrderSampler":
        return cls(settings.steps, settings.temperature)

    def num_steps(self, x_0: OmniSequence) -> int:
        return self.steps

    @torch.inference_mode()
    def sample(
        self, denoiser: Denoiser, x_0: OmniSequence, *, draws: CounterRNG
    ) -> Generator[Step]:
        place, x_t = len(x_0.segments) - 1, x_0
        length, codes = x_0.segments[place].length, x_0.segments[place].tokens.shape[2]
        positions = torch.arange(length)
        for index in range(self.steps):
            before = x_t.segments[place].tokens
            uniforms = draws.uniform(index, stream(Purpose.PREDICT, place), (length, codes))
            posterior = denoiser(x_t, index / self.steps)[place]
            x_1, confidence = draw_posterior(posterior, uniforms, temperature=self.temperature)
            done = length * index // self.steps
            until = length * (index + 1) // self.steps
            fresh = ((positions >= done) & (positions < until))[None, :, None]
            tokens = torch.where(fresh, x_1, before)
            x_t = x_t.with_tokens({place: tokens})
            yield Step(
                index=index,
                num_steps=self.steps,
                last=index == self.steps - 1,
                t=(index + 1) / self.steps,
                x_t=x_t,
                x_1={place: x_1},
                changed={place: tokens != before},
                confidence={place: confidence},
                nfe=index + 1,
                num_active=length,
            )


SPEC = SamplerSpec(
    label="writing in order",
    build=InOrderSampler.from_settings,
    source=masked_source,
    num_steps=min,
    resume=Resume.MASK,
    trained_as="masked",
    settings=frozenset({"steps"}),
)
