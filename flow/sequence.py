"""One point of the state space: an ordered row of segments, each of one modality.

Owns: `Segment`, `OmniSequence`. Both are values: nothing here is written after it was made.
Axes: B batch, L positions, Q sub-codebooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flow.modality import Modality


@dataclass(frozen=True)
class Segment:
    """Tokens of one modality.

    tokens: int64 "B L Q". editable: bool "B L", the positions that a sampler may change; the rest
    is prompt. valid: bool "B L", positions that exist; a False position is attended by nobody and
    takes no place in the position count (padding of a batch, or a prompt that was dropped). stays:
    a part of the prompt that is no wish but the frame around one, and is never dropped.
    """

    modality: Modality
    tokens: Tensor
    editable: Tensor
    valid: Tensor
    keep_unconditional: bool = False

    @property
    def batch(self) -> int:
        return self.tokens.shape[0]

    @property
    def length(self) -> int:
        return self.tokens.shape[1]

    def repeated(self, rows: int) -> "Segment":
        """The same in so many rows; it has one."""
        return replace(
            self,
            tokens=self.tokens.expand(rows, -1, -1),
            editable=self.editable.expand(rows, -1),
            valid=self.valid.expand(rows, -1),
        )


@dataclass(frozen=True)
class OmniSequence:
    """Segments in reading order.

    edited, padded: results of `editable_segments` and `is_padded` that `with_cached_flags` has
    stored, so that a loop on a GPU does not wait for them in every step; None where not stored.
    """

    segments: tuple[Segment, ...]
    edited: tuple[int, ...] | None = None
    padded: bool | None = None

    @property
    def batch(self) -> int:
        return self.segments[0].batch

    @property
    def length(self) -> int:
        return sum(s.length for s in self.segments)

    def editable_segments(self) -> tuple[int, ...]:
        """Indices of the segments in which at least one position may change."""
        if self.edited is not None:
            return self.edited
        return tuple(i for i, s in enumerate(self.segments) if bool(s.editable.any()))

    def is_padded(self) -> bool:
        """Whether a position does not exist."""
        if self.padded is not None:
            return self.padded
        return not all(bool(s.valid.all()) for s in self.segments)

    def with_cached_flags(self) -> "OmniSequence":
        """The same sequence, which knows what may change and whether it is padded."""
        return replace(self, edited=self.editable_segments(), padded=self.is_padded())

    def with_tokens(self, tokens: Mapping[int, Tensor]) -> "OmniSequence":
        """The same sequence with the tokens "B L Q" of the given segments replaced."""
        changed = (
            replace(s, tokens=tokens[i]) if i in tokens else s for i, s in enumerate(self.segments)
        )
        return replace(self, segments=tuple(changed))


def prompt(
    modality: Modality,
    tokens: Tensor,
    valid: Tensor | None = None,
    *,
    keep_unconditional: bool = False,
) -> Segment:
    """A segment that no sampler changes; tokens "B L Q"."""
    shape = tokens.shape[:2]
    return Segment(
        modality=modality,
        tokens=tokens,
        editable=torch.zeros(shape, dtype=torch.bool, device=tokens.device),
        valid=_all_valid(tokens) if valid is None else valid,
        keep_unconditional=keep_unconditional,
    )


def response(modality: Modality, tokens: Tensor) -> Segment:
    """A segment whose every position may change; tokens "B L Q" hold the source x_0."""
    return Segment(
        modality=modality,
        tokens=tokens,
        editable=torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device),
        valid=_all_valid(tokens),
    )


def drop_prompt(sequence: OmniSequence, rows: Tensor) -> OmniSequence:
    """The sequence without its prompt in the batch rows where `rows` bool "B" is True.

    What is dropped becomes invalid: every position before the response but the last one, the marker
    that opens the response, the part of it that is there already, a segment of the response's own
    modality right before it, and segments that stay. This is the unconditional branch of guidance,
    in training and sampling.
    """
    first = sequence.editable_segments()[0]
    begun = first > 1 and sequence.segments[first - 1].modality is sequence.segments[first].modality
    last = first - 1 - begun
    segments = list(sequence.segments)
    for i in (i for i in range(last + 1) if not segments[i].keep_unconditional):
        valid = segments[i].valid & ~rows[:, None]
        if i == last:
            valid = valid | (_last_valid(segments[i]) & rows[:, None])
        segments[i] = replace(segments[i], valid=valid)
    padded = None if sequence.padded is None else True
    return replace(sequence, segments=tuple(segments), padded=padded)


def _last_valid(segment: Segment) -> Tensor:
    """bool "B L": the last valid position of each row."""
    places = torch.arange(segment.length, device=segment.valid.device)
    last = torch.where(segment.valid, places, -1).amax(1, keepdim=True)
    return places == last


def _all_valid(tokens: Tensor) -> Tensor:
    return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
