"""The end marker behind an answer, as a wrapper around a denoiser: the network sees it, but the
state that a sampler refines does not contain it.

For checkpoints whose prompt for a picture also has the marker that ends it. Owns:
`ClosedDenoiser`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flow.modality import Modality
from flow.sequence import OmniSequence, prompt
from samplers.denoiser import Denoiser, PartialEvaluation, Posterior


@dataclass(frozen=True)
class ClosedDenoiser:
    """token: the id in text that stands behind the last segment."""

    denoiser: Denoiser
    token: int

    @property
    def evaluated(self) -> int | None:
        """The number that the network reports."""
        return self.denoiser.evaluated if isinstance(self.denoiser, PartialEvaluation) else None

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        shape = (x_t.batch, 1, 1)
        behind = prompt(Modality.TEXT, x_t.segments[-1].tokens.new_full(shape, self.token))
        return self.denoiser(replace(x_t, segments=(*x_t.segments, behind)), t)
