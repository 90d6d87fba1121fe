"""A generation that is under way: what was asked, how it is watched, and how far it is.

Owns: `GenerationProgress`. Does not own: when something is shown
(`engine.media.preview.PreviewClock`).
"""

import time
from dataclasses import dataclass

from engine.api.request import Request
from engine.media.preview import PreviewClock


@dataclass
class GenerationProgress:
    """request: as it was asked. watch: how many of the likeliest codes each step brings along.
    started_s: by the monotonic clock. nfe, segments: of the segments that are finished."""

    request: Request
    watch: int
    clock: PreviewClock
    started_s: float
    nfe: int = 0
    segments: int = 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started_s
