"""The adaptive cache as a wrapper around the model: prompt features rarely, response features where
they changed.

Positions whose tokens changed since the last call are always evaluated, exactly as the sampler's
jumps made them. Owns: the refresh schedule, and the feature buffers. Does not own: the
features (`model.network.adaptive_cache`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count

import torch
from torch import Tensor

from flow.sequence import OmniSequence
from model.network.adaptive_cache import (
    KeptLayer,
    bucketed,
    cached_features,
    empty_cache,
    num_wanted,
    whole_features,
)
from model.network.omni import OmniModel
from samplers.denoiser import Posterior


@dataclass(eq=False)
class LayerBuffers:
    """The cached features of one sequence, and the tokens of the previous call. owner: the
    generation that uses it now; calls: the number of its calls. The next generation reuses the
    tensors, so that a recorded call can be replayed."""

    layers: list[KeptLayer]
    tokens: tuple[Tensor, ...]
    owner: object = None
    calls: int = 0
    number: int = field(default_factory=count().__next__)

    @classmethod
    def of(cls, model: OmniModel, x_t: OmniSequence) -> "LayerBuffers":
        """An empty room for a sequence of this shape."""
        tokens = tuple(torch.full_like(s.tokens, -1) for s in x_t.segments)
        return cls(empty_cache(model.backbone, x_t.batch, x_t.length), tokens)


MAX_ROOMS = 4
FeatureBuffers = dict[Hashable, LayerBuffers]
"""The buffers of each shape, of one generation; of all of them where calls are recorded."""


@dataclass(frozen=True)
class _Plan:
    """One call: its room, whether everything is evaluated, whether the prompt is due, and how many
    positions each layer evaluates."""

    room: LayerBuffers
    whole: bool
    prompt_due: bool
    num: int


@dataclass
class CachedDenoiser:
    """share: part of the response that every layer evaluates in every call, in [0, 1].
    prompt_every: calls from one evaluation of the prompt to the next; 0 evaluates it once. share
    = 1 with prompt_every = 1 equals no cache, bit for bit. Belongs to one generation; rooms: where
    features are kept.

    Raises: ValueError where share is outside [0, 1] or prompt_every negative.
    """

    model: OmniModel
    share: float = 0.25
    prompt_every: int = 0
    rooms: FeatureBuffers = field(default_factory=FeatureBuffers)
    evaluated: int | None = field(default=None, init=False)
    _planned: _Plan | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"the cache's share must be between 0 and 1, not {self.share}")
        if self.prompt_every < 0:
            raise ValueError(f"prompt_every must be at least 0, not {self.prompt_every}")

    def recording_key(self, x_t: OmniSequence, t: float) -> Hashable:
        """See `samplers.cuda_graph`: plans the call, which then only follows the plan."""
        plan = self._planned = self._plan(x_t)
        return (plan.room.number, plan.whole, plan.prompt_due, plan.num, self.share == 1)

    def recorded_state(self) -> list[Tensor]:
        """The tensors that the planned call changes."""
        assert self._planned is not None
        room = self._planned.room
        return [*room.tokens, *(t for layer in room.layers for t in layer.tensors())]

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        plan = self._planned or self._plan(x_t)
        room, model = plan.room, self.model
        x, valid = model.embed(x_t)
        if plan.whole:
            hidden = whole_features(model.backbone, x, valid, room.layers, padded=x_t.padded)
        else:
            response = _response(x_t)
            due = self._due(room, x_t, response, prompt_due=plan.prompt_due)
            hidden = cached_features(
                model.backbone, x, valid, room.layers, due, response, plan.num, padded=x_t.padded
            )
        for kept, segment in zip(room.tokens, x_t.segments, strict=True):
            kept.copy_(segment.tokens)
        return model.posteriors(model.by_segment(hidden, x_t), x_t)

    def _plan(self, x_t: OmniSequence) -> _Plan:
        """Return the plan of the next call, and count that call."""
        room = self._room(x_t)
        every = self.prompt_every
        first, prompt_due = room.calls == 0, every > 0 and room.calls % every == 0
        room.calls += 1
        response = _response(x_t)
        due = self._due(room, x_t, response, prompt_due=first or prompt_due)
        num_free = (self.share * response.sum(1).max().double()).ceil().long()
        counts = (due.all(), num_wanted(due, response, num_free), (~response).sum(1).max())
        every_due, wanted, others = torch.stack([c.long() for c in counts]).tolist()  # waits once
        whole = first or bool(every_due)
        num = x_t.length if whole else bucketed(wanted, x_t.length, x_t.segments[0].tokens.device)
        refreshed = others if first or prompt_due else 0
        self.evaluated = max(0, num - refreshed)
        return _Plan(room, whole, prompt_due, num)

    def _room(self, x_t: OmniSequence) -> LayerBuffers:
        shape = tuple((s.modality, s.tokens.shape) for s in x_t.segments)
        room = self.rooms.get(shape)
        if room is None:
            room = self.rooms[shape] = LayerBuffers.of(self.model, x_t)
            while len(self.rooms) > MAX_ROOMS:
                del self.rooms[next(iter(self.rooms))]
        if room.owner is not self:
            room.owner, room.calls = self, 0
        return room

    def _due(
        self, room: LayerBuffers, x_t: OmniSequence, response: Tensor, *, prompt_due: bool
    ) -> Tensor:
        """bool "B L": the prompt in its turn, what changed, everything where the share is 1."""
        due = torch.cat(
            [(s.tokens != b).any(-1) for s, b in zip(x_t.segments, room.tokens, strict=True)], 1
        )
        if prompt_due:
            due = due | ~response
        return due | response if self.share == 1 else due


def _response(x_t: OmniSequence) -> Tensor:
    return torch.cat([s.editable & s.valid for s in x_t.segments], 1)
