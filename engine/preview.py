"""What of a step is decoded for the eye, and when: by the clock, never by the step.

Words always; pictures at most `rate_hz` times a second, never more than a share of the run's time,
and always at the last step.
"""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.vision import VisionTokenizer, uint8_from_pixels

LARGEST_SHARE = 0.08
"""Previews may take this share of the time, so that watching costs next to nothing."""
MASK_GREY = -0.1
"""Of a masked patch, in pixels from -1 to 1."""


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
        images = _pictures(self.vision, torch.cat([x_t[:1], x_1[:1]]))
        cost_s = time.monotonic() - began_s
        self._next_s = began_s + max(1 / self.rate_hz, cost_s / LARGEST_SHARE)
        return images[0], images[1]


def picture(vision: VisionTokenizer, codes: Tensor) -> np.ndarray:
    """uint8 "H W 3" of the first row of codes "B L Q"."""
    return _pictures(vision, codes[:1])[0]


def _pictures(vision: VisionTokenizer, codes: Tensor) -> np.ndarray:
    """uint8 "B H W 3" of codes "B L Q"; what is masked is a grey patch, and no code to its
    neighbours."""
    masked = (codes == vision.config.cardinality).any(-1)
    if not bool(masked.any()):
        return uint8_from_pixels(vision.decode(codes)).cpu().numpy()
    known = vision.quantizer.decode(codes.clamp(max=vision.config.cardinality - 1))
    pixels, _ = vision.decode_vectors(known.masked_fill(masked[..., None], 0.0))
    grid = masked.view(-1, 1, vision.config.grid, vision.config.grid).float()
    hidden = F.interpolate(grid, pixels.shape[-2:], mode="nearest").bool()
    return uint8_from_pixels(torch.where(hidden, MASK_GREY, pixels)).cpu().numpy()
