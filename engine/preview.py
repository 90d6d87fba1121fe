"""What of a step is decoded for the eye, and when: by the clock, never by the step.

Words always; pictures at most `rate_hz` times a second, never more than a share of the run's time,
and always at the last step.
"""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from model.vision import VisionTokenizer, uint8_from_pixels

LARGEST_SHARE = 0.08
"""Previews may take this share of the time, so that watching costs next to nothing."""


@dataclass
class PreviewClock:
    """Decodes pictures when they are due; rate_hz 0 shows the last step only."""

    vision: VisionTokenizer
    rate_hz: float
    _next_s: float = field(default=0.0, init=False)

    def pictures(self, x_t: Tensor, x_1: Tensor, *, last: bool) -> tuple[np.ndarray, ...] | None:
        """The decoded state and prediction of codes "B L Q", or None where no preview is due."""
        if last:
            return (picture(self.vision, x_t),) * 2
        began_s = time.monotonic()
        if self.rate_hz == 0 or began_s < self._next_s:
            return None
        pixels = self.vision.decode(torch.cat([x_t[:1], x_1[:1]]))
        images = uint8_from_pixels(pixels).cpu().numpy()
        cost_s = time.monotonic() - began_s
        self._next_s = began_s + max(1 / self.rate_hz, cost_s / LARGEST_SHARE)
        return images[0], images[1]


def picture(vision: VisionTokenizer, codes: Tensor) -> np.ndarray:
    """uint8 "H W 3" of the first row of codes "B L Q"."""
    return uint8_from_pixels(vision.decode(codes[:1]))[0].cpu().numpy()
