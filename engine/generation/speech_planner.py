"""The plan of one block of speech, from the words to say.

Owns: the speaker's own defaults, and its sampler. Does not own: the blocks of a sentence
(`engine.generation.segment_spec`), the network (`model.network.text_to_speech`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from engine.api.sampling import Sampling
from engine.denoisers.alternatives import TopKRecorder
from engine.generation.planner import SegmentPlan
from engine.generation.segment_spec import SegmentSpec
from engine.media.voice import Voice
from flow.metric import CodebookMetric
from flow.modality import Modality
from flow.schedule import TUNED, Schedule, times_as_even
from flow.sequence import OmniSequence, prompt, response
from model.network.text_to_speech import CLOCK, SPACE, spelled
from samplers.catalogue import SAMPLERS
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.sampler import SamplerSettings

SPACES = {Modality.AUDIO: SPACE}
SAMPLER = "masked"
DEFAULTS: dict[str, Any] = {
    "steps": 12, "temperature": 0.3, "top_p": 1.0, "mask_schedule": "cosine",
    "transition": "midpoint", "grid": "tuned", "c": CLOCK.c, "a": CLOCK.a,
}  # fmt: skip
"""The speaker's own: those that `evaluation.text_to_speech` measures."""
ON_A_PATH = ("transition", "grid", "c", "a")


@dataclass(frozen=True)
class SpeechPlanner:
    """Plans of one voice. The path of flow matching is the speaker's own."""

    voice: Voice

    def complete(self, asked: Sampling) -> Sampling:
        """Return the asked settings with the speaker's defaults filled in. It does not read from
        left to right, and no scale guides it."""
        name = asked.sampler or ("flow" if asked.transition is not None else SAMPLER)
        name = SAMPLER if SAMPLERS[name].causal else name
        filled = {k: v if (own := getattr(asked, k)) is None else own for k, v in DEFAULTS.items()}
        if "transition" not in SAMPLERS[name].settings:
            filled |= dict.fromkeys(ON_A_PATH)
        return replace(asked, **filled, sampler=name, guidance_scale=0.0)

    def plan(
        self, specs: Sequence[SegmentSpec], draws: CounterRNG, *, num_alternatives: int = 0
    ) -> SegmentPlan:
        """Return the plan of the next block of sentences, a row a sentence; all have as many codes
        before it, and complete settings that agree."""
        first, network = specs[0], self.voice.speaker.network
        sampling, device = first.sampling, draws.seeds.device
        assert sampling.sampler is not None
        kind = SAMPLERS[sampling.sampler]
        words = spelled([spec.says or "" for spec in specs], device)
        before = [words]
        if first.prefix_codes is not None:
            said = [s.prefix_codes for s in specs if s.prefix_codes is not None]
            before.append(prompt(Modality.AUDIO, torch.stack(said).to(device)))
        x_0 = kind.source(SPACE, draws.batch, network.config.block, draws, segment=first.noise)
        denoiser: Denoiser = network
        recorder = TopKRecorder(network, num_alternatives) if num_alternatives else None
        return SegmentPlan(
            kind.build(self._settings(sampling)),
            recorder or denoiser,
            OmniSequence((*before, response(Modality.AUDIO, x_0))),
            draws,
            recorder,
        )

    @cached_property
    def _metrics(self) -> dict[Modality, CodebookMetric]:
        network = self.voice.speaker.network
        return {m: metric.to(network.sound.device) for m, metric in network.metrics().items()}

    def _settings(self, sampling: Sampling) -> SamplerSettings:
        """Everything that a sampler may be built from, of complete settings."""
        assert sampling.temperature is not None and sampling.top_p is not None
        assert sampling.steps is not None and sampling.mask_schedule is not None
        clock, times = CLOCK, ()
        if sampling.reads("grid"):
            assert sampling.c is not None and sampling.a is not None
            clock = Schedule(sampling.c, sampling.a)
            times = times_as_even(clock, TUNED, sampling.steps)
        return SamplerSettings(
            spaces=SPACES,
            metrics=self._metrics,
            times=times,
            clock=clock,
            steps=sampling.steps,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            transition=sampling.transition,
            patience=sampling.patience,
            remasking=sampling.remasking,
            mask_schedule=sampling.mask_schedule,
            threshold=sampling.threshold,
        )
