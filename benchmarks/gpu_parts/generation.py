"""The speed of text, images and video by every sampler, and of the sampler alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

from benchmarks.gpu_parts.timing import (
    GUIDANCE,
    STEPS,
    Figures,
    generation_s,
    image_request,
    median_s,
    refined_events,
    text_request,
)
from benchmarks.sampler_step import refinement_on_fixed_logits
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from flow.sequence import OmniSequence, response
from samplers.counter_rng import CounterRNG
from samplers.source import random_source

FRAMES = 8


def autoregressive(engine: Engine, repeats: int) -> Figures:
    """Return tokens/s of autoregressive decoding after the first eighth, which captures the
    step."""
    found: list[float] = []
    with _longer_text(engine):
        for i in range(repeats):
            sampling = Sampling(sampler="autoregressive", temperature=1.0, seed=i)
            stamps = [e.elapsed_s for e in refined_events(engine, text_request(sampling))]
            rest = stamps[len(stamps) // 8 :]
            if len(rest) > 1:
                found.append((len(rest) - 1) / (rest[-1] - rest[0]))
    return {"tokens_s": median(found), "worst_tokens_s": min(found)}


def text(engine: Engine, repeats: int) -> Figures:
    """Return tokens/s of one block for each number of refinement steps."""
    block = engine.planner.lengths[Modality.TEXT]
    seconds = {n: generation_s(engine, text_request(Sampling(steps=n)), repeats) for n in STEPS}
    speed = {f"tokens_s_{n}": block / s for n, s in seconds.items()}
    first = [refined_events(engine, text_request(Sampling(steps=16)))[0] for _ in range(repeats)]
    first_ms = 1000 * median(event.elapsed_s for event in first)
    return speed | {"step_ms": 1000 * seconds[16] / 16, "first_ms": first_ms}


def text_256(engine: Engine, repeats: int) -> Figures:
    """Return the same of four blocks as one: 256 positions, with blocks of 64."""
    with _longer_text(engine):
        return text(engine, repeats)


@contextmanager
def _longer_text(engine: Engine) -> Iterator[None]:
    """Four blocks as one."""
    before = engine.planner.lengths[Modality.TEXT]
    engine.planner.lengths[Modality.TEXT] = 4 * before
    try:
        yield
    finally:
        engine.planner.lengths[Modality.TEXT] = before


def image(engine: Engine, repeats: int) -> Figures:
    """Return seconds of a guided image for each number of steps."""
    seconds = {n: generation_s(engine, image_request(Sampling(steps=n)), repeats) for n in STEPS}
    return {f"seconds_{n}": s for n, s in seconds.items()} | {"step_ms": 1000 * seconds[16] / 16}


def image_cached(engine: Engine, repeats: int) -> Figures:
    """Return seconds of a guided image with the adaptive cache, at two shares."""
    return {
        f"seconds_16_share_{share}": generation_s(
            engine, image_request(Sampling(steps=16, cache_share=share)), repeats
        )
        for share in (0.25, 0.5)
    }


def image_plain(engine: Engine, repeats: int) -> Figures:
    """Return seconds of a guided image without captured steps: the cost of launches."""
    recorder, engine.planner.graphs = engine.planner.graphs, None
    try:
        return {"seconds_16": generation_s(engine, image_request(Sampling(steps=16)), repeats)}
    finally:
        engine.planner.graphs = recorder


def video(engine: Engine, repeats: int) -> Figures:
    """Return seconds of eight guided images refined together: the positions of a video."""
    planner, space = engine.planner, engine.model.spaces[Modality.IMAGE]
    sampling = planner.complete(Sampling(steps=16, guidance_scale=GUIDANCE), Modality.IMAGE)
    draws = CounterRNG.for_seed(0, 1, engine.device)
    length = planner.lengths[Modality.IMAGE]
    frames = [
        response(Modality.IMAGE, random_source(space, 1, length, draws, segment=i + 1))
        for i in range(FRAMES)
    ]
    asked = engine.builder.prompt_of(image_request(sampling), Modality.IMAGE)
    plan = planner.plan(asked, Modality.IMAGE, sampling, draws, 0)

    def run() -> None:
        x_0 = OmniSequence((*asked, *frames))
        for _ in replace(plan, x_0=x_0).steps():
            pass

    return {"seconds_16": median_s(engine, run, repeats)}


def sampler(engine: Engine, repeats: int) -> Figures:
    """Return milliseconds of one draw and one jump, without the network."""
    found: Figures = {}
    for modality in (Modality.TEXT, Modality.IMAGE):
        step = refinement_on_fixed_logits(engine, modality)
        found[f"{modality}_ms"] = 1000 * median_s(engine, step, repeats)
    return found
