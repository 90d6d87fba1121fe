"""One refinement step that a sampler yields, as values on the device."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from flow.sequence import OmniSequence


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
