"""The contract of a sampler, and the settings that one can be built from.

Owns: `Sampler`, `SamplerSettings`, `SamplerSpec`, `Resume`. Does not own: which samplers there are
(`samplers.catalogue`), defaults of a checkpoint (`engine.generation.planner`).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from torch import Tensor

from flow.metric import CodebookMetric
from flow.modality import Modality, TokenSpace
from flow.schedule import Clock
from flow.sequence import OmniSequence
from samplers.counter_rng import CounterRNG
from samplers.step import Step

PARALLEL_SETTINGS = frozenset(
    {
        "steps",
        "guidance_interval",
        "guidance_every",
        "cache_share",
        "prompt_every",
        "keep_threshold",
    }
)
"""Settings of every sampler that refines all positions together."""


class Sampler(Protocol):
    """A loop over network evaluations."""

    def num_steps(self, x_0: OmniSequence) -> int:
        """Return the steps of a run from x_0, where it does not end early."""
        ...

    def sample(self, denoiser: Any, x_0: OmniSequence, *, draws: CounterRNG) -> Generator[Step]:
        """Yield one `Step` a refinement. denoiser: `samplers.denoiser.Denoiser`, or where the spec
        says causal `samplers.autoregressive.CausalDenoiser`."""
        ...


class Resume(StrEnum):
    """The rule by which a sampler takes over a state that another one made.

    PATH: a masked or unknown code is drawn from the path p_t(. | predicted). MASK: a position is
    written where it stands at its prediction, and masked elsewhere. FREEZE: as MASK, and what is
    written does not change any more.
    """

    PATH = "path"
    MASK = "mask"
    FREEZE = "freeze"


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """All that a sampler may be built from; each reads what it needs.

    spaces, metrics: of every modality. times: where the network is called, from `from_t` on, and 1
    at the end; empty where the sampler reads no grid. first_index: steps of the grid before
    `from_t`. clock: beta(t) of the path. steps:
    of a whole run. from_t in [0, 1): where the run starts. The rest are the fields of
    `engine.api.sampling.Sampling` and of a checkpoint's defaults, complete. stop: ids that end a
    row of one sub-codebook, empty where nothing does; fill: the id behind an end. recorder,
    record: turn a step into a CUDA graph, see `samplers.cuda_graph`. check_every: positions
    between two looks at the device. What has a default stands for nothing: no start, no end, no
    graph.
    """

    spaces: Mapping[Modality, TokenSpace]
    metrics: Mapping[Modality, CodebookMetric]
    times: tuple[float, ...]
    first_index: int = 0
    clock: Clock
    steps: int
    from_t: float = 0.0
    temperature: float
    top_p: float
    initial_temperature: float | None = None
    choice_temperature: float = 0.0
    block: int | None = None
    transition: str | None
    patience: int | None
    remasking: str
    mask_schedule: str
    threshold: float | None
    stop: tuple[int, ...] = ()
    stop_at_end: bool = False
    fill: int = 0
    recorder: Any = None
    record: Any = None
    check_every: int = 1


Source = Callable[..., Tensor]
"""(space, batch, length, draws, *, segment) -> x_0 int64 "B L Q", see `samplers.source`."""


@dataclass(frozen=True)
class SamplerSpec:
    """One sampler of the catalogue.

    label: the sampler in words. build: the sampler from settings. source: x_0. num_steps: (steps
    asked for, positions) -> steps of a whole run. resume: how it takes over a state. trained_as:
    the view of an answer that its network was trained on, one of a checkpoint's `samplers`.
    causal: whether it takes a causal denoiser. settings: the settings that it reads beside
    temperature, top_p, seed and guidance_scale. variants: names under which it is offered, values
    of `transition`; without any it is offered under its own name. says: a sentence about each of
    these names.
    """

    label: str
    build: Callable[[SamplerSettings], Sampler]
    source: Source
    num_steps: Callable[[int, int], int]
    resume: Resume
    trained_as: str
    causal: bool = False
    settings: frozenset[str] = frozenset()
    variants: tuple[str, ...] = ()
    says: Mapping[str, str] = field(default_factory=dict)

    def sentence(self, method: str) -> str:
        """Return a sentence about one of its names."""
        return self.says.get(method, f"{self.label.capitalize()}.")
