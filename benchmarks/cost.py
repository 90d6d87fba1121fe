"""The cost of the sampler itself, and the savings of the adaptive cache.

The sampler's share of a step is the time outside the network (backbone, guidance and the head over
sub-codebooks are network), on one thread, by processor time. Active tokens are counted, not timed.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor

from benchmarks.report import common_parser, loaded, publish
from engine.api.conversation import Conversation
from engine.api.events import Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from flow.schedule import Schedule, uniform_grid
from flow.sequence import OmniSequence, prompt, response
from samplers.counter_rng import CounterRNG
from samplers.denoiser import Denoiser, Posterior
from samplers.kinetic import KineticSampler

PROMPT_TOKENS, STEPS, CACHE_SHARE = 16, 16, 0.4
PROMPTS = ("a red heart above a dog", "three apples at sea", "a cat", "a blue car and a tree")


@dataclass
class TimedDenoiser:
    """A denoiser that adds up the processor time that it and its posteriors take."""

    inside: Denoiser
    seconds: float = field(default=0.0, init=False)

    def __call__(self, x_t: OmniSequence, t: float) -> Mapping[int, Posterior]:
        started = time.process_time()
        found = self.inside(x_t, t)
        self.seconds += time.process_time() - started
        return {i: _TimedPosterior(p, self) for i, p in found.items()}


class _TimedPosterior:
    def __init__(self, inside: Posterior, owner: TimedDenoiser) -> None:
        self.num_codebooks = inside.num_codebooks
        self._inside, self._owner = inside, owner

    def logits(self, chosen: Tensor) -> Tensor:
        started = time.process_time()
        found = self._inside.logits(chosen)
        self._owner.seconds += time.process_time() - started
        return found


def main() -> int:
    parser = common_parser("cost", __doc__, num=9, seed=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    torch.set_num_threads(1)
    engine = loaded(arguments)
    if engine is None:
        return 2
    metrics = {
        f"sampler_share_{modality}": median(
            _sampler_share(engine, modality, arguments.seed + i) for i in range(arguments.num)
        )
        for modality in (Modality.IMAGE, Modality.TEXT)
    }
    for name, share in (("plain", None), ("cached", CACHE_SHARE)):
        metrics[f"active_tokens_{name}"] = _active_tokens(engine, share, arguments.seed)
    publish("cost", engine, arguments, started, metrics)
    return 0


def _sampler_share(engine: Engine, modality: Modality, seed: int) -> float:
    """Return the share of an unguided run of `STEPS` steps spent outside the network."""
    flow, space = engine.planner.flows[modality], engine.model.spaces[modality]
    sampler = KineticSampler(
        engine.planner.metrics, times=uniform_grid(STEPS), schedule=Schedule(flow.c, flow.a)
    )
    draws = CounterRNG.for_seed(seed, 1, engine.device)
    words = torch.randint(40, 300, (1, PROMPT_TOKENS, 1), device=engine.device)
    source = sampler.source(space, 1, engine.planner.lengths[modality], draws, segment=1)
    x_0 = OmniSequence((prompt(Modality.TEXT, words), response(modality, source)))
    timed = TimedDenoiser(engine.model)
    started = time.process_time()
    for _ in sampler.sample(timed, x_0, draws=draws):
        pass
    return 1 - timed.seconds / (time.process_time() - started)


def _active_tokens(engine: Engine, share: float | None, seed: int) -> float:
    """Return the mean number of image positions that a step of a guided run evaluates."""
    counts: list[int] = []
    for i, case in enumerate(PROMPTS):
        sampling = Sampling(steps=STEPS, cache_share=share, seed=seed + i)
        request = Request(Conversation.ask(case), Modality.IMAGE, sampling)
        events = engine.generate(request, preview_hz=0)
        counts += [e.num_active for e in events if isinstance(e, Refined)]
    return sum(counts) / len(counts)


if __name__ == "__main__":
    sys.exit(main())
