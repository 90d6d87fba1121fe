"""Steps from the device to the host, where neither waits for the other.

On a CPU a step is there at once. On CUDA its ids are copied, and its preview is decoded, on a
stream of their own while the sampler goes on; the host reads a step when `AHEAD` later ones are
under way, so the GPU always has work. Owns: `HostStep`, `host_steps`, `last_tokens`.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from engine.api.events import Likely
from engine.denoisers.alternatives import CausalTopKRecorder, TopKRecorder
from engine.generation.planner import SegmentPlan
from engine.media.preview import Preview, PreviewClock
from samplers.step import Step

AHEAD = 2


@dataclass(frozen=True)
class HostStep:
    """A step whose last segment is on the host: x_t, x_1 int64 "L Q", changed bool "L Q" and
    confidence float32 "L Q" of the first row. shown: what the preview made of the state and the
    prediction "2 ..", or of the prediction alone "1 .."; None where none was due. likely: where the
    run was watched."""

    step: Step
    x_t: np.ndarray
    x_1: np.ndarray
    changed: np.ndarray
    confidence: np.ndarray
    shown: np.ndarray | None
    likely: Likely | None

    @classmethod
    def of(cls, step: Step, host: Sequence[Tensor], shown: np.ndarray | None) -> "HostStep":
        """Return the step on the host from the copies of `_tensors`."""
        x_t, x_1, changed, confidence, *watched = (t.numpy() for t in host)
        return cls(
            step, x_t, x_1, changed, confidence, shown, Likely(*watched) if watched else None
        )


def host_steps(
    plan: SegmentPlan,
    preview: Preview | None,
    clock: PreviewClock,
    steps_of: Callable[[SegmentPlan], Generator[Step]] = lambda plan: plan.steps(),
) -> Generator[HostStep]:
    """Yield the steps of a plan in order, on the host; closing it closes the sampler. preview:
    decodes what is shown of media, None where there is nothing. steps_of: computes the steps, see
    `engine.step_batch`."""
    flights: deque[_OnCuda] = deque()
    with closing(steps_of(plan)) as steps:
        for step in steps:
            tensors = _tensors(step, plan.alternatives)
            shows = preview if clock.is_due(last=step.last) else None
            both = clock.with_prediction(last=step.last)
            if not step.x_t.segments[-1].tokens.is_cuda:
                yield _at_once(step, tensors, shows, clock, prediction=both)
                continue
            flights.append(_OnCuda(step, tensors, shows, clock, prediction=both))
            if len(flights) > AHEAD:
                yield flights.popleft().host_step()
        while flights:
            yield flights.popleft().host_step()


def last_tokens(step: Step) -> list[np.ndarray]:
    """Return the valid tokens "L Q" of each row of the last segment."""
    segment = step.x_t.segments[-1]
    rows = zip(segment.tokens, segment.valid, strict=True)
    return [tokens[valid].cpu().numpy() for tokens, valid in rows]


def _at_once(
    step: Step,
    tensors: Sequence[Tensor],
    preview: Preview | None,
    clock: PreviewClock,
    *,
    prediction: bool,
) -> HostStep:
    began_s = time.monotonic()
    shown: np.ndarray | None = None
    if preview is not None:
        shown = preview.render(step, prediction=prediction).numpy()
        clock.shown(began_s, time.monotonic() - began_s, preview.share)
    return HostStep.of(step, tensors, shown)


class _OnCuda:
    """A step that is being copied on a stream of its own."""

    def __init__(
        self,
        step: Step,
        tensors: Sequence[Tensor],
        preview: Preview | None,
        clock: PreviewClock,
        *,
        prediction: bool,
    ) -> None:
        self._step, self._clock, self._preview = step, clock, preview
        self._began_s = time.monotonic()
        device = step.x_t.segments[-1].tokens.device
        side = _side_stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        self._copied, self._started, self._ended = (
            torch.cuda.Event(enable_timing=True) for _ in range(3)
        )
        with torch.cuda.stream(side):
            self._host = [_to_host(t, side) for t in tensors]
            self._copied.record(side)
            self._shown: Tensor | None = None
            if preview is not None:
                for tensor in tensors[:2]:
                    tensor.record_stream(side)
                self._started.record(side)
                self._shown = _to_host(preview.render(step, prediction=prediction), side)
                self._ended.record(side)

    def host_step(self) -> HostStep:
        """Return the step, as soon as its copies are there."""
        self._copied.synchronize()
        shown: np.ndarray | None = None
        if self._shown is not None and self._preview is not None:
            self._ended.synchronize()
            shown = self._shown.numpy()
            cost_s = self._started.elapsed_time(self._ended) / 1000
            self._clock.shown(self._began_s, cost_s, self._preview.share)
        return HostStep.of(self._step, self._host, shown)


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _to_host(tensor: Tensor, side: torch.cuda.Stream) -> Tensor:
    """A copy in pinned memory, there when the stream has come so far."""
    tensor.record_stream(side)
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def _tensors(step: Step, recorder: TopKRecorder | CausalTopKRecorder | None) -> list[Tensor]:
    """Return x_t, x_1, changed, confidence of the last segment's first row, and the alternatives
    where the run is watched."""
    place = len(step.x_t.segments) - 1
    found = [
        step.x_t.segments[place].tokens[0],
        step.x_1[place][0],
        step.changed[place][0],
        step.confidence[place][0].float(),
    ]
    if recorder is not None:
        seen = recorder.alternatives()[place]
        found += [seen.ids[0], seen.probabilities[0], seen.entropy[0]]
    return found
