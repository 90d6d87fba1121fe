"""Steps on their way from the device to the page, where neither waits for the other.

On a CPU a step is there at once. On CUDA its ids are copied, and its preview is decoded, on a
stream of their own while the sampler goes on; the host reads a step when `AHEAD` later ones are
under way, so the GPU always has work. Owns: `Landed`, `landing`.
"""

import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from engine.events import Likely
from engine.preview import PreviewClock, decoded
from model.vision import VisionTokenizer
from samplers.step import Step

AHEAD = 2


@dataclass(frozen=True)
class Landed:
    """A step whose last segment is on the host: x_t, x_1 int64 "L Q", changed bool "L Q" and
    confidence float32 "L Q" of the first row. images: uint8 "N H W 3", the state and the
    prediction, or the prediction alone; None where no preview was due. likely: where the run was
    watched."""

    step: Step
    x_t: np.ndarray
    x_1: np.ndarray
    changed: np.ndarray
    confidence: np.ndarray
    images: np.ndarray | None
    likely: Likely | None

    @classmethod
    def of(cls, step: Step, host: Sequence[Tensor], images: np.ndarray | None) -> "Landed":
        """From the copies of `_tensors`."""
        x_t, x_1, changed, confidence, *watched = (t.numpy() for t in host)
        return cls(
            step, x_t, x_1, changed, confidence, images, Likely(*watched) if watched else None
        )


def landing(
    steps: Generator[Step], vision: VisionTokenizer | None, clock: PreviewClock
) -> Generator[Landed]:
    """The steps in order, on the host; closing it closes the sampler. vision: decodes the previews
    of a picture, None where there are none."""
    flights: deque[_OnCuda] = deque()
    with closing(steps):
        for step in steps:
            shows = vision if clock.is_due(last=step.last) else None
            state = clock.with_state(last=step.last)
            if not step.x_t.segments[-1].tokens.is_cuda:
                yield _at_once(step, shows, clock, state=state)
                continue
            flights.append(_OnCuda(step, shows, clock, state=state))
            if len(flights) > AHEAD:
                yield flights.popleft().landed()
        while flights:
            yield flights.popleft().landed()


def _at_once(
    step: Step, vision: VisionTokenizer | None, clock: PreviewClock, *, state: bool
) -> Landed:
    began_s = time.monotonic()
    images = None if vision is None else _images(step, vision, state=state).numpy()
    if images is not None:
        clock.shown(began_s, time.monotonic() - began_s)
    return Landed.of(step, _tensors(step), images)


class _OnCuda:
    """A step whose copies are under way on a stream of their own."""

    def __init__(
        self, step: Step, vision: VisionTokenizer | None, clock: PreviewClock, *, state: bool
    ) -> None:
        self._step, self._clock = step, clock
        self._began_s = time.monotonic()
        device = step.x_t.segments[-1].tokens.device
        tensors = _tensors(step)
        side = _side_stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        self._copied, self._started, self._ended = (
            torch.cuda.Event(enable_timing=True) for _ in range(3)
        )
        with torch.cuda.stream(side):
            self._host = [_to_host(t, side) for t in tensors]
            self._copied.record(side)
            self._picture: Tensor | None = None
            if vision is not None:
                for tensor in tensors[:2]:
                    tensor.record_stream(side)
                self._started.record(side)
                self._picture = _to_host(_images(step, vision, state=state), side)
                self._ended.record(side)

    def landed(self) -> Landed:
        """The step, as soon as its copies are there."""
        self._copied.synchronize()
        images: np.ndarray | None = None
        if self._picture is not None:
            self._ended.synchronize()
            images = self._picture.numpy()
            self._clock.shown(self._began_s, self._started.elapsed_time(self._ended) / 1000)
        return Landed.of(self._step, self._host, images)


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _to_host(tensor: Tensor, side: torch.cuda.Stream) -> Tensor:
    """A copy in pinned memory, there when the stream has come so far."""
    tensor.record_stream(side)
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def _tensors(step: Step) -> list[Tensor]:
    """Of the first row of the last segment: x_t, x_1, changed, confidence, and what was watched."""
    place = len(step.x_t.segments) - 1
    found = [
        step.x_t.segments[place].tokens[0],
        step.x_1[place][0],
        step.changed[place][0],
        step.confidence[place][0].float(),
    ]
    if step.alternatives is not None:
        seen = step.alternatives[place]
        found += [seen.ids[0], seen.probabilities[0], seen.entropy[0]]
    return found


def _images(step: Step, vision: VisionTokenizer, *, state: bool) -> Tensor:
    """uint8 "N H W 3", the state, where it is shown, and the prediction; at the end both are the
    answer."""
    place = len(step.x_t.segments) - 1
    x_t = step.x_t.segments[place].tokens[:1]
    if step.last:
        return decoded(vision, x_t).expand(2, -1, -1, -1)
    x_1 = step.x_1[place][:1]
    return decoded(vision, torch.cat([x_t, x_1]) if state else x_1)
