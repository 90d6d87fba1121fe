"""When each word would be said: words and sound on one clock.

Where a sequence holds sound, every position of it enters with the time at which it sounds, and
every piece of a word with the time at which it would begin, were its text said from the last marker
on ("say", too, is one), each piece as long as it is on average. So which words belong to which part
of a sound can be looked up by their times, in hearing and in speaking, before a small model has
learned to follow the one along the other; neither paper has it. Times are written as sinusoids
(Vaswani et al. 2017, arXiv:1706.03762, Section 3.5) and brought in by one matrix. Owns: the clock.
Does not own: how long pieces are, which is counted in a corpus (`training.data.speech_examples`).
"""

import math

import torch
from torch import Tensor, nn

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.tokenizers.text import NUM_MARKERS

SHORTEST, LONGEST = 4.0, 800.0
"""Wavelengths, in positions of sound."""
NUM_WAVES = 16


RESTARTS = -1.0
"""The duration of what is not said itself, and after which the clock begins again."""


class TimeEmbedding(nn.Module):
    """The time of every position as a vector. duration: float "V+1", positions of sound that each
    piece of a word takes, and a masked one; or `RESTARTS`."""

    duration: Tensor
    waves: Tensor

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        duration = torch.ones(vocabulary + 1)
        duration[:NUM_MARKERS] = RESTARTS
        self.register_buffer("duration", duration)
        lengths = torch.linspace(math.log(SHORTEST), math.log(LONGEST), NUM_WAVES).exp()
        self.register_buffer("waves", 2 * math.pi / lengths, persistent=False)
        self.projection = nn.Linear(2 * NUM_WAVES, width, bias=False)

    def forward(self, sequence: OmniSequence) -> list[Tensor | None]:
        """ "B L width" of each segment of words or sound; None of the others, and of all where
        there is no sound."""
        if all(s.modality is not Modality.AUDIO for s in sequence.segments):
            return [None] * len(sequence.segments)
        return [None if t is None else self._vectors(t) for t in self.times(sequence)]

    def times(self, sequence: OmniSequence) -> list[Tensor | None]:
        """When each position of words or sound begins: float "B L" in positions of sound. A sound
        right behind another one goes on with its time."""
        found: list[Tensor | None] = []
        heard = 0
        for segment in sequence.segments:
            if segment.modality is Modality.AUDIO:
                places = torch.arange(segment.length, device=segment.tokens.device)
                found.append((heard + places).float().expand(segment.batch, -1))
                heard += segment.length
                continue
            heard = 0
            found.append(self._of_words(segment) if segment.modality is Modality.TEXT else None)
        return found

    def _of_words(self, segment: Segment) -> Tensor:
        """The clock of an answer begins once: what is not settled yet would often restart it."""
        lasts = self.duration[segment.tokens[..., 0]]
        ends = (lasts.clamp(min=0) * segment.valid).cumsum(1)
        starts = ends - lasts.clamp(min=0) * segment.valid
        again = (lasts < 0) & ~segment.editable
        begun = torch.where(again, ends, torch.zeros_like(ends)).cummax(1).values
        return (starts - begun).clamp(min=0)

    def _vectors(self, times: Tensor) -> Tensor:
        angles = times[..., None] * self.waves
        waves = torch.cat([angles.sin(), angles.cos()], -1)
        return self.projection(waves.to(self.projection.weight.dtype))
