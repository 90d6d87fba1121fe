"""Classifier-free guidance as a wrapper around a denoiser: logits (1 + s) cond - s uncond.

The unconditional branch is the same sequence without its prompt, evaluated in the same network
call; inside a position both branches see the codes that were really chosen. Source: Luo et al. 2025
(arXiv:2510.13721), Section 2.4; Ho and Salimans 2022 (arXiv:2207.12598).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from flow.sequence import OmniSequence, drop_prompt
from samplers.autoregressive import CausalDenoiser, Decoding
from samplers.cuda_graph import Recordable, Stateful
from samplers.denoiser import Denoiser, PartialEvaluation, Posterior


@dataclass
class GuidedDenoiser:
    """scale s > 0. One call evaluates a batch of twice the size.

    interval: the times at which it guides; elsewhere the prompt alone decides, at half the cost
    (Kynkaanniemi et al. 2024, arXiv:2404.07724). every: the unconditional branch is evaluated in
    every so many guided calls and its features are used again in between; the sub-codebook head
    still sees the codes that are chosen now. Belongs to one generation.
    """

    denoiser: Denoiser
    scale: float
    interval: tuple[float, float] = (0.0, 1.0)
    every: int = 1
    _guided_calls: int = field(default=0, init=False)
    _unconditional: dict[int, "_SecondHalf"] = field(default_factory=dict, init=False)

    @property
    def evaluated(self) -> int | None:
        """The number that the network reports, of one branch."""
        return self.denoiser.evaluated if isinstance(self.denoiser, PartialEvaluation) else None

    def recording_key(self, x_t: OmniSequence, t: float) -> Hashable | None:
        """See `samplers.cuda_graph`; a branch that is used again depends on the calls before."""
        if self.every > 1 or not isinstance(self.denoiser, Recordable):
            return None
        low, high = self.interval
        guides = low <= t <= high
        inside = self.denoiser.recording_key(_both(x_t) if guides else x_t, t)
        return None if inside is None else (inside, self.scale if guides else 0.0)

    def recorded_state(self) -> list[Tensor]:
        """The state tensors of the wrapped network."""
        return self.denoiser.recorded_state() if isinstance(self.denoiser, Stateful) else []

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        low, high = self.interval
        if not low <= t <= high:
            return self.denoiser(x_t, t)
        due = self._guided_calls % self.every == 0
        self._guided_calls += 1
        if due:
            posteriors = self.denoiser(_both(x_t), t)
            self._unconditional = {i: _SecondHalf(p) for i, p in posteriors.items()}
            return {i: GuidedPosterior(p, self.scale) for i, p in posteriors.items()}
        return {
            i: _MixedPosterior(p, self._unconditional[i], self.scale)
            for i, p in self.denoiser(x_t, t).items()
        }


@dataclass(frozen=True)
class GuidedCausalDenoiser:
    """The same for a run from left to right."""

    denoiser: CausalDenoiser
    scale: float

    def begin(self, x_0: OmniSequence) -> "_GuidedDecoding":
        """A guided run over the last segment."""
        return _GuidedDecoding(self.denoiser.begin(_both(x_0)), self.scale)


@dataclass(frozen=True)
class _GuidedDecoding:
    decoding: Decoding
    scale: float

    def next(self, tokens: Tensor | None, index: Tensor) -> "GuidedPosterior":
        both = None if tokens is None else torch.cat([tokens, tokens])
        return GuidedPosterior(self.decoding.next(both, index), self.scale)


def _both(x_t: OmniSequence) -> OmniSequence:
    """The sequence, and in the second half of the batch the same without its prompt."""
    segments = (
        replace(
            s,
            tokens=torch.cat([s.tokens, s.tokens]),
            editable=torch.cat([s.editable, s.editable]),
            valid=torch.cat([s.valid, s.valid]),
        )
        for s in x_t.segments
    )
    doubled = replace(x_t, segments=tuple(segments))
    rows = torch.arange(2 * x_t.batch, device=x_t.segments[0].tokens.device)
    return drop_prompt(doubled, rows >= x_t.batch)


class GuidedPosterior:
    """The posterior of the first half of a doubled batch, guided away from the second half."""

    def __init__(self, both: Posterior, scale: float) -> None:
        self.num_codebooks = both.num_codebooks
        self._both = both
        self._scale = scale

    def logits(self, chosen: Tensor) -> Tensor:
        """Logits "B L V"; what cannot be drawn with the prompt cannot be drawn at all."""
        cond, uncond = self._both.logits(torch.cat([chosen, chosen])).chunk(2)
        return _mixed(cond, uncond, self._scale)


class _SecondHalf:
    """The second half of a doubled batch, to be read again later."""

    def __init__(self, both: Posterior) -> None:
        self.num_codebooks = both.num_codebooks
        self._both = both

    def logits(self, chosen: Tensor) -> Tensor:
        return self._both.logits(torch.cat([chosen, chosen])).chunk(2)[1]


class _MixedPosterior:
    """One posterior guided away from another one, both given the codes that are chosen now."""

    def __init__(self, conditional: Posterior, unconditional: Posterior, scale: float) -> None:
        self.num_codebooks = conditional.num_codebooks
        self._conditional, self._unconditional, self._scale = conditional, unconditional, scale

    def logits(self, chosen: Tensor) -> Tensor:
        return _mixed(
            self._conditional.logits(chosen), self._unconditional.logits(chosen), self._scale
        )


def _mixed(cond: Tensor, uncond: Tensor, scale: float) -> Tensor:
    mixed = (1 + scale) * cond - scale * uncond
    return torch.where(cond.isneginf(), cond, mixed)
