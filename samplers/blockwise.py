"""Dynamic-length generation: blocks are added until the model predicts the end of the answer.

The last segment starts with one block. After one denoising step on it the model gives the
probability that the answer ends inside; while that is too low, a block is added. Then all blocks
are refined together. Source: Luo et al. 2025 (arXiv:2510.13721), Section 2.3 (dynamic-length
generation). Owns: the length. Does not own: the refinement (any sampler that respects `valid`).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flow.sequence import OmniSequence, Segment
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser, Posterior
from samplers.sampler import Sampler
from samplers.step import Step


@dataclass(frozen=True)
class BlockwiseSampler:
    """inside: refines all positions together. block: positions a block. ends: ids of one
    sub-codebook that end an answer. threshold: a row is long enough when it ends in its last block
    with at least this probability. padded: the positions that the sampler inside refines for an
    answer of so many; what is behind the answer does not exist and is in no step.

    Raises: ValueError where the block or the threshold is out of range, or nothing is an end.
    """

    inside: Sampler
    block: int
    ends: tuple[int, ...]
    threshold: float = 0.5
    padded: Callable[[int], int] = lambda length: length

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"a block has at least 1 position, not {self.block}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must be between 0 and 1, not {self.threshold}")
        if not self.ends:
            raise ValueError("block-wise generation needs at least one id that ends an answer")

    def num_steps(self, x_0: OmniSequence) -> int:
        """Return the steps of the sampler inside."""
        return self.inside.num_steps(x_0)

    @torch.inference_mode()
    def sample(
        self, denoiser: Denoiser, x_0: OmniSequence, *, draws: CounterRNG
    ) -> Generator[Step]:
        """The steps of the sampler inside on as many blocks as each row needs, at most all of the
        last segment; its last block may be shorter. `nfe` counts the calls that found the length,
        too. Each row has its own length: what lies behind it is not valid.
        """
        lengths, calls = self.fitted(denoiser, x_0)
        longest = int(lengths.max())
        room = min(self.padded(longest), x_0.segments[-1].length)
        fitted = _cut(x_0, lengths, max(room, longest))
        for step in self.inside.sample(denoiser, fitted, draws=draws):
            step = step if room == longest else _shortened(step, longest)
            yield replace(step, nfe=step.nfe + calls)

    @torch.inference_mode()
    def cut(self, denoiser: Denoiser, x_0: OmniSequence) -> tuple[OmniSequence, int]:
        """Return x_0 as long as the longest answer in it needs to be, and the calls that it took
        to know that."""
        lengths, calls = self.fitted(denoiser, x_0)
        return _cut(x_0, lengths, int(lengths.max())), calls

    @torch.inference_mode()
    def fitted(self, denoiser: Denoiser, x_0: OmniSequence) -> tuple[Tensor, int]:
        """The length of the last segment that each row needs, int64 "B", and the calls that it
        took."""
        place = len(x_0.segments) - 1
        longest = x_0.segments[place].length
        lengths = torch.full((x_0.batch,), min(self.block, longest))
        lengths = lengths.to(x_0.segments[place].tokens.device)
        calls = 0
        growing = lengths < longest
        while bool(growing.any()):
            sequence = _cut(x_0, lengths, int(lengths.max()))
            posterior = denoiser(sequence, 0.0)[place]
            calls += 1
            growing = growing & (self._confidence(posterior, sequence, lengths) < self.threshold)
            grown = (lengths + self.block).clamp(max=longest)
            lengths = torch.where(growing, grown, lengths)
            growing = growing & (lengths < longest)
        return lengths, calls

    def _confidence(self, posterior: Posterior, x_t: OmniSequence, lengths: Tensor) -> Tensor:
        """The largest probability "B" of an end in the last block of each row."""
        segment = x_t.segments[-1]
        none = segment.tokens[..., :0]
        p = posterior.logits(none).float().softmax(dim=-1)
        ending = p[..., list(self.ends)].sum(dim=-1)
        places = torch.arange(segment.length, device=lengths.device)
        last = (places >= lengths[:, None] - self.block) & (places < lengths[:, None])
        return ending.masked_fill(~last, 0.0).amax(dim=1)


def _cut(x_0: OmniSequence, lengths: Tensor, room: int) -> OmniSequence:
    """The last segment cut to `room` positions, and valid up to each row's own length."""
    *others, last = x_0.segments
    places = torch.arange(room, device=lengths.device)
    short = _first(last, room)
    return OmniSequence((*others, replace(short, valid=short.valid & (places < lengths[:, None]))))


def _first(segment: Segment, length: int) -> Segment:
    """The first positions of a segment."""
    return replace(
        segment,
        tokens=segment.tokens[:, :length],
        editable=segment.editable[:, :length],
        valid=segment.valid[:, :length],
    )


def _shortened(step: Step, length: int) -> Step:
    """The step with the first positions of its last segment."""
    *others, last = step.x_t.segments
    place = len(others)

    def cut(found: Mapping[int, Tensor]) -> dict[int, Tensor]:
        return {i: tensor[:, :length] if i == place else tensor for i, tensor in found.items()}

    return replace(
        step,
        x_t=OmniSequence((*others, _first(last, length))),
        x_1=cut(step.x_1),
        changed=cut(step.changed),
        confidence=cut(step.confidence),
    )
