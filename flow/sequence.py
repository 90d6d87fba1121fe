"""A point of the state space: a sequence of segments, each of one modality.

Owns: `Segment`, `OmniSequence`. Both are values, never written after creation. Axes: B batch, L
positions, Q sub-codebooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flow.modality import Modality


@dataclass(frozen=True)
class Segment:
    """Tokens of one modality.

    tokens: int64 "B L Q". editable: bool "B L", the positions that a sampler may change; the others
    are prompt. valid: bool "B L", the positions that exist; others are not attended and not counted
    (padding, or a dropped prompt). keep_unconditional: the segment stays valid in the unconditional
    branch of guidance, see `drop_prompt`.
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
        """Expand a segment of one row to `rows` rows."""
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
        """Return the indices of the segments with an editable position."""
        if self.edited is not None:
            return self.edited
        return tuple(i for i, s in enumerate(self.segments) if bool(s.editable.any()))

    def is_padded(self) -> bool:
        """Return True where a position does not exist."""
        if self.padded is not None:
            return self.padded
        return not all(bool(s.valid.all()) for s in self.segments)

    def with_cached_flags(self) -> "OmniSequence":
        """Return the sequence with the results of `editable_segments` and `is_padded` stored."""
        return replace(self, edited=self.editable_segments(), padded=self.is_padded())

    def with_tokens(self, tokens: Mapping[int, Tensor]) -> "OmniSequence":
        """Return the sequence with the tokens "B L Q" of the given segments replaced."""
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
    """Return a segment without editable positions; tokens "B L Q"."""
    shape = tokens.shape[:2]
    return Segment(
        modality=modality,
        tokens=tokens,
        editable=torch.zeros(shape, dtype=torch.bool, device=tokens.device),
        valid=_all_valid(tokens) if valid is None else valid,
        keep_unconditional=keep_unconditional,
    )


def response(modality: Modality, tokens: Tensor) -> Segment:
    """Return a segment with all positions editable; tokens "B L Q" hold the source x_0."""
    return Segment(
        modality=modality,
        tokens=tokens,
        editable=torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device),
        valid=_all_valid(tokens),
    )


def drop_prompt(sequence: OmniSequence, rows: Tensor) -> OmniSequence:
    """Drop the prompt in the batch rows where `rows`, bool "B", is True: the unconditional branch
    of guidance, in training and sampling.

    All positions before the response become invalid, except the last one (the marker that opens the
    response), a segment of the response's modality right before it (a part of the response that
    exists already), and segments with `keep_unconditional`.
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
    """Return bool "B L": the last valid position of each row."""
    places = torch.arange(segment.length, device=segment.valid.device)
    last = torch.where(segment.valid, places, -1).amax(1, keepdim=True)
    return places == last


def _all_valid(tokens: Tensor) -> Tensor:
    return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
