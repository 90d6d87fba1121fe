"""Time embedding: text and audio positions on one time axis.

In a sequence with audio, every audio position enters with the time at which it sounds, and every
text token with the time at which it would begin if the text were spoken from the last marker on
("say" is a marker, too) at average token durations. Attention can then match text and audio by time
before a small model has learned the alignment; neither paper has this. Times are encoded as
sinusoids (Vaswani et al. 2017, arXiv:1706.03762, Section 3.5) and projected by one matrix. Owns:
the times and their encoding. Does not own: token durations, which are counted in a corpus
(`training.data.speech.examples`).
"""

import math

import torch
from torch import Tensor, nn

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.tokenizer_config import NUM_MARKERS

SHORTEST, LONGEST = 4.0, 800.0
"""Wavelengths, in audio positions."""
NUM_WAVES = 16


RESTARTS = -1.0
"""Duration of a token that is not spoken and restarts the time."""


class TimeEmbedding(nn.Module):
    """The embedding of each position's time. duration: float "V+1", audio positions of each text
    token and of the masked state, or `RESTARTS`."""

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
        """Return the embeddings "B L width" of text and audio segments; None for others, and for
        all where the sequence has no audio."""
        if all(s.modality is not Modality.AUDIO for s in sequence.segments):
            return [None] * len(sequence.segments)
        return [None if t is None else self._vectors(t) for t in self.times(sequence)]

    def times(self, sequence: OmniSequence) -> list[Tensor | None]:
        """Return the start time of each text or audio position, float "B L" in audio positions.
        Adjacent audio segments share one time axis."""
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
        """Return the times of a text segment. In an answer the time starts once, since unfinished
        tokens would restart it often."""
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
