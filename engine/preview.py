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
    """Says when a picture is due; rate_hz 0 shows the last step only."""

    rate_hz: float
    _next_s: float = field(default=0.0, init=False)

    def is_due(self, *, last: bool) -> bool:
        """Whether this step is shown."""
        return last or (self.rate_hz > 0 and time.monotonic() >= self._next_s)

    def shown(self, began_s: float, cost_s: float) -> None:
        """A picture was begun then, by the monotonic clock, and took so long."""
        if self.rate_hz > 0:
            self._next_s = began_s + max(1 / self.rate_hz, cost_s / LARGEST_SHARE)


def picture(vision: VisionTokenizer, codes: Tensor) -> np.ndarray:
    """uint8 "H W 3" of the first row of codes "B L Q"."""
    return decoded(vision, codes[:1]).cpu().numpy()[0]


def decoded(vision: VisionTokenizer, codes: Tensor) -> Tensor:
    """uint8 "B H W 3" of codes "B L Q", on their device and without waiting for it; what is masked
    is a grey patch, and no code to its neighbours."""
    masked = (codes == vision.config.cardinality).any(-1)
    known = vision.quantizer.decode(codes.clamp(max=vision.config.cardinality - 1))
    pixels, _ = vision.decode_vectors(known.masked_fill(masked[..., None], 0.0))
    grid = masked.view(-1, 1, vision.config.grid, vision.config.grid).float()
    hidden = F.interpolate(grid, pixels.shape[-2:], mode="nearest").bool()
    return uint8_from_pixels(torch.where(hidden, MASK_GREY, pixels))
