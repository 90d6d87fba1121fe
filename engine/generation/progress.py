"""The progress of a generation.

Owns: `GenerationProgress`. Does not own: when a preview is due
(`engine.media.preview.PreviewClock`).
"""

import time
from dataclasses import dataclass, field

from engine.media.preview import PreviewClock


@dataclass
class GenerationProgress:
    """clock: when previews are due. num_alternatives: how many of the likeliest codes each step
    records. started_s: by the monotonic clock. nfe, segments: of the segments that are finished."""

    clock: PreviewClock
    num_alternatives: int = 0
    started_s: float = field(default_factory=time.monotonic)
    nfe: int = 0
    segments: int = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the generation started."""
        return time.monotonic() - self.started_s
