"""Autoregression: one position after the other, each given those before it, with a key-value cache.

The baseline of every comparison, over the same weights: what differs from the other samplers is the
order, not the model. Owns: the loop, and the protocol of a network that can be read causally.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence, Segment
from samplers.categorical import check_draw, draw_posterior
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Posterior
from samplers.sampler import Resume, SamplerSettings, SamplerSpec
from samplers.source import Purpose, active_positions, masked_source, stream
from samplers.step import Step


@runtime_checkable
class Decoding(Protocol):
    """One causal run over the last segment of a sequence."""

    def next(self, tokens: Tensor | None, index: Tensor) -> Posterior:
        """One network call: the posterior of position `index` (int64 without an axis, from 0
        upwards), over "B 1 Q", given the tokens "B Q" of the position before it (None at the
        first)."""
        ...


@runtime_checkable
class CausalDenoiser(Protocol):
    """A network that can also be read from left to right."""

    def begin(self, x_0: OmniSequence) -> Decoding:
        """A run over the last segment of x_0, the segments before it being its prompt."""
        ...


@dataclass(frozen=True)
class AutoregressiveSampler:
    """Hyperparameters of the sampler.

    spaces: of every modality that may be edited. temperature >= 0 (0: argmax) and top_p in (0, 1]:
    the draw of each code. stop: ids that end a row of one sub-codebook; what follows is `fill`, and
    the run ends when every row has stopped. check_every: positions from one look at that to the
    next; a look waits for the device. record: turns the writing of one position, which changes
    tensors in place, into a faster way to do the same (`samplers.cuda_graph.CudaCapture.in_place`).

    Raises: ValueError where a value is out of range.
    """

    spaces: Mapping[Modality, TokenSpace]
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[int, ...] = ()
    fill: int = 0
    check_every: int = 1
    record: Callable[[Callable[[], None]], Callable[[], None]] | None = None

    source = staticmethod(masked_source)

    @classmethod
    def from_settings(cls, settings: SamplerSettings) -> "AutoregressiveSampler":
        """Return the sampler of complete settings."""
        return cls(
            settings.spaces,
            settings.temperature,
            settings.top_p,
            stop=settings.stop,
            fill=settings.fill,
            check_every=settings.check_every,
            record=settings.record,
        )

    def num_steps(self, x_0: OmniSequence) -> int:
        """Return the positions of the last segment."""
        return x_0.segments[-1].length

    def __post_init__(self) -> None:
        check_draw(self.temperature, self.top_p)
        if self.check_every < 1:
            raise ValueError(f"check_every must be at least 1, not {self.check_every}")

    @torch.inference_mode()
    def sample(
        self, denoiser: CausalDenoiser, x_0: OmniSequence, *, draws: CounterRNG
    ) -> Generator[Step]:
        """Yields a Step a position. x_1 equals x_t: the positions still to come are masked in both.

        Positions of the last segment that may not change are read, not drawn.

        Raises: ValueError unless exactly the last segment may change and all of it exists.
        """
        place = len(x_0.segments) - 1
        segment = x_0.segments[place]
        if x_0.editable_segments() != (place,) or not bool(segment.valid.all()):
            raise ValueError("autoregression writes the last segment and nothing else")
        writing = _DecodeState(self, denoiser.begin(x_0), draws, place, segment)
        write = writing.first
        for index in range(segment.length):
            before = writing.tokens.clone()
            write()
            looks = bool(self.stop) and (index + 1) % self.check_every == 0
            ended = looks and bool(writing.has_stopped().all())
            if ended:
                writing.fill_the_rest()
            tokens = writing.tokens.clone()
            yield Step(
                index=index,
                num_steps=segment.length,
                last=ended or index == segment.length - 1,
                t=(index + 1) / segment.length,
                x_t=x_0.with_tokens({place: tokens}),
                x_1={place: tokens.clone()},
                changed={place: tokens != before},
                confidence={place: writing.confidence.clone()},
                nfe=index + 1,
                num_active=1,
            )
            if ended:
                return
            writing.index += 1
            if index == 0:
                write = writing.next if self.record is None else self.record(writing.next)


class _DecodeState:
    """The tensors of one run, written in place, one position a call; doing a call twice changes
    nothing. tokens, confidence: "B L Q". index: the position, without an axis."""

    def __init__(
        self,
        sampler: AutoregressiveSampler,
        decoding: Decoding,
        draws: CounterRNG,
        place: int,
        segment: Segment,
    ) -> None:
        self._sampler, self._decoding = sampler, decoding
        self._active = active_positions(segment).unsqueeze(-1)
        mask_id = sampler.spaces[segment.modality].mask_id
        self.tokens = torch.where(self._active, mask_id, segment.tokens)
        device = self.tokens.device
        self.confidence = torch.ones(self.tokens.shape, device=device)
        self._end = torch.full((len(self.tokens),), segment.length, device=device)
        self.index = torch.zeros((), dtype=torch.int64, device=device)
        self._stops = torch.tensor(sampler.stop, dtype=torch.int64, device=device)
        shape = (segment.length, segment.tokens.shape[2])
        self._uniforms = draws.uniform(0, stream(Purpose.PREDICT, place), shape)

    def first(self) -> None:
        """Write position 0, which has no position before it."""
        self._write(None)

    def next(self) -> None:
        """Write the position of `index`, from 1 on."""
        self._write(self.tokens.index_select(1, (self.index - 1).view(1))[:, 0])

    def has_stopped(self) -> Tensor:
        """bool "B": rows that have ended at `index` or before it."""
        return self._end <= self.index

    def fill_the_rest(self) -> None:
        """Everybody has stopped: what lies behind `index` is filling."""
        places = torch.arange(self.tokens.shape[1], device=self.index.device)
        rest = self._active & (places > self.index)[:, None]
        self.tokens = torch.where(rest, self._sampler.fill, self.tokens)

    def _write(self, before: Tensor | None) -> None:
        here = self.index.view(1)
        drawn, sure = draw_posterior(
            self._decoding.next(before, self.index),
            self._uniforms.index_select(1, here),
            temperature=self._sampler.temperature,
            top_p=self._sampler.top_p,
        )
        active = self._active.index_select(1, here)
        drawn = torch.where((self._end < self.index)[:, None, None], self._sampler.fill, drawn)
        chosen = torch.where(active, drawn, self.tokens.index_select(1, here))
        self.tokens.index_copy_(1, here, chosen)
        self.confidence.index_copy_(1, here, torch.where(active, sure, 1.0))
        ends = torch.isin(chosen[:, 0, 0], self._stops) & (self._end > self.index)
        self._end.copy_(torch.where(ends, self.index, self._end))


SPEC = SamplerSpec(
    label="reading from left to right",
    build=AutoregressiveSampler.from_settings,
    source=masked_source,
    num_steps=lambda asked, positions: positions,
    resume=Resume.FREEZE,
    says={"autoregressive": "One place after the other, from left to right."},
    trained_as="autoregressive",
    causal=True,
)
