"""Refinements recorded once for a shape and replayed: a whole step as one CUDA graph.

A step of a small model, or of a large one with few positions, is bound by the time that it takes to
launch its thousand kernels. A graph launches them at once: backbone, head over sub-codebooks,
guidance, draw and jump. Everything that differs between two steps or two generations (tokens, what
exists, seeds, the numbers of the interval) is copied into the graph's own tensors first. Owns:
`CudaGraphCache`, `CudaCapture`, which steps can be recorded, and the lengths to which their
sequences are padded. Does not own: the step (`samplers.kinetic`).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from flow.sequence import OmniSequence, Segment
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.step import StepInputs, StepResult

Number = TypeVar("Number", int | Tensor, float | Tensor, bool | Tensor)
Found = TypeVar("Found")
WARM_UPS = 3
"""Runs before a recording, in which libraries choose their kernels and take their memory."""
SHORTEST, LONGEST_POWER = 32, 256


@runtime_checkable
class Recordable(Protocol):
    """A denoiser that does the same for the same tensors at every call."""

    def recording_key(self, x_t: OmniSequence, t: float) -> Hashable | None:
        """The key of a recording of the next call: all that it depends on besides tensor values.
        None: do not record, because it depends on earlier calls. Read once before each call."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """A denoiser whose calls change tensors of its own in place."""

    def recorded_state(self) -> list[Tensor]:
        """The tensors that its next call changes: a recording must leave them as they were."""
        ...


Replay = Callable[[], None]
Capture = Callable[[Callable[[], StepResult]], tuple[Replay, StepResult]]
"""Runs a refinement once and returns how to run it again into the same tensors, and these."""


def can_record(devices: Iterable[torch.device]) -> bool:
    """Return whether steps on these devices can be recorded: a CUDA graph belongs to one GPU."""
    found = set(devices)
    return len(found) == 1 and all(device.type == "cuda" for device in found)


def padded_length(length: int) -> int:
    """Return the positions to which a recorded prompt or answer is padded, so that few shapes
    occur: a power of two from 32 to 256, then a multiple of 256."""
    if length > LONGEST_POWER:
        return -(-length // LONGEST_POWER) * LONGEST_POWER
    return max(SHORTEST, 1 << max(length - 1, 0).bit_length())


class CudaCapture:
    """Captures CUDA graphs on one device, on one side stream and into one memory pool.

    lock: held by each capture and replay, and until a replay's result is copied: in one pool a
    graph may write where another has its result.
    """

    def __init__(self, device: torch.device) -> None:
        self.lock = RLock()
        self._device = device
        self._side: torch.cuda.Stream | None = None
        self._pool: Any = None

    def __call__(self, refine: Callable[[], Found]) -> tuple[Replay, Found]:
        """Return how to run the refinement again, and its result, which every replay overwrites.

        Raises: RuntimeError where something in it waits for the device.
        """
        with self.lock, torch.cuda.device(self._device):
            side = self._side = self._side or torch.cuda.Stream()
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    refine()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(
                graph, pool=self._pool, stream=side, capture_error_mode="thread_local"
            ):
                found = refine()

        def replay() -> None:
            with self.lock, torch.cuda.device(self._device):
                graph.replay()

        return replay, found

    def in_place(self, write: Callable[[], None]) -> Replay:
        """Return how to run something again that changes its tensors in place and may be done
        twice."""
        return self(write)[0]


@dataclass(frozen=True)
class _Recording:
    """A captured refinement and the tensors that it reads and writes."""

    x_t: OmniSequence
    moment: StepInputs
    draws: CounterRNG
    replay: Replay
    found: StepResult


class CudaGraphCache:
    """Fits `samplers.kinetic.Recorder`. Keeps the recordings used last, at most `limit`.

    The runs of all threads share the tensors of a recording, so one refinement at a time is loaded,
    replayed and read. lock: that of the capture, where it has one.
    """

    def __init__(
        self, capture: Capture, limit: int = 12, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._capture = capture
        self._limit = limit
        self._recordings: OrderedDict[Hashable, _Recording] = OrderedDict()
        self._lock = RLock() if lock is None else lock

    def __len__(self) -> int:
        return len(self._recordings)

    def clear(self) -> None:
        """Forget every recording and give its memory back."""
        with self._lock:
            self._recordings.clear()

    def __call__(
        self,
        sampler: KineticSampler,
        denoiser: Denoiser,
        x_t: OmniSequence,
        moment: StepInputs,
        draws: CounterRNG,
    ) -> StepResult:
        """One refinement, replayed where there is a recording and recorded where there can be."""
        with self._lock:
            key = _key(sampler, denoiser, x_t, moment)
            if key is None:
                return sampler.refine(denoiser, x_t, moment, draws)
            recording = self._recordings.get(key)
            if recording is None:
                recording = self._record(sampler, denoiser, x_t, moment, draws)
                self._recordings[key] = recording
                if len(self._recordings) > self._limit:
                    self._recordings.popitem(last=False)
            self._recordings.move_to_end(key)
            _load(recording, x_t, moment, draws)
            recording.replay()
            return _copied(recording.found)

    def _record(
        self,
        sampler: KineticSampler,
        denoiser: Denoiser,
        x_t: OmniSequence,
        moment: StepInputs,
        draws: CounterRNG,
    ) -> _Recording:
        x_t, moment, draws = _own(x_t), _own_moment(moment), CounterRNG(draws.seeds.clone())
        state = denoiser.recorded_state() if isinstance(denoiser, Stateful) else []
        before = [tensor.clone() for tensor in state]
        replay, found = self._capture(lambda: sampler.refine(denoiser, x_t, moment, draws))
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)
        return _Recording(x_t, moment, draws, replay, found)


def _key(
    sampler: KineticSampler, denoiser: Denoiser, x_t: OmniSequence, moment: StepInputs
) -> Hashable | None:
    """The key under which a recording can be replayed; None where the step cannot be recorded."""
    network = denoiser.recording_key(x_t, moment.t) if isinstance(denoiser, Recordable) else None
    on_device = isinstance(moment.index, Tensor)
    if network is None or not on_device or sampler.transition == "thinning":
        return None
    greedy = None if isinstance(moment.temperature, Tensor) else moment.temperature
    return (
        network,
        tuple((s.modality, s.tokens.shape) for s in x_t.segments),
        x_t.editable_segments(),
        x_t.is_padded(),
        id(sampler.metrics),
        (sampler.transition, sampler.top_p, greedy),
    )


def _own(x_t: OmniSequence) -> OmniSequence:
    """A copy of the sequence in tensors of its own."""
    return replace(x_t, segments=tuple(replace(s, **_tensors(s)) for s in x_t.segments))


def _tensors(segment: Segment) -> dict[str, Tensor]:
    return {
        "tokens": segment.tokens.clone(),
        "editable": segment.editable.clone(),
        "valid": segment.valid.clone(),
    }


def _own_moment(moment: StepInputs) -> StepInputs:
    return replace(
        moment,
        index=_cloned(moment.index),
        temperature=_cloned(moment.temperature),
        interval=replace(
            moment.interval,
            b_0=_cloned(moment.interval.b_0),
            b_1=_cloned(moment.interval.b_1),
            printed_exposure=_cloned(moment.interval.printed_exposure),
            arrives=_cloned(moment.interval.arrives),
        ),
    )


def _copied(found: StepResult) -> StepResult:
    """The result in tensors that no replay overwrites."""
    return StepResult(
        *(
            {i: tensor.clone() for i, tensor in part.items()}
            for part in (found.tokens, found.x_1, found.changed, found.confidence)
        )
    )


def _cloned(number: Number) -> Number:
    return number.clone() if isinstance(number, Tensor) else number


def _load(recording: _Recording, x_t: OmniSequence, moment: StepInputs, draws: CounterRNG) -> None:
    """Copy what this step starts from into the tensors of the recording."""
    for ours, theirs in zip(recording.x_t.segments, x_t.segments, strict=True):
        ours.tokens.copy_(theirs.tokens)
        ours.editable.copy_(theirs.editable)
        ours.valid.copy_(theirs.valid)
    recording.draws.seeds.copy_(draws.seeds)
    for ours, theirs in zip(_numbers(recording.moment), _numbers(moment), strict=True):
        ours.copy_(theirs)


def _numbers(moment: StepInputs) -> list[Tensor]:
    interval = moment.interval
    every = (
        moment.index,
        moment.temperature,
        interval.b_0,
        interval.b_1,
        interval.printed_exposure,
        interval.arrives,
    )
    return [n for n in every if isinstance(n, Tensor)]
