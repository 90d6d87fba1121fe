"""One draw and one jump of the flow sampler on fixed logits: a step without its network."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, response
from samplers.blockwise import BlockwiseSampler
from samplers.counter_rng import CounterRNG
from samplers.kinetic import KineticSampler
from samplers.step import on_device


class _FixedPosterior:
    """A posterior with the same logits "B L Q V" whatever was chosen before."""

    def __init__(self, logits: Tensor) -> None:
        self.num_codebooks = logits.shape[2]
        self._logits = logits

    def logits(self, chosen: Tensor) -> Tensor:
        return self._logits[:, :, chosen.shape[-1]]


def refinement_on_fixed_logits(engine: Engine, modality: Modality) -> Callable[[], object]:
    """Return a call of `KineticSampler.refine` on random logits "1 L Q V" of a modality."""
    planner, space = engine.planner, engine.model.spaces[modality]
    asked = planner.complete(Sampling(steps=16, grid="uniform"), modality)
    draws = CounterRNG.for_seed(0, 1, engine.device)
    sampler = planner.plan([], modality, asked, draws, 0).sampler
    sampler = sampler.inside if isinstance(sampler, BlockwiseSampler) else sampler
    assert isinstance(sampler, KineticSampler)
    source = planner.noise(modality, asked, draws, 0)
    x_t = OmniSequence((response(modality, source),)).with_cached_flags()
    shape = (1, planner.lengths[modality], space.num_codebooks, space.cardinality)
    posterior = _FixedPosterior(torch.randn(shape, device=engine.device))
    moment = sampler.moments()[8]
    if engine.device.type != "cpu":  # as `KineticSampler.sample` does
        (moment,) = on_device([moment], engine.device)
    return torch.inference_mode()(
        lambda: sampler.refine(lambda x_t, t: {0: posterior}, x_t, moment, draws)
    )
