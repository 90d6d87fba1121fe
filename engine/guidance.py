"""Classifier-free guidance as a wrapper around a denoiser: logits (1 + s) cond - s uncond.

The unconditional branch is the same sequence without its prompt, evaluated in the same network
call; inside a position both branches see the codes that were really chosen. Source: Luo et al. 2025
(arXiv:2510.13721), Section 2.4; Ho and Salimans 2022 (arXiv:2207.12598).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flow.sequence import OmniSequence, drop_prompt
from samplers.autoregressive import CausalDenoiser, Decoding
from samplers.denoiser import Denoiser, Posterior


@dataclass(frozen=True)
class GuidedDenoiser:
    """scale s > 0. One call evaluates a batch of twice the size."""

    denoiser: Denoiser
    scale: float

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        posteriors = self.denoiser(_both(x_t), t)
        return {i: GuidedPosterior(p, self.scale) for i, p in posteriors.items()}


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

    def next(self, tokens: Tensor | None) -> "GuidedPosterior":
        both = None if tokens is None else torch.cat([tokens, tokens])
        return GuidedPosterior(self.decoding.next(both), self.scale)


def _both(x_t: OmniSequence) -> OmniSequence:
    """The sequence, and in the second half of the batch the same without its prompt."""
    doubled = OmniSequence(
        tuple(
            replace(
                s,
                tokens=torch.cat([s.tokens, s.tokens]),
                editable=torch.cat([s.editable, s.editable]),
                valid=torch.cat([s.valid, s.valid]),
            )
            for s in x_t.segments
        )
    )
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
        mixed = (1 + self._scale) * cond - self._scale * uncond
        return torch.where(cond.isneginf(), cond, mixed)
