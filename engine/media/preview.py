"""The previews that are decoded of a run, and their times: by the clock, never by the step.

Words always; pictures and sound at most `rate_hz` times a second, never more than a share of the
run's time, and always at the last step.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.api.events import PreviewRate
from model.tokenizers.audio import POSITION, AudioTokenizer
from model.tokenizers.image import VisionTokenizer, uint8_from_pixels
from samplers.step import Step

LARGEST_SHARE, FILM_SHARE = 0.058, 0.2
"""Previews may take this share of the time, so that watching costs next to nothing; eight frames
are dearer and their steps are few, so that most of them are worth a sight."""
PREDICTION_EVERY, LAST_COSTS = 3, 6
MASK_GREY = -0.1
"""The grey of a masked patch, in pixels from -1 to 1."""


@dataclass
class PreviewClock:
    """Says when a picture is due. rate: previews a second, asked for at each step, because a viewer
    who wants every step may come at any time; 0 shows the last step only, infinity every one."""

    rate: Callable[[], float]
    _next_s: float = field(default=0.0, init=False)
    _num_shown: int = field(default=0, init=False)
    _costs_s: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_COSTS), init=False)

    @classmethod
    def at(cls, rate: PreviewRate) -> "PreviewClock":
        """A clock of a rate that never changes, or of one that may."""
        return cls(rate if callable(rate) else lambda: rate)

    def is_due(self, *, last: bool) -> bool:
        """Return whether a preview of this step is due."""
        rate_hz = self.rate()
        often = rate_hz > 0 and time.monotonic() >= self._next_s
        return last or rate_hz == math.inf or often

    def with_prediction(self, *, last: bool) -> bool:
        """Return whether the due preview includes the prediction beside the state: every third one
        does, because the prediction changes less from step to step and costs as much."""
        return last or self.rate() == math.inf or self._num_shown % PREDICTION_EVERY == 0

    def shown(self, began_s: float, cost_s: float, share: float = LARGEST_SHARE) -> None:
        """A picture was begun then, by the monotonic clock, and took so long; such may take that
        share of the time. Steps come when they come: by as much as this one came late, the next is
        due earlier. What counts is the median of the last costs: one that was disturbed does not
        hold up the next."""
        self._num_shown += 1
        self._costs_s.append(cost_s)
        rate_hz = self.rate()
        if rate_hz > 0:
            late_s = min(max(0.0, began_s - self._next_s), 1 / rate_hz)
            rest_s = max(1 / rate_hz, median(self._costs_s) / share)
            self._next_s = began_s - late_s + rest_s


class Preview(Protocol):
    """Decode the preview of a step's last segment, on its device and without waiting. share: the
    share of the run's time that it may take."""

    @property
    def share(self) -> float: ...

    def render(self, step: Step, *, prediction: bool) -> Tensor:
        """The state and, where it is requested, the prediction, along the first axis; of sound the
        prediction alone."""
        ...


@dataclass(frozen=True)
class PicturePreview:
    """uint8 "N H W 3"; at the end the state and the prediction are both the answer."""

    vision: VisionTokenizer
    share: float = LARGEST_SHARE

    def render(self, step: Step, *, prediction: bool) -> Tensor:
        x_t, x_1 = _first_row(step)
        if step.last:
            return decoded(self.vision, x_t).expand(2, -1, -1, -1)
        return decoded(self.vision, torch.cat([x_t, x_1]) if prediction else x_t)


@dataclass(frozen=True)
class FilmPreview:
    """uint8 "N F H W 3" of F frames; at the end the state and the prediction are both the
    answer."""

    vision: VisionTokenizer
    share: float = FILM_SHARE

    def render(self, step: Step, *, prediction: bool) -> Tensor:
        x_t, x_1 = _first_row(step)
        if step.last:
            return frames(self.vision, x_t).expand(2, -1, -1, -1, -1)
        return frames(self.vision, torch.cat([x_t, x_1]) if prediction else x_t)


@dataclass(frozen=True)
class SoundPreview:
    """float32 "1 640 L": the prediction of a block after the codes "L' Q" that are there, on the
    device of the run."""

    audio: AudioTokenizer
    prefix_codes: Tensor
    share: float = LARGEST_SHARE

    def render(self, step: Step, *, prediction: bool) -> Tensor:
        del prediction  # a sound that is half noise is nothing to hear
        x_t, x_1 = _first_row(step)
        known = self.prefix_codes[-self.audio.reach :]
        codes = torch.cat([known[None], x_t if step.last else x_1], 1)
        return heard(self.audio, codes)[:, len(known) * POSITION :]


def _first_row(step: Step) -> tuple[Tensor, Tensor]:
    """x_t and x_1 "1 L Q" of the last segment."""
    place = len(step.x_t.segments) - 1
    return step.x_t.segments[place].tokens[:1], step.x_1[place][:1]


def heard(audio: AudioTokenizer, codes: Tensor) -> Tensor:
    """float32 "B 640 L" of codes "B L Q"; what is masked or behind the end is silent."""
    silent = (codes >= audio.config.cardinality).any(-1)
    known = audio.quantizer.decode(codes.clamp(max=audio.config.cardinality - 1))
    samples = audio.decode_vectors(known.masked_fill(silent[..., None], 0.0)).clamp(-1, 1)
    return samples.masked_fill(silent.repeat_interleave(POSITION, 1), 0.0)


def picture(vision: VisionTokenizer, codes: Tensor) -> np.ndarray:
    """uint8 "H W 3" of the first row of codes "B L Q"."""
    return decoded(vision, codes[:1]).cpu().numpy()[0]


def frames(vision: VisionTokenizer, codes: Tensor) -> Tensor:
    """uint8 "B F H W 3" of the codes "B F*L Q" of films, on their device."""
    each = codes.unflatten(1, (-1, vision.config.positions))
    return decoded(vision, each.flatten(0, 1)).unflatten(0, each.shape[:2])


def decoded(vision: VisionTokenizer, codes: Tensor) -> Tensor:
    """uint8 "B H W 3" of codes "B L Q", on their device and without waiting for it; what is masked
    is a grey patch, and no code to its neighbours."""
    masked = (codes == vision.config.cardinality).any(-1)
    known = vision.quantizer.decode(codes.clamp(max=vision.config.cardinality - 1))
    pixels = vision.pixels(known.masked_fill(masked[..., None], 0.0))
    grid = masked.view(-1, 1, vision.config.grid, vision.config.grid).float()
    hidden = F.interpolate(grid, pixels.shape[-2:], mode="nearest").bool()
    return uint8_from_pixels(torch.where(hidden, MASK_GREY, pixels))
