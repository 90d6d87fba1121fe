"""The plan of one segment, from complete settings.

Owns: the defaults that a checkpoint fills in, the choice of sampler and denoiser, and the CUDA
graphs of a GPU. Does not own: conversations (`engine.generation.segment_builder`), events
(`engine.generation.answer`).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.api.request import InitialState
from engine.api.sampling import Sampling
from engine.denoisers.alternatives import CausalTopKRecorder, TopKRecorder
from engine.denoisers.cache import CachedDenoiser, FeatureBuffers
from engine.denoisers.end_marker import ClosedDenoiser
from engine.denoisers.guidance import GuidedCausalDenoiser, GuidedDenoiser
from engine.generation.clocks import Clocks
from engine.generation.resume import StateSpace, initial_segment, times_from
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, response
from model.network.omni import OmniModel
from model.prompt_template import END
from model.tokenizers.text import ENDS, EOS, PAD
from samplers.autoregressive import CausalDenoiser
from samplers.blockwise import BlockwiseSampler
from samplers.catalogue import SAMPLERS
from samplers.counter_rng import CounterRNG
from samplers.cuda_graph import CudaCapture, CudaGraphCache, can_record, padded_length
from samplers.denoiser import Denoiser
from samplers.sampler import Sampler, SamplerSettings, SamplerSpec
from samplers.step import Step

CHECK_EVERY_ON_CUDA = 8
"""Positions between two looks whether every row has stopped: a look waits for the GPU."""


@dataclass(frozen=True)
class SegmentPlan:
    """One segment of one or more rows, ready to run.

    x_0: the prompt and the initial state of the segment. draws: one seed a row. alternatives: the
    recorder inside the denoiser, where the run is watched.
    """

    sampler: Sampler
    denoiser: Denoiser | CausalDenoiser
    x_0: OmniSequence
    draws: CounterRNG
    alternatives: TopKRecorder | CausalTopKRecorder | None = None

    @property
    def num_steps(self) -> int:
        """The steps of the run, where it does not end early."""
        return self.sampler.num_steps(self.x_0)

    def steps(self) -> Generator[Step]:
        """Return the sampler's own generator."""
        return self.sampler.sample(self.denoiser, self.x_0, draws=self.draws)


class Planner:
    """Plans of one model.

    flows: the path and defaults of each modality that it can write. lengths: its longest answer in
    positions; of sound, one block. graphs: the recorded steps; None where they are not recorded.
    """

    def __init__(self, model: OmniModel) -> None:
        config = model.config
        self.model = model
        self.metrics = model.metrics()
        self.flows = {m: config.flows[m] for m in (Modality.TEXT, *config.media)}
        self.lengths = {Modality.TEXT: config.text_length}
        if config.vision is not None:
            self.lengths[Modality.IMAGE] = config.vision.positions
        if config.audio is not None:
            self.lengths[Modality.AUDIO] = config.audio_block
        if Modality.VIDEO in config.media:
            self.lengths[Modality.VIDEO] = config.video_frames * config.required_vision.positions
        records = can_record([model.device, *model.backbone.devices()])
        self.capture = CudaCapture(model.device) if records else None
        self.graphs = self.capture and CudaGraphCache(self.capture, lock=self.capture.lock)
        self.clocks = Clocks(self.metrics, self.flows)
        self._feature_buffers = FeatureBuffers()

    def complete(self, asked: Sampling, modality: Modality) -> Sampling:
        """Return the asked settings with the checkpoint's defaults filled in. Words and sound are
        not guided by a scale that was meant for pictures and films.

        Raises: ValueError where the checkpoint cannot write the modality, or was not trained for
        the sampler.
        """
        if modality not in self.flows:
            known = ", ".join(self.flows)
            why = self.model.config.missing.get(modality)
            raise ValueError(
                f"this checkpoint cannot answer with {modality}: {why or f'it does {known}'}"
            )
        flow, name = self.flows[modality], self._sampler(asked)
        spec = SAMPLERS[name]
        on_a_path = "transition" in spec.settings
        pictured = modality in (Modality.IMAGE, Modality.VIDEO)
        guidance = asked.guidance_scale if pictured else None
        steps = flow.steps if asked.steps is None else asked.steps
        return replace(
            asked,
            sampler=name,
            mask_schedule=asked.mask_schedule or flow.mask_schedule,
            steps=spec.num_steps(steps, self.lengths[modality]),
            transition=asked.transition or flow.transition if on_a_path else None,
            grid=asked.grid or flow.grid if on_a_path else None,
            c=(flow.c if asked.c is None else asked.c) if on_a_path else None,
            a=(flow.a if asked.a is None else asked.a) if on_a_path else None,
            guidance_scale=flow.guidance_scale if guidance is None else guidance,
            temperature=flow.temperature if asked.temperature is None else asked.temperature,
            top_p=flow.top_p if asked.top_p is None else asked.top_p,
        )

    def padded(self, length: int) -> int:
        """Return the positions to which a prompt's part or an answer is padded: more than there
        are only where steps are recorded."""
        return length if self.graphs is None else padded_length(length)

    def noise(
        self, modality: Modality, sampling: Sampling, draws: CounterRNG, segment: int
    ) -> Tensor:
        """Return x_0 of an answer, int64 "B L Q", a row a seed. sampling: complete."""
        space, length = self.model.spaces[modality], self.lengths[modality]
        return _spec(sampling).source(space, draws.batch, length, draws, segment=segment)

    def plan(
        self,
        prompt: Sequence[Segment],
        modality: Modality,
        sampling: Sampling,
        draws: CounterRNG,
        segment: int,
        *,
        start: InitialState | None = None,
        num_alternatives: int = 0,
    ) -> SegmentPlan:
        """Return the plan of an answer to a prompt, a row a seed of `draws`.

        sampling: complete. segment: number of the answer's segment, which seeds its noise. start:
        where it begins, one row; it then has the length of that. num_alternatives: how many
        alternatives of each code are recorded.

        Raises: ValueError where the start is no state of this checkpoint.
        """
        spec = _spec(sampling)
        settings = self._settings(sampling, modality, start)
        recorder: TopKRecorder | CausalTopKRecorder | None = None
        denoiser: Denoiser | CausalDenoiser
        if spec.causal:
            denoiser = causal = self._causal(sampling)
            if num_alternatives:
                denoiser = recorder = CausalTopKRecorder(causal, num_alternatives)
                settings = replace(settings, record=None)
        else:
            denoiser = parallel = self.denoiser(sampling, modality)
            if num_alternatives:
                denoiser = recorder = TopKRecorder(parallel, num_alternatives)
        sampler = spec.build(settings)
        if start is None:
            answer = response(modality, self.noise(modality, sampling, draws, segment))
            sampler = self._in_blocks(sampler, spec, modality)
        else:
            states = self._states(start, sampling)
            answer = initial_segment(start, spec.resume, states, draws, segment)
        return SegmentPlan(sampler, denoiser, OmniSequence((*prompt, answer)), draws, recorder)

    def free(self) -> None:
        """Give back the memory of recorded graphs and kept features."""
        if self.graphs is not None:
            self.graphs.clear()
            self._feature_buffers.clear()
            torch.cuda.empty_cache()

    def denoiser(self, sampling: Sampling, modality: Modality = Modality.TEXT) -> Denoiser:
        """Return the model with cache, end marker and guidance around it, for one generation.
        sampling: complete."""
        network: Denoiser = self.model
        if sampling.cache_share is not None:
            buffers = FeatureBuffers() if self.graphs is None else self._feature_buffers
            network = CachedDenoiser(
                self.model, sampling.cache_share, sampling.prompt_every, buffers
            )
        if self.model.config.dialogue.tasks is not None and modality is Modality.IMAGE:
            network = ClosedDenoiser(network, END[modality])
        scale = _scale(sampling)
        if scale == 0:
            return network
        return GuidedDenoiser(network, scale, sampling.guidance_interval, sampling.guidance_every)

    def _causal(self, sampling: Sampling) -> CausalDenoiser:
        scale = _scale(sampling)
        return GuidedCausalDenoiser(self.model, scale) if scale > 0 else self.model

    def _sampler(self, asked: Sampling) -> str:
        """The name of the sampler that was asked for, or else of the checkpoint's own."""
        trained = self.model.config.samplers
        name = asked.sampler or ("flow" if asked.transition is not None else trained[0])
        if SAMPLERS[name].trained_as not in trained:
            known = " and ".join(SAMPLERS[n].label for n in trained)
            raise ValueError(
                f"this checkpoint was trained for {known} "
                f"alone, not for {SAMPLERS[name].label}: leave the method to it"
            )
        return name

    def _settings(
        self, sampling: Sampling, modality: Modality, start: InitialState | None
    ) -> SamplerSettings:
        """Everything that a sampler may be built from, of complete settings. One that goes on from
        a start takes those of its steps that end after it."""
        flow, from_t = self.flows[modality], 0.0 if start is None else start.t
        assert sampling.temperature is not None and sampling.top_p is not None
        assert sampling.steps is not None and sampling.mask_schedule is not None
        times, first_index = (), 0
        if sampling.reads("grid"):  # a modality without a metric has no grid
            times, first_index = times_from(self.clocks.times(sampling, modality), from_t)
        in_words = modality is Modality.TEXT
        return SamplerSettings(
            spaces=self.model.spaces,
            metrics=self.metrics,
            times=times,
            first_index=first_index,
            clock=self.clocks.path(sampling, modality),
            steps=sampling.steps,
            from_t=from_t,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            initial_temperature=flow.initial_temperature,
            choice_temperature=flow.choice_temperature,
            block=flow.block,
            transition=sampling.transition,
            patience=sampling.patience,
            remasking=sampling.remasking,
            mask_schedule=sampling.mask_schedule,
            threshold=sampling.threshold,
            stop=ENDS if in_words else (),
            stop_at_end=sampling.stop_at_end,
            fill=PAD,
            recorder=self.graphs,
            record=None if self.capture is None else self.capture.in_place,
            check_every=CHECK_EVERY_ON_CUDA if self.model.device.type == "cuda" else 1,
        )

    def _in_blocks(self, sampler: Sampler, spec: SamplerSpec, modality: Modality) -> Sampler:
        """The sampler over as many blocks as the words need, where the checkpoint knows more than
        one and the sampler does not fill them one after the other."""
        config = self.model.config
        in_turn = spec.causal or ("block" in spec.settings and self.flows[modality].block)
        if modality is not Modality.TEXT or config.text_blocks == 1 or in_turn:
            return sampler
        return BlockwiseSampler(sampler, config.text_block, (EOS,), padded=self.padded)

    def _states(self, start: InitialState, sampling: Sampling) -> StateSpace:
        return StateSpace(
            self.model.spaces[start.modality],
            self.metrics[start.modality],
            self.clocks.path(sampling, start.modality),
            self.lengths[start.modality],
        )


def _spec(sampling: Sampling) -> SamplerSpec:
    assert sampling.sampler is not None
    return SAMPLERS[sampling.sampler]


def _scale(sampling: Sampling) -> float:
    assert sampling.guidance_scale is not None
    return sampling.guidance_scale
