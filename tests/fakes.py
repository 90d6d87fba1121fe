"""Denoisers whose answer is known in advance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser, Posterior

Spaces = Mapping[Modality, TokenSpace]


@dataclass
class FakePosterior:
    """Logits "B L V" of sub-codebook q from a function of the codes chosen so far, "B L q"."""

    num_codebooks: int
    logits_given: Callable[[Tensor], Tensor]
    calls: list[int] = field(default_factory=list)

    def logits(self, chosen: Tensor) -> Tensor:
        assert chosen.shape[-1] == len(self.calls), "sub-codebooks are read in order, each once"
        self.calls.append(chosen.shape[-1])
        return self.logits_given(chosen)


def _without_forbidden(logits: Tensor, space: TokenSpace) -> Tensor:
    logits = logits.clone()
    logits[..., list(space.forbidden)] = -torch.inf
    return logits


@dataclass
class OracleDenoiser:
    """Knows x_1, segment index -> "B L Q", and puts all probability on it."""

    spaces: Spaces
    x_1: Mapping[int, Tensor]

    def __call__(self, x_t: OmniSequence, t: float) -> dict[int, Posterior]:
        return {i: self._posterior(x_t, i) for i in x_t.editable_segments()}

    def _posterior(self, x_t: OmniSequence, i: int) -> Posterior:
        space = self.spaces[x_t.segments[i].modality]

        def logits(chosen: Tensor) -> Tensor:
            answer = self.x_1[i][..., chosen.shape[-1]]
            return torch.nn.functional.one_hot(answer, space.cardinality).float().log()

        return FakePosterior(space.num_codebooks, logits)


@dataclass
class UniformDenoiser:
    """Every id that is not forbidden is equally likely."""

    spaces: Spaces

    def __call__(self, x_t: OmniSequence, t: float) -> dict[int, Posterior]:
        return {i: self._posterior(x_t, i) for i in x_t.editable_segments()}

    def _posterior(self, x_t: OmniSequence, i: int) -> Posterior:
        segment = x_t.segments[i]
        space = self.spaces[segment.modality]
        flat = torch.zeros(segment.batch, segment.length, space.cardinality)
        return FakePosterior(space.num_codebooks, lambda _: _without_forbidden(flat, space))


@dataclass
class RandomDenoiser:
    """Logits look random and depend on every valid token of the row and on the codes chosen."""

    spaces: Spaces
    scale: float = 8.0

    def __call__(self, x_t: OmniSequence, t: float) -> dict[int, Posterior]:
        row_hash = torch.zeros(x_t.batch, dtype=torch.int64)
        for i, segment in enumerate(x_t.segments):
            place = torch.arange(segment.length * segment.tokens.shape[2]).view(segment.length, -1)
            terms = (segment.tokens + 1) * (place * 2_654_435_761 + 97 * i + 1)
            row_hash += (terms * segment.valid.unsqueeze(-1)).sum(dim=(1, 2))
        return {i: self._posterior(x_t, i, row_hash) for i in x_t.editable_segments()}

    def _posterior(self, x_t: OmniSequence, i: int, row_hash: Tensor) -> Posterior:
        segment = x_t.segments[i]
        space = self.spaces[segment.modality]

        def logits(chosen: Tensor) -> Tensor:
            q = chosen.shape[-1]
            shape = (segment.length, space.cardinality)
            values = CounterRNG(row_hash).uniform(q, i, shape)
            if q > 0:  # the code before shifts the likely codes of this one
                values = values + CounterRNG(row_hash).uniform(q, 100 + i, shape) * chosen[..., -1:]
            return _without_forbidden(self.scale * values.frac(), space)

        return FakePosterior(space.num_codebooks, logits)


@dataclass
class CountingDenoiser:
    """Keeps the times at which the denoiser inside was called, and the states it saw."""

    inside: Denoiser
    times: list[float] = field(default_factory=list)
    states: list[OmniSequence] = field(default_factory=list)

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        self.times.append(t)
        self.states.append(x_t)
        return self.inside(x_t, t)
