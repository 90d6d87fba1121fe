"""One refinement step: its input, its output, and what a sampler yields of it; and a run of the
kinetic-optimal sampler, into which one refinement after another is put."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from flow.sequence import OmniSequence
from flow.transition import Interval
from samplers.categorical import GREEDY_TEMPERATURE
from samplers.source import active_positions


@dataclass(frozen=True)
class Alternatives:
    """The alternatives to the draw of x_1, given the codes before it, untempered.

    ids: int64 "B L Q k", the k likeliest codes, likeliest first. probabilities: float32 "B L Q k".
    entropy: float32 "B L Q", in nats.
    """

    ids: Tensor
    probabilities: Tensor
    entropy: Tensor


@dataclass(frozen=True)
class Step:
    """One refinement step. No tensor is written after the yield and none is shared between yields.

    index: 0 .. num_steps-1. last: whether the answer is x_t; a run may end before num_steps.
    t: time after the step, 1.0 where the run was not ended early. x_t: the state after the step.
    x_1: the drawn prediction, segment index -> int64 "B L Q". changed: segment index -> bool "B L
    Q", codes of x_t that this step moved. confidence: segment index -> float32 "B L Q",
    probability under the untempered posterior of the code drawn for x_1. nfe: network evaluations
    so far. num_active: editable positions that this step's network call evaluated, all segments
    together, per row.
    """

    index: int
    num_steps: int
    last: bool
    t: float
    x_t: OmniSequence
    x_1: Mapping[int, Tensor]
    changed: Mapping[int, Tensor]
    confidence: Mapping[int, Tensor]
    nfe: int
    num_active: int


@dataclass(frozen=True)
class StepInputs:
    """The place of a refinement of the flow in its run. t: a hint for the denoiser. index: number
    of the network call. The numbers are Python's, or tensors without an axis, on the device, or
    tensors "B" where each row of a batch has its own."""

    t: float
    index: int | Tensor
    interval: Interval
    temperature: float | Tensor


@dataclass(frozen=True)
class StepResult:
    """The result of one refinement, by segment index; see `samplers.step.Step`. tokens: of x_t."""

    tokens: Mapping[int, Tensor]
    x_1: Mapping[int, Tensor]
    changed: Mapping[int, Tensor]
    confidence: Mapping[int, Tensor]


def on_device(moments: Sequence[StepInputs], device: torch.device) -> list[StepInputs]:
    """The same moments with their numbers in memory of the device, moved there at once. A greedy
    temperature stays a number: it is another kind of draw."""
    rows = [
        (
            m.interval.b_0,
            m.interval.b_0 if m.interval.arrives else m.interval.b_1,
            m.interval.printed_exposure,
            m.temperature,
        )
        for m in moments
    ]
    indices = torch.tensor([m.index for m in moments]).to(device)
    arrives = torch.tensor([bool(m.interval.arrives) for m in moments]).to(device)
    table = torch.tensor(rows, dtype=torch.float32).to(device)
    return [
        StepInputs(
            m.t,
            indices[k],
            Interval(table[k, 0], table[k, 1], table[k, 2], arrives[k]),
            m.temperature if _is_greedy(m.temperature) else table[k, 3],
        )
        for k, m in enumerate(moments)
    ]


def _is_greedy(temperature: float | Tensor) -> bool:
    return not isinstance(temperature, Tensor) and temperature <= GREEDY_TEMPERATURE


@dataclass
class KineticRun:
    """x_t: where the run is. times: where it starts and where each step ends. moments: of each
    step. patience: see `samplers.kinetic.KineticSampler`. It is over once `moment` is None."""

    x_t: OmniSequence
    times: Sequence[float]
    moments: Sequence[StepInputs]
    patience: int | None
    num_active: int = field(init=False)
    _index: int = field(default=0, init=False)
    _calm: int = field(default=0, init=False)
    _before: Mapping[int, Tensor] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.num_active = sum(
            int(active_positions(self.x_t.segments[i]).sum(dim=1).max())
            for i in self.x_t.editable_segments()
        )

    @property
    def moment(self) -> StepInputs | None:
        """The moment of the next step."""
        return self.moments[self._index] if self._index < len(self.moments) else None

    def take(self, refined: StepResult, num_evaluated: int) -> Step:
        """Return the step that a refinement of `x_t` at `moment` is; the run goes on behind it.
        num_evaluated: positions a row that its network call evaluated."""
        self.x_t = self.x_t.with_tokens(refined.tokens)
        index, num_steps = self._index, len(self.moments)
        arrived = self._is_calm(refined)
        self._index = num_steps if arrived else index + 1
        return Step(
            index=index,
            num_steps=num_steps,
            last=self._index == num_steps,
            t=self.times[index + 1],
            x_t=self.x_t,
            x_1=refined.x_1,
            changed=refined.changed,
            confidence=refined.confidence,
            nfe=index + 1,
            num_active=num_evaluated,
        )

    def _is_calm(self, refined: StepResult) -> bool:
        """Return whether the prediction has not changed for so long that the run may end."""
        if self.patience is None:  # comparing waits for the device
            return False
        self._calm = self._calm + 1 if self._before and _same(self._before, refined.x_1) else 0
        self._before = refined.x_1
        return self._calm >= self.patience and _same(refined.tokens, refined.x_1)


def _same(one: Mapping[int, Tensor], other: Mapping[int, Tensor]) -> bool:
    return all(torch.equal(one[i], other[i]) for i in one)
