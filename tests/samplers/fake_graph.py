"""Stand-ins for CUDA graphs on a CPU: a run takes the path that a GPU takes, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from engine.denoisers.cache import CachedDenoiser
from flow.sequence import OmniSequence
from samplers.counter_rng import CounterRNG
from samplers.cuda_graph import CudaGraphCache, Replay
from samplers.denoiser import Denoiser
from samplers.kinetic import KineticSampler
from samplers.step import StepInputs, StepResult, on_device


@dataclass
class FakeGraph:
    """Runs the step again into the tensors of its first run, as a CUDA graph does. cached: whose
    plan is fixed by a recording. lazy: the first replay is left out, since the capture has just
    computed the same; not where a denoiser has a state."""

    captured: int = 0
    cached: CachedDenoiser | None = None
    lazy: bool = False

    def __call__(self, refine: Callable[[], StepResult]) -> tuple[Replay, StepResult]:
        self.captured += 1
        found = refine()
        cached = self.cached
        plan = None if cached is None else cached._planned

        fresh = self.lazy

        def replay() -> None:
            nonlocal fresh
            if fresh:
                fresh = False
                return
            if cached is not None:
                cached._planned = plan
            again = refine()
            for name in ("tokens", "x_1", "changed", "confidence"):
                for i, tensor in getattr(again, name).items():
                    getattr(found, name)[i].copy_(tensor)

        return replay, found


class OnDevice(CudaGraphCache):
    """A recorder that is given moments as a GPU run has them."""

    def __call__(
        self,
        sampler: KineticSampler,
        denoiser: Denoiser,
        x_t: OmniSequence,
        moment: StepInputs,
        draws: CounterRNG,
    ) -> StepResult:
        (moment,) = on_device([moment], torch.device("cpu"))
        return super().__call__(sampler, denoiser, x_t, replace(moment), draws)
