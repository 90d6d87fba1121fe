"""From settings to a run: which sampler, on which network, with what wrapped around it.

Owns: the defaults that a checkpoint fills in, the choice of sampler and denoiser, and the recorder
of a GPU. Does not own: conversations, events and previews (`engine.engine`).
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from engine.api.request import InitialState
from engine.api.sampling import SamplerKind, Sampling
from engine.denoisers.alternatives import WatchedCausalDenoiser, WatchedDenoiser
from engine.denoisers.cache import CachedDenoiser, FeatureBuffers
from engine.denoisers.end_marker import ClosedDenoiser
from engine.denoisers.guidance import GuidedCausalDenoiser, GuidedDenoiser
from engine.generation.resume import StateSpace, begun, times_from
from engine.inspection.path_preview import CodeTable, PathPreview, code_table, preview_of
from flow.calibration import PathPoint, information_clock, path_table
from flow.modality import Modality
from flow.schedule import Clock, Schedule, times_as_even, uniform_grid
from flow.sequence import OmniSequence, Segment, response
from model.network.omni import OmniModel
from model.prompt_template import END
from model.tokenizers.text import ENDS, EOS, PAD
from samplers.autoregressive import AutoregressiveSampler
from samplers.blockwise import BlockwiseSampler, ParallelSampler
from samplers.counter_rng import CounterRNG
from samplers.cuda_graph import CudaGraphCache, can_record, record_cuda
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.masked import MaskedSampler
from samplers.step import Step

NAMES = {
    "flow": "flow matching",
    "masked": "masked diffusion",
    "autoregressive": "reading from left to right",
}
CHECK_EVERY_ON_CUDA = 8
"""Positions from one look whether everybody has stopped to the next: a look waits for the GPU."""


class Runner:
    """Runs of one model. flows: the path and defaults of each modality that it can write. lengths:
    its longest answer, in positions; of sound, a block of it. records: whether steps are recorded
    as CUDA graphs."""

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
        self.records = can_record([model.device, *model.backbone.devices()])
        self.recorder = CudaGraphCache() if self.records else None
        self._rooms = FeatureBuffers()
        self._even_clocks: dict[tuple[str, Modality], Clock | None] = {}
        self._code_tables: dict[Modality, CodeTable] = {}
        self._paths: dict[Modality, list[PathPoint]] = {}

    def complete(self, asked: Sampling, modality: Modality) -> Sampling:
        """The asked settings with the checkpoint's defaults filled in; words and sound are not
        guided by a scale that was meant for pictures and films.

        Raises: ValueError where the checkpoint cannot write the modality, or was not trained for
        the sampler.
        """
        if modality not in self.flows:
            known = ", ".join(self.flows)
            why = self.model.config.missing.get(modality)
            raise ValueError(
                f"this checkpoint cannot answer with {modality}: {why or f'it does {known}'}"
            )
        flow, sampler = self.flows[modality], self._sampler(asked)
        by_flow = sampler == SamplerKind.FLOW
        pictured = modality in (Modality.IMAGE, Modality.VIDEO)
        guidance = asked.guidance_scale if pictured else None
        return replace(
            asked,
            sampler=str(sampler),
            mask_schedule=asked.mask_schedule or flow.mask_schedule,
            steps=self._num_steps(asked.steps, sampler, modality),
            transition=asked.transition or flow.transition if by_flow else None,
            grid=asked.grid or flow.grid if by_flow else None,
            c=(flow.c if asked.c is None else asked.c) if by_flow else None,
            a=(flow.a if asked.a is None else asked.a) if by_flow else None,
            guidance_scale=flow.guidance_scale if guidance is None else guidance,
            temperature=flow.temperature if asked.temperature is None else asked.temperature,
            top_p=flow.top_p if asked.top_p is None else asked.top_p,
        )

    def noise(
        self, modality: Modality, sampling: Sampling, draws: CounterRNG, segment: int
    ) -> Tensor:
        """What an answer begins as, int64 "B L Q", a row a seed; sampling: complete."""
        space, length = self.model.spaces[modality], self.lengths[modality]
        sampler = self.parallel(sampling, modality)
        return sampler.source(space, draws.batch, length, draws, segment=segment)

    def run(
        self,
        prompt: Sequence[Segment],
        modality: Modality,
        sampling: Sampling,
        draws: CounterRNG,
        segment: int,
        *,
        start: InitialState | None = None,
        watch: int = 0,
    ) -> Generator[Step]:
        """The steps of an answer to a prompt, a row a seed of `draws`. sampling: complete.
        segment: number of the answer's segment, which seeds its noise. start: where it begins, one
        row; it then has the length of that. watch: how many alternatives of each code a step brings
        along.

        Raises: ValueError where the start is no state of this checkpoint.
        """
        space, length = self.model.spaces[modality], self.lengths[modality]
        scale = sampling.guidance_scale
        assert scale is not None
        watched: WatchedDenoiser | WatchedCausalDenoiser | None = None
        if sampling.sampler == SamplerKind.AUTOREGRESSIVE:
            sampler = self._autoregressive(sampling, modality)
            causal = GuidedCausalDenoiser(self.model, scale) if scale > 0 else self.model
            if watch:
                causal = watched = WatchedCausalDenoiser(causal, watch)
                sampler = replace(sampler, record=None)
            run = partial(sampler.sample, causal)
        else:
            sampler = self.parallel(sampling, modality, start)
            network = self.denoiser(sampling, scale, modality)
            if watch:
                network = watched = WatchedDenoiser(network, watch)
            fitted = sampler if start is not None else self._in_blocks(sampler, modality)
            run = partial(fitted.sample, network)
        if start is None:
            source = sampler.source(space, draws.batch, length, draws, segment=segment)
            answer = response(modality, source)
        else:
            answer = begun(start, sampling, self._states(start, sampling), draws, segment)
        steps = run(OmniSequence((*prompt, answer)), draws=draws)
        return steps if watched is None else _with_alternatives(steps, watched)

    def free(self) -> None:
        """Give back the memory of what was recorded and kept."""
        if self.recorder is not None:
            self.recorder.clear()
            self._rooms.clear()
            torch.cuda.empty_cache()

    def path(self, modality: Modality) -> list[PathPoint]:
        """What is known of a code of each codebook along the checkpoint's path; a second the first
        time."""
        if modality not in self._paths:
            clock = self._clock(modality, Sampling())
            self._paths[modality] = path_table(self.metrics[modality], clock)
        return self._paths[modality]

    def preview(self, sampling: Sampling, modality: Modality) -> PathPreview:
        """What a run of the flow with these settings does to a code; seconds the first time.

        Raises: ValueError as `complete`.
        """
        asked = self.complete(replace(sampling, sampler="flow"), modality)
        if modality not in self._code_tables:
            self._code_tables[modality] = code_table(self.metrics[modality])
        clock, times = self._clock(modality, asked), self.times(asked, modality)
        return preview_of(self._code_tables[modality], clock, times)

    def _sampler(self, asked: Sampling) -> SamplerKind:
        """The one that was asked for, or else the checkpoint's own."""
        known = self.model.config.samplers
        named = SamplerKind.FLOW if asked.transition is not None else known[0]
        sampler = SamplerKind(asked.sampler or named)
        if sampler not in known:
            raise ValueError(
                f"this checkpoint was trained for {' and '.join(map(NAMES.__getitem__, known))} "
                f"alone, not for {NAMES[sampler]}: leave the method to it"
            )
        return sampler

    def _num_steps(self, asked: int | None, sampler: SamplerKind, modality: Modality) -> int:
        """As many as asked for; where whole positions are committed, not more than there are."""
        steps = self.flows[modality].steps if asked is None else asked
        length = self.lengths[modality]
        match sampler:
            case SamplerKind.FLOW:
                return steps
            case SamplerKind.MASKED:
                return min(steps, length)
            case SamplerKind.AUTOREGRESSIVE:
                return length

    def _in_blocks(
        self, sampler: KineticSampler | MaskedSampler, modality: Modality
    ) -> ParallelSampler:
        """Words get as many blocks as they need, where the checkpoint knows more than one and
        does not fill them one after the other."""
        config = self.model.config
        in_turn = isinstance(sampler, MaskedSampler) and sampler.block is not None
        if modality is not Modality.TEXT or config.text_blocks == 1 or in_turn:
            return sampler
        return BlockwiseSampler(sampler, config.text_block, (EOS,))

    def denoiser(
        self, sampling: Sampling, scale: float, modality: Modality = Modality.TEXT
    ) -> Denoiser:
        """The model with what is wrapped around it for one generation of that modality."""
        network: Denoiser = self.model
        if sampling.cache_share is not None:
            rooms = FeatureBuffers() if self.recorder is None else self._rooms
            network = CachedDenoiser(self.model, sampling.cache_share, sampling.prompt_every, rooms)
        if self.model.config.dialogue.tasks is not None and modality is Modality.IMAGE:
            network = ClosedDenoiser(network, END[modality])
        if scale == 0:
            return network
        return GuidedDenoiser(network, scale, sampling.guidance_interval, sampling.guidance_every)

    def steps_left(self, sampling: Sampling, modality: Modality, start: InitialState | None) -> int:
        """Network steps of complete settings from a start on."""
        if sampling.sampler == SamplerKind.AUTOREGRESSIVE:
            return num_steps(sampling) if start is None else len(start.tokens)
        sampler = self.parallel(sampling, modality, start)
        return num_steps(sampling) - sampler.first_index

    def parallel(
        self, sampling: Sampling, modality: Modality, start: InitialState | None = None
    ) -> KineticSampler | MaskedSampler:
        """The sampler of complete settings that refines all positions together. One that goes on
        from a start takes those of its steps that end after it."""
        from_t = 0.0 if start is None else start.t
        assert sampling.temperature is not None and sampling.top_p is not None
        if sampling.sampler == SamplerKind.MASKED:
            assert sampling.mask_schedule is not None
            return MaskedSampler(
                self.model.spaces,
                steps=num_steps(sampling),
                remasking=sampling.remasking,
                schedule=sampling.mask_schedule,
                block=self.flows[modality].block,
                threshold=sampling.threshold,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                choice_temperature=self.flows[modality].choice_temperature,
                first_index=min(round(from_t * num_steps(sampling)), num_steps(sampling) - 1),
                stop=ENDS if sampling.stop_at_end and modality is Modality.TEXT else (),
                fill=PAD,
            )
        times, first_index = times_from(self.times(sampling, modality), from_t)
        flow = self.flows[modality]
        assert sampling.transition is not None
        return KineticSampler(
            metrics=self.metrics,
            times=times,
            transition=sampling.transition,
            schedule=self._clock(modality, sampling),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            initial_temperature=flow.initial_temperature,
            patience=sampling.patience,
            recorder=self.recorder,
            first_index=first_index,
        )

    def times(self, sampling: Sampling, modality: Modality) -> tuple[float, ...]:
        """Where the network is called, and 1 at the end, by the grid of complete settings."""
        even = self._even_clock(sampling.grid or "uniform", modality)
        if even is None:
            return uniform_grid(num_steps(sampling))
        return times_as_even(self._clock(modality, sampling), even, num_steps(sampling))

    def _states(self, start: InitialState, sampling: Sampling) -> StateSpace:
        return StateSpace(
            self.model.spaces[start.modality],
            self.metrics[start.modality],
            self._clock(start.modality, sampling),
            self.lengths[start.modality],
        )

    def _even_clock(self, grid: str, modality: Modality) -> Clock | None:
        if (grid, modality) not in self._even_clocks:
            self._even_clocks[grid, modality] = information_clock(grid, self.metrics[modality])
        return self._even_clocks[grid, modality]

    def _clock(self, modality: Modality, sampling: Sampling) -> Schedule:
        flow = self.flows[modality]
        return Schedule(
            flow.c if sampling.c is None else sampling.c,
            flow.a if sampling.a is None else sampling.a,
        )

    def _autoregressive(self, sampling: Sampling, modality: Modality) -> AutoregressiveSampler:
        assert sampling.temperature is not None and sampling.top_p is not None
        on_cuda = self.model.device.type == "cuda"
        return AutoregressiveSampler(
            self.model.spaces,
            sampling.temperature,
            sampling.top_p,
            stop=ENDS if modality is Modality.TEXT else (),
            fill=PAD,
            check_every=CHECK_EVERY_ON_CUDA if on_cuda else 1,
            record=record_cuda if self.records else None,
        )


def num_steps(sampling: Sampling) -> int:
    """Network steps of complete settings."""
    assert sampling.steps is not None
    return sampling.steps


def _with_alternatives(
    steps: Generator[Step], watched: WatchedDenoiser | WatchedCausalDenoiser
) -> Generator[Step]:
    """The steps with what was seen in the network call of each."""
    with closing(steps):
        for step in steps:
            yield replace(step, alternatives=watched.alternatives())
