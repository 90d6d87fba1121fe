"""The adaptive cache as a wrapper around the model: prompt features rarely, response features where
they changed.

Positions whose tokens changed since the last call are always evaluated, exactly as the sampler's
jumps made them. Owns: when what is due. Does not own: the features (`model.cache`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from flow.sequence import OmniSequence
from model.cache import FeatureCache, cached_features
from model.omni import OmniModel
from samplers.denoiser import Posterior


@dataclass
class _Past:
    """What is known of the calls with one batch size: a guided run may skip its second half."""

    features: FeatureCache = field(default_factory=FeatureCache)
    tokens: tuple[Tensor, ...] = ()
    calls: int = 0


@dataclass
class CachedDenoiser:
    """share: part of the response that every layer evaluates in every call, in [0, 1].
    prompt_every: calls from one evaluation of the prompt to the next; 0 evaluates it once. share
    = 1 with prompt_every = 1 equals no cache, bit for bit. Belongs to one generation.

    Raises: ValueError where share is outside [0, 1] or prompt_every negative.
    """

    model: OmniModel
    share: float = 0.25
    prompt_every: int = 0
    evaluated: int | None = field(default=None, init=False)
    _pasts: dict[int, _Past] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"the cache's share must be between 0 and 1, not {self.share}")
        if self.prompt_every < 0:
            raise ValueError(f"prompt_every must be at least 0, not {self.prompt_every}")

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        past = self._pasts.get(x_t.batch)
        if past is None or not _same_shape(past.tokens, x_t):
            past = self._pasts[x_t.batch] = _Past()
        x, valid = self.model.embed(x_t)
        response = torch.cat([s.editable & s.valid for s in x_t.segments], 1)
        prompt_due = past.calls == 0 or (
            self.prompt_every > 0 and past.calls % self.prompt_every == 0
        )
        due = ~response if prompt_due else torch.zeros_like(response)
        due = due | _changed(past.tokens, x_t)
        if self.share == 1:
            due = due | response
        num_free = math.ceil(self.share * int(response.sum(1).max()))
        hidden = cached_features(
            self.model.backbone, x, valid, past.features, due, response, num_free
        )
        past.calls += 1
        past.tokens = tuple(s.tokens for s in x_t.segments)
        refreshed = int((~response).sum(1).max()) if prompt_due else 0
        counts = past.features.evaluated
        self.evaluated = max(0, round(sum(counts) / len(counts)) - refreshed)
        return self.model.posteriors(self.model.by_segment(hidden, x_t), x_t)


def _same_shape(before: tuple[Tensor, ...], x_t: OmniSequence) -> bool:
    """An answer that grew by a block is another sequence."""
    return [t.shape for t in before] == [s.tokens.shape for s in x_t.segments]


def _changed(before: tuple[Tensor, ...], x_t: OmniSequence) -> Tensor:
    """bool "B L": positions of which a code is another one than in the call before."""
    if not before:
        return torch.cat([s.editable for s in x_t.segments], 1)
    return torch.cat(
        [(s.tokens != b).any(-1) for s, b in zip(x_t.segments, before, strict=True)], 1
    )
