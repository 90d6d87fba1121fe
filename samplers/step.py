"""One refinement step: what goes in, what comes out, and what a sampler yields of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flow.sequence import OmniSequence
from flow.transition import Interval
from samplers.categorical import GREEDY_TEMPERATURE


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
    of the network call. The numbers are Python's, or tensors without an axis, on the device."""

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
